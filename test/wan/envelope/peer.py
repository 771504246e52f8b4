#!/usr/bin/python3
"""A second implementation of the envelope, with cbor2 and PyNaCl (libsodium), to test the first against.

    peer.py           reads [{"publicKey", "hex"}, ...] from stdin and prints what each envelope says,
                      or null where its signature is not valid
    peer_vectors.py   prints test/vectors/envelope.json

It shares no code with the program. Maps are sorted here (RFC 8949, 4.2.1) and not by cbor2, whose canonical
order is the older one of RFC 7049.
"""
import hashlib
import json
import sys

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

NOW = 1_800_000_000
UTILITY = "north"
GROUP_TOPIC = "ug/1/north/g/feeder-7/cmd"
DEVICE_TOPIC = "ug/1/north/d/gw-1/cmd"
ACK_TOPIC = "ug/1/north/d/gw-1/ack"
STREAM, KEY_EPOCH, SEQUENCE, GROUP_EPOCH, CLASS, PRIMACY, BODY, RECORDED_AT = range(-70001, -70009, -1)


def encode(value):
    """The one encoding of integers, floats, text, bytes, booleans, lists and dicts."""
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(inner)) for key, inner in value.items())
        return head(5, len(pairs)) + b"".join(key + inner for key, inner in pairs)
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return cbor2.dumps(value)


def head(major, n):
    return bytes([cbor2.dumps(n)[0] | major << 5]) + cbor2.dumps(n)[1:]


class Raw(bytes):
    """Bytes that stand in a structure as they are, however wrong."""


def loose(value):
    """As encode, but a list of pairs is a map in the order given, and Raw is passed through."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Pairs):
        return head(5, len(value)) + b"".join(loose(key) + loose(inner) for key, inner in value)
    if isinstance(value, dict):
        return loose(Pairs(sorted(value.items(), key=lambda pair: loose(pair[0]))))
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(loose, value))
    return cbor2.dumps(value)


class Pairs(list):
    """A map as pairs, so that it can be unsorted or hold a key twice."""


class Key:
    def __init__(self, name, issuer, alg=-19, epoch=1, **scope):
        self.name, self.issuer, self.alg, self.epoch = name, issuer, alg, epoch
        self.signing = SigningKey(hashlib.sha256(b"underglass test key " + name.encode()).digest())
        self.public = bytes(self.signing.verify_key)
        self.kid = hashlib.sha256(self.public).digest()[:8]
        self.scope = {
            "operations": ["event", "cancel", "grant", "ack", "sealed", "manifest", "time", "welcome", "interrogate", "settings", "read"],
            "highestClass": "emergency",
            "primacy": {"min": 1, "max": 255},
            "validFrom": 1_700_000_000_000,
            "validUntil": 1_900_000_000_000,
            **scope,
        }

    def record(self):
        return {
            "name": self.name,
            "publicKey": self.public.hex(),
            "kid": self.kid.hex(),
            "issuer": self.issuer,
            "alg": self.alg,
            "epoch": self.epoch,
            "scope": self.scope,
        }


ROOT = Key("root", "grid-ops")
OLD = Key("old", "old-peer", alg=-8)
NARROW = Key(
    "narrow",
    "program-9",
    epoch=3,
    operations=["event", "grant"],
    highestClass="dispatch",
    groups=["feeder-7"],
    gateways=["gw-1"],
    primacy={"min": 10, "max": 20},
    bounds={"opModMaxLimW": {"min": 2000, "max": 9000}},
)
SPENT = Key("spent", "grid-ops", validUntil=NOW * 1000)
EARLY = Key("early", "grid-ops", validFrom=NOW * 1000 + 1)
DEVICE = Key("device", "gw-1")
RENEWED = Key("renewed", "grid-ops", epoch=4)
KEYS = [ROOT, OLD, NARROW, SPENT, EARLY, DEVICE, RENEWED]
STRANGER = Key("stranger", "grid-ops")


def structure(protected, payload):
    return encode(["Signature1", protected, b"", payload])


def frame(payload, key, protected=None, unprotected=None, signature=None, tag=b"\xd2"):
    """A COSE_Sign1; each part can be replaced, and what is signed is what is sent."""
    protected = encode({1: key.alg, 4: key.kid}) if protected is None else protected
    if signature is None:
        signature = key.signing.sign(structure(protected, payload)).signature
    unprotected = b"\xa0" if unprotected is None else loose(unprotected)
    return tag + b"\x84" + encode(protected) + unprotected + encode(payload) + encode(signature)


EVENT = {1: 1, 2: "ev-1", 3: {2: 5000}, 4: NOW, 5: 3600, 6: "Half power until five o'clock.", 7: 0}
CANCEL = {1: 2, 2: "ev-1"}
GRANT = {1: 3, 8: "feeder-7", 9: 7, 10: 1}
MANIFEST = {
    1: 10, 30: bytes(range(32)), 31: 20_000, 32: bytes(range(32, 64)), 33: 0, 34: "PV-5000", 35: ["1.2", "1.3"], 36: "1.4",
}
TAG = bytes(range(0x10, 0x18))
MOVE = {**GRANT, 50: TAG, 51: [["feeder-6", 12, 0], ["model-x", 2, 1, TAG[::-1]]]}
PROBE = {1: 5, 53: 5, 54: 1, 55: TAG + TAG[::-1]}
ACK = {1: 4, 11: {"alarm": 3, "status": 120}}
TIME = {1: 6, 12: bytes(range(16, 32)), 13: NOW}
WELCOME = {1: 11, 12: bytes(range(16, 32)), 13: NOW, 14: {"d": [57, 55], "g-feeder-7": [1200]}, 15: {"birth": 3, "status": 120}}
RENEWAL = {**WELCOME, 64: {1: {"d": [57]}, 3: {"d": [57, 41], "g-feeder-7": [1200]}}}


def claims(body, key=ROOT, **changes):
    whole = {
        1: key.issuer,
        3: "d/gw-1",
        4: NOW + 300,
        5: NOW,
        6: NOW - 1,
        7: bytes(range(16)),
        STREAM: "dispatch",
        KEY_EPOCH: key.epoch,
        SEQUENCE: 42,
        CLASS: 3,
        PRIMACY: 10,
        BODY: body,
    }
    return changed(whole, changes)


def grouped(body, key=ROOT, **changes):
    return changed({**claims(body, key), 3: "g/feeder-7", GROUP_EPOCH: 7}, changes)


NAMES = {
    "iss": 1, "aud": 3, "exp": 4, "nbf": 5, "iat": 6, "cti": 7, "stream": STREAM, "key_epoch": KEY_EPOCH,
    "sequence": SEQUENCE, "group_epoch": GROUP_EPOCH, "cls": CLASS, "primacy": PRIMACY, "body": BODY,
}


def changed(whole, changes):
    """Claims by name; None takes a claim away."""
    result = dict(whole)
    for name, value in changes.items():
        if value is None:
            del result[NAMES[name]]
        else:
            result[NAMES[name]] = value
    return result


def signed(payload, key=ROOT):
    return frame(loose(payload), key)


AXES = [
    (1, 0, 1), (2, 0, 10_000), (3, -10_000, 10_000), (4, -10**12, 10**12), (5, -10_000, 10_000),
    (6, -10_000, 10_000), (7, -10_000, 10_000), (8, 0, 10**12), (9, 0, 10**12), (10, 0, 10**12),
    (11, 0, 10**12), (12, -10**12, 10**12),
]


def without(body, *keys):
    return {key: value for key, value in body.items() if key not in keys}


def readable(value):
    """CBOR as JSON: bytes as hexadecimal, keys as text."""
    if isinstance(value, dict):
        return {str(key): readable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else value


def judge(public, data):
    """What an envelope says, read as any COSE library would; None when its signature is not valid."""
    item = cbor2.loads(data)
    protected, unprotected, payload, signature = item.value
    try:
        VerifyKey(public).verify(structure(protected, payload), signature)
    except BadSignatureError:
        return None
    said = cbor2.loads(payload)
    if isinstance(said[BODY], bytes):
        said[BODY] = cbor2.loads(said[BODY])
    return {
        "tag": item.tag,
        "protected": readable(cbor2.loads(protected)),
        "unprotected": readable(unprotected),
        "claims": readable(said),
        "canonical": encode(cbor2.loads(payload)) == payload,
    }


if __name__ == "__main__":
    rows = json.load(sys.stdin)
    json.dump([judge(bytes.fromhex(row["publicKey"]), bytes.fromhex(row["hex"])) for row in rows], sys.stdout)
