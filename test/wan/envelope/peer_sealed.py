#!/usr/bin/python3
"""A second implementation of sealed content, with PyNaCl (libsodium), to test the first against.

    peer_sealed.py    prints test/vectors/sealed.json: boxes to one gateway, and what is wrong with the others

The ephemeral keys are from fixed seeds, so that the file can be made again; nobody else may do that.
"""
import hashlib
import hmac
import json
import sys

sys.dont_write_bytecode = True  # a test leaves nothing behind

from nacl.public import Box, PrivateKey, PublicKey

from peer import DEVICE, encode, loose, Raw

BLOCK = 256


def box_key(seed):
    """HKDF-SHA-512 (RFC 5869) of the Ed25519 private key, without salt."""
    extracted = hmac.new(bytes(64), seed, hashlib.sha512).digest()
    return PrivateKey(hmac.new(extracted, b"underglass-box-1\x01", hashlib.sha512).digest()[:32])


def padded(content):
    return content + b"\x80" + bytes(-(len(content) + 1) % BLOCK)


def nonce_of(ephemeral, public, issuer, gateway, mrid):
    about = f"{issuer}/{gateway}/{mrid}".encode()
    return hashlib.sha256(b"underglass-sealed-1\x00" + ephemeral + public + about).digest()[:24]


def seal(plain, issuer="grid-ops", gateway="gw-1", mrid="", to=DEVICE, name="ephemeral"):
    own = PrivateKey(hashlib.sha256(b"underglass test key " + name.encode()).digest())
    public = bytes(box_key(bytes(to.signing)).public_key)
    ephemeral = bytes(own.public_key)
    nonce = nonce_of(ephemeral, public, issuer, gateway, mrid)
    return ephemeral + Box(own, PublicKey(public)).encrypt(plain, nonce).ciphertext


MESSAGE = {1: 1, 2: "Your meter is changed on Tuesday."}
CODE = {1: 0, 2: "482913"}
SEALED = {1: 9, 37: seal(padded(encode(MESSAGE)))}
SEALED_CODE = {1: 9, 2: "ev-1", 37: seal(padded(encode(CODE)), mrid="ev-1", name="ephemeral of a code")}


def rows():
    good = padded(encode(MESSAGE))
    for name, box, context, says in [
        ("message", seal(good), {}, {"kind": "message", "text": MESSAGE[2]}),
        ("code of the customer", seal(padded(encode(CODE))), {}, {"kind": "code", "text": CODE[2]}),
        ("code of an event", SEALED_CODE[37], {"mRID": "ev-1"}, {"kind": "code", "text": CODE[2]}),
        ("message of 280", seal(padded(encode({1: 1, 2: "é" * 280}))), {}, {"kind": "message", "text": "é" * 280}),
        ("content that fills its block", seal(padded(encode({1: 1, 2: "x" * 249}))), {}, {"kind": "message", "text": "x" * 249}),
        ("another event", SEALED_CODE[37], {"mRID": "ev-2"}, "sealed-not-for-us"),
        ("an event it was not for", seal(good), {"mRID": "ev-1"}, "sealed-not-for-us"),
        ("another issuer", seal(good), {"issuer": "aggregator-b"}, "sealed-not-for-us"),
        ("another gateway's name", seal(good, gateway="gw-2"), {}, "sealed-not-for-us"),
        ("another gateway's key", seal(good, to=ROOT_KEY), {}, "sealed-not-for-us"),
        ("no padding", seal(encode(MESSAGE)), {}, "sealed-unreadable"),
        ("padding of zeros only", seal(bytes(256)), {}, "sealed-unreadable"),
        ("padding to 255", seal(padded(encode(MESSAGE))[:-1]), {}, "sealed-unreadable"),
        ("no content", seal(padded(b"")), {}, "sealed-unreadable"),
        ("no map", seal(padded(encode([0, "482913"]))), {}, "sealed-unreadable"),
        ("kind 2", seal(padded(encode({1: 2, 2: "x"}))), {}, "sealed-unreadable"),
        ("no text", seal(padded(encode({1: 0}))), {}, "sealed-unreadable"),
        ("empty text", seal(padded(encode({1: 0, 2: ""}))), {}, "sealed-unreadable"),
        ("text of 281", seal(padded(encode({1: 1, 2: "x" * 281}))), {}, "sealed-unreadable"),
        ("text of two lines", seal(padded(encode({1: 1, 2: "a\nb"}))), {}, "sealed-unreadable"),
        ("a key too many", seal(padded(encode({**CODE, 3: 1}))), {}, "sealed-unreadable"),
        ("not canonical", seal(padded(loose({1: Raw(b"\x18\x01"), 2: "x"}))), {}, "sealed-unreadable"),
    ]:
        verdict = {"refusal": says} if isinstance(says, str) else {"content": says}
        yield {"name": name, "box": box.hex(), **context, **verdict}


class ROOT_KEY:
    signing = hashlib.sha256(b"another device").digest()


if __name__ == "__main__":
    private = box_key(bytes(DEVICE.signing))
    vectors = {
        "source": "test/wan/envelope/peer_sealed.py with PyNaCl (libsodium), keys from fixed seeds",
        "seed": bytes(DEVICE.signing).hex(),
        "boxKey": bytes(private.public_key).hex(),
        "rows": list(rows()),
    }
    json.dump(vectors, sys.stdout, indent=1, ensure_ascii=False)
    print()
