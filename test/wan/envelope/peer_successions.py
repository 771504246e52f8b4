#!/usr/bin/python3
"""Keys of a gateway that follow each other, by a second implementation: prints test/vectors/successions.json.

A head end knows the first key of gw-1 and no other. Each case is a birth record, and what becomes of it.
"""
import json
import sys

sys.dont_write_bytecode = True  # a test leaves nothing behind

from peer import DEVICE, KEY_EPOCH, NOW, RECORDED_AT, ROOT, SEQUENCE, STREAM, Key, BODY, encode, loose, signed

NEXT_KEY, SUCCESSIONS = -70009, -70010
BIRTH = {"kind": "birth", "version": "1.0.0", "start": 2, "devices": []}
SECOND, THIRD = (Key(f"device {epoch}", "gw-1", epoch=epoch) for epoch in (2, 3))
THIEF = Key("thief", "gw-1", epoch=2)


def succession(key, by, **change):
    return signed({KEY_EPOCH: key.epoch, NEXT_KEY: key.public, **{int(k[1:]) * -1: v for k, v in change.items()}}, by)


def birth(key, *chain, stream="birth", issuer="gw-1", by=None):
    claims = {1: issuer, 3: "u/north", 6: NOW, STREAM: stream, KEY_EPOCH: key.epoch, SEQUENCE: 7,
              BODY: encode(BIRTH), RECORDED_AT: NOW * 1000}
    return signed({**claims, **({SUCCESSIONS: list(chain)} if chain else {})}, by or key)


FIRST_TO_SECOND = succession(SECOND, DEVICE)
SECOND_TO_THIRD = succession(THIRD, SECOND)


def cases():
    yield "the first key itself", birth(DEVICE), "ok"
    yield "the next key", birth(SECOND, FIRST_TO_SECOND), "ok"
    yield "the key after the next", birth(THIRD, FIRST_TO_SECOND, SECOND_TO_THIRD), "ok"
    yield "the next key without a word", birth(SECOND), "key-unknown"
    yield "a chain whose beginning is not known", birth(THIRD, SECOND_TO_THIRD), "key-unknown"
    yield "a chain to another key", birth(THIEF, FIRST_TO_SECOND), "key-unknown"
    yield "a chain in the wrong order", birth(THIRD, SECOND_TO_THIRD, FIRST_TO_SECOND), "key-unknown"
    yield "a key that speaks for itself", birth(THIEF, succession(THIEF, THIEF)), "key-unknown"
    yield "a key skipped", birth(THIRD, succession(THIRD, DEVICE)), "key-unknown"
    yield "an epoch that stays", birth(THIEF, signed({KEY_EPOCH: 1, NEXT_KEY: THIEF.public}, DEVICE)), "key-unknown"
    yield "a statement with a claim more", birth(SECOND, succession(SECOND, DEVICE, _1=1)), "key-unknown"
    yield "a statement with a flipped bit", birth(SECOND, FIRST_TO_SECOND[:-1] + bytes([FIRST_TO_SECOND[-1] ^ 1])), "key-unknown"
    yield "a key of small order", birth(SECOND, signed({KEY_EPOCH: 2, NEXT_KEY: bytes(32)}, DEVICE)), "key-unknown"
    yield "a record signed by another", birth(SECOND, FIRST_TO_SECOND, by=THIEF), "key-unknown"
    yield "five statements", birth(SECOND, *[FIRST_TO_SECOND] * 5), "key-unknown"
    yield "another gateway's name", birth(SECOND, FIRST_TO_SECOND, issuer="gw-2"), "issuer-mismatch"
    yield "a status that brings a chain", birth(SECOND, FIRST_TO_SECOND, stream="status"), "claim-unknown"


def command_as_statement():
    """A statement is no command and no record, whoever signs it."""
    return {"statement": FIRST_TO_SECOND.hex(), "byIssuer": succession(SECOND, ROOT).hex()}


if __name__ == "__main__":
    json.dump({
        "source": "test/wan/envelope/peer_successions.py with cbor2 and PyNaCl (libsodium), keys from fixed seeds",
        "now": NOW,
        "first": DEVICE.record(),
        "cases": [{"name": name, "hex": data.hex(), "verdict": why} for name, data, why in cases()],
        **command_as_statement(),
    }, sys.stdout, indent=1)
    print()
