#!/usr/bin/python3
"""Trust documents by a second implementation, with cbor2 and PyNaCl: prints test/vectors/trust.json.

Each case is a bundle of documents for a gateway with the first root in place, and the verdict it must meet.
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True  # a test leaves nothing behind

from nacl.signing import SigningKey

from peer import EVENT, NOW, Key, claims, encode, signed

YEAR = 365 * 24 * 3600


class Holder:
    """A person with a root key."""

    def __init__(self, name):
        self.signing = SigningKey(hashlib.sha256(b"underglass test root " + name.encode()).digest())
        self.public = bytes(self.signing.verify_key)
        self.kid = hashlib.sha256(self.public).digest()[:8]


ANN, BEN, CAT, DAN = (Holder(name) for name in ("ann", "ben", "cat", "dan"))
DISPATCHER = Key("dispatcher", "grid-north")
EMERGENCY = Key("emergency", "control-room")


def root(version=1, keys=(ANN, BEN, CAT), threshold=2, emergency=3, expires=NOW + YEAR, **change):
    return {1: 1, 2: "north", 3: version, 4: NOW - 60, 5: expires, 6: [key.public for key in keys],
            7: threshold, 8: {"emergency": emergency}, **change}


def delegation(key=DISPATCHER, roles=("dispatcher",), operations=(1, 2, 4), cls=1, version=1, **change):
    return {1: 2, 2: "north", 3: version, 4: NOW - 60, 9: list(roles), 10: key.issuer, 11: key.public, 12: -19,
            13: key.epoch, 14: list(operations), 15: cls, 16: [1, 255], 20: NOW - 60, 21: NOW + YEAR,
            **{int(name[1:]): value for name, value in change.items()}}


def revocations(version, *keys):
    return {1: 3, 2: "north", 3: version, 4: NOW - 60, 22: [key.kid for key in keys]}


def document(payload, *signers, context="Signature", alg=-19, body_header=b"", unprotected=None, payload_header=None):
    """COSE_Sign (RFC 9052, 4.1), every signature over the body's empty header, its own, and the payload."""
    raw = payload if isinstance(payload, bytes) else encode(payload)
    signatures = []
    for signer in signers or (ANN, BEN):
        header = payload_header or encode({1: alg, 4: signer.kid})
        structure = encode([context, body_header, header, b"", raw])
        signatures.append([header, {}, signer.signing.sign(structure).signature])
    return b"\xd8\x62" + encode([body_header, unprotected or {}, raw, signatures])


ROOT = document(root())
DELEGATED = document(delegation())


def carried(documents, key=DISPATCHER, **changes):
    """The command of kind trust that brings them."""
    return signed(claims({1: 12, 40: list(documents)}, key, **{"cls": 4, "primacy": 255, **changes}), key)


def cases():
    emergency = delegation(EMERGENCY, ("emergency",), cls=0)
    second = root(2, (ANN, BEN, DAN))
    yield "a delegation", [DELEGATED], "ok"
    yield "the root again, and a delegation", [ROOT, DELEGATED], "ok"
    yield "an emergency by three", [document(emergency, ANN, BEN, CAT)], "ok"
    yield "everything a delegation can hold", [document(delegation(
        _17=["feeder-7"], _18=["gw-1"], _19={2: [2000, 9000], 4: [-(10**12), 10**12]}))], "ok"
    yield "the next root by old and new", [document(second, ANN, BEN)], "ok"
    yield "a chain of three", [document(second, ANN, BEN), document(root(3, (ANN, DAN)) | {8: {"emergency": 2}}, ANN, DAN)], "ok"
    yield "a revocation", [document(revocations(1, DISPATCHER))], "ok"
    yield "an emergency by two", [document(emergency, ANN, BEN)], "threshold-not-met"
    yield "one signature", [document(delegation(), ANN)], "threshold-not-met"
    yield "one key twice", [document(delegation(), ANN, ANN)], "signer-twice"
    yield "a stranger as second", [document(delegation(), ANN, DAN)], "threshold-not-met"
    yield "the context of a command", [document(delegation(), context="Signature1")], "signature-invalid"
    yield "the older algorithm", [document(delegation(), alg=-8)], "document-form"
    yield "a header on the body", [document(delegation(), body_header=encode({3: 0}))], "document-form"
    yield "an unprotected header", [document(delegation(), unprotected={3: 0})], "document-form"
    yield "a command for a document", [signed(claims(EVENT))], "document-form"
    yield "an unknown kind", [document({**delegation(), 1: 4})], "document-unknown"
    yield "an unknown field", [document({**delegation(), 99: 1})], "document-form"
    yield "an unknown role", [document(delegation(roles=("king",)))], "role-unknown"
    yield "a dispatcher of emergencies", [document(delegation(cls=0))], "role-exceeded"
    yield "a dispatcher of grants", [document(delegation(operations=(1, 3)))], "role-exceeded"
    yield "another utility", [document({**delegation(), 2: "south"})], "utility-mismatch"
    yield "a root key as dispatcher", [document({**delegation(), 11: CAT.public})], "root-key-delegated"
    yield "a key of small order", [document({**delegation(), 11: bytes(32)})], "key-refused"
    yield "the next root by the old alone", [document(root(2, (BEN, CAT, DAN), emergency=3), ANN, BEN)], "threshold-not-met"
    yield "the next root by the new alone", [document(root(2, (CAT, DAN), emergency=2), CAT, DAN)], "threshold-not-met-by-old"
    yield "a root two versions on", [document(root(3))], "version-skipped"
    yield "another first root", [document(root(expires=NOW + 60))], "version-reused"
    yield "an expired root", [document(root(2, expires=NOW))], "root-expired"
    yield "a root with a key twice", [document(root(2, (ANN, BEN, ANN)))], "root-key-twice"
    yield "a root that asks for four of three", [document(root(2, threshold=4, emergency=4))], "root-impossible"
    yield "a root weaker in emergencies", [document(root(2, emergency=1))], "root-impossible"
    yield "unsorted keys", [document(bytes([0xA2, 2, 0, 1, 0]))], "document-form"


def vectors():
    return {
        "source": "test/wan/envelope/peer_trust.py with cbor2 and PyNaCl (libsodium), keys from fixed seeds",
        "now": NOW,
        "root": ROOT.hex(),
        "cases": [
            {"name": name, "documents": [one.hex() for one in documents], "verdict": verdict}
            for name, documents, verdict in cases()
        ],
        "commands": [
            {"name": name, "hex": data.hex(), "verdict": verdict}
            for name, data, verdict in [
                ("trust, signed by the key it brings", carried([ROOT, DELEGATED]), "ok"),
                ("event of that key", signed(claims(EVENT, DISPATCHER, sequence=43, cti=bytes(15) + b"\x01"), DISPATCHER), "ok"),
                ("event above its class", signed(claims({**EVENT, 2: "ev-2"}, DISPATCHER, cls=0, sequence=44, cti=bytes(15) + b"\x02"), DISPATCHER), "class-exceeded"),
                ("event of a key nobody delegated", signed(claims(EVENT, EMERGENCY), EMERGENCY), "key-unknown"),
                ("trust, signed by a key that it does not bring", carried([ROOT, DELEGATED], EMERGENCY), "key-unknown"),
            ]
        ],
    }


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1)
    print()
