#!/usr/bin/python3
"""Prints test/vectors/envelope.json: envelopes of the second implementation, good ones and attacks.

Each attack has one cause and the name of the refusal it must meet. Where a payload is wrong it is signed by a
trusted key all the same, so that nothing but the check in question can refuse it.
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True  # a test leaves nothing behind

import nacl.bindings as sodium

import peer_trust as trust

from peer import (
    ACK, ACK_TOPIC, AXES, BODY, CANCEL, DEVICE, DEVICE_TOPIC, EARLY, EVENT, GRANT, GROUP_TOPIC, KEY_EPOCH,
    KEYS, MOVE, NARROW, NOW, OLD, PROBE, RECORDED_AT, RENEWAL, RENEWED, ROOT, SEQUENCE, SPENT, STRANGER, STREAM, TAG, TIME, UTILITY, WELCOME, Pairs, Raw,
    changed, claims, encode, frame, grouped, loose, readable, signed, structure, without, MANIFEST,
)
import peer_modes
from peer_sealed import SEALED, SEALED_CODE

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19


def accepted():
    lowest = {**EVENT, 3: {code: low for code, low, _ in AXES}}
    highest = {**EVENT, 3: {code: high for code, _, high in AXES}}
    isolate = {**without(EVENT, 5, 6), 2: "em-7", 3: {1: 0}, 7: 1}
    yield "event", GROUP_TOPIC, signed(grouped(EVENT)), grouped(EVENT)
    for name, topic, key, whole in [
        ("event, open-ended emergency", DEVICE_TOPIC, ROOT, claims(isolate, cls=0, primacy=1)),
        ("event, every axis at its least", DEVICE_TOPIC, ROOT, claims(lowest)),
        ("event, every axis at its greatest", DEVICE_TOPIC, ROOT, claims(highest)),
        ("event, the largest sequence", DEVICE_TOPIC, ROOT, claims(EVENT, sequence=2**53 - 1)),
        ("event, note of two-byte characters", DEVICE_TOPIC, ROOT, claims({**EVENT, 6: "Grüße, 50 %"})),
        ("event, note of 280", DEVICE_TOPIC, ROOT, claims({**EVENT, 6: "x" * 280})),
        ("event, key pinned to -8", DEVICE_TOPIC, OLD, claims(EVENT, OLD)),
        ("event, at the edges of a narrow scope", GROUP_TOPIC, NARROW, grouped({**EVENT, 3: {2: 2000}}, NARROW, primacy=20)),
        ("event, signer five seconds ahead", DEVICE_TOPIC, ROOT, claims(EVENT, nbf=NOW + 5, iat=NOW + 5)),
        ("event, last second", DEVICE_TOPIC, ROOT, claims(EVENT, nbf=NOW - 300, exp=NOW + 1)),
        ("cancel", DEVICE_TOPIC, ROOT, claims(CANCEL)),
        ("grant", DEVICE_TOPIC, ROOT, claims(GRANT)),
        ("grant that removes", DEVICE_TOPIC, ROOT, claims({**GRANT, 9: 8, 10: 0})),
        ("grant that moves", DEVICE_TOPIC, ROOT, claims(MOVE)),
        ("grant of the whole list", DEVICE_TOPIC, ROOT, claims({**MOVE, 52: 1})),
        ("grant of 64 groups", DEVICE_TOPIC, ROOT, claims({**GRANT, 51: [[f"g-{n}", 1, 1, TAG] for n in range(63)]})),
        ("probe", GROUP_TOPIC, ROOT, grouped(PROBE)),
        ("probe that nobody left before", GROUP_TOPIC, ROOT, grouped({**without(PROBE, 54), 53: 7, 55: b""})),
        ("probe that twenty left before", GROUP_TOPIC, ROOT, grouped({**PROBE, 55: bytes(8 * 20)})),
        ("probe by a key that may grant", GROUP_TOPIC, NARROW, grouped(PROBE, NARROW)),
        ("sealed", DEVICE_TOPIC, ROOT, claims(SEALED)),
        ("sealed, of an event", DEVICE_TOPIC, ROOT, claims(SEALED_CODE)),
        ("manifest", GROUP_TOPIC, ROOT, grouped(MANIFEST)),
        ("manifest, any version, the largest file", DEVICE_TOPIC, ROOT, claims({**without(MANIFEST, 35), 31: 2**26, 33: 3})),
        ("ack", ACK_TOPIC, ROOT, claims(ACK, cls=4)),
        ("trust", DEVICE_TOPIC, NARROW, claims({1: 12, 40: [trust.ROOT]}, NARROW, cls=4, primacy=255)),
        ("time", DEVICE_TOPIC, ROOT, claims(TIME, cls=4)),
        ("time without a nonce, to a group", GROUP_TOPIC, ROOT, grouped(without(TIME, 12), cls=4)),
        ("welcome", DEVICE_TOPIC, ROOT, claims(WELCOME, cls=4)),
        ("welcome by a renewed key", DEVICE_TOPIC, RENEWED, claims(RENEWAL, RENEWED, cls=4)),
        *((name, DEVICE_TOPIC, ROOT, claims(body)) for name, body in peer_modes.good()),
        ("welcome to a gateway that nobody knew", DEVICE_TOPIC, ROOT, claims({**WELCOME, 14: {}, 15: {}}, cls=4)),
    ]:
        yield name, topic, signed(whole, key), whole


def refused_frames():
    payload = encode(claims(EVENT))
    good = frame(payload, ROOT)
    prot = {1: -19, 4: ROOT.kid}
    yield "empty", b"", "truncated"
    yield "wrong tag", frame(payload, ROOT, tag=b"\xd1"), "not-tag-18"
    yield "no tag", frame(payload, ROOT, tag=b""), "not-tag-18"
    yield "tag 18 in two bytes", frame(payload, ROOT, tag=b"\xd8\x12"), "not-tag-18"
    yield "tag 18 twice", frame(payload, ROOT, tag=b"\xd2\xd2"), "tag-inside"
    yield "COSE_Sign", frame(payload, ROOT, tag=b"\xd8\x62"), "not-tag-18"
    yield "three parts", b"\xd2" + encode([encode(prot), {}, payload]), "not-sign1"
    yield "five parts", b"\xd2" + encode([encode(prot), {}, payload, bytes(64), 0]), "not-sign1"
    yield "a map for an array", b"\xd2" + encode({1: 2}), "not-sign1"
    yield "payload detached", b"\xd2\x84" + encode(encode(prot)) + b"\xa0\xf6" + encode(bytes(64)), "simple-value"
    yield "protected header as a map", b"\xd2" + encode([prot, {}, payload, bytes(64)]), "not-sign1"
    yield "protected header of a number", frame(payload, ROOT, encode(7)), "not-sign1"
    yield "protected header empty", frame(payload, ROOT, b""), "alg-missing"
    yield "algorithm absent", frame(payload, ROOT, encode({4: ROOT.kid})), "alg-missing"
    yield "algorithm as text", frame(payload, ROOT, encode({1: "EdDSA", 4: ROOT.kid})), "alg-unknown"
    yield "algorithm ES256", frame(payload, ROOT, encode({1: -7, 4: ROOT.kid})), "alg-unknown"
    yield "algorithm in the wrong header", frame(payload, ROOT, encode({4: ROOT.kid}), {1: -19}), "alg-unprotected"
    yield "algorithm in both headers", frame(payload, ROOT, None, {1: -19}), "alg-unprotected"
    yield "algorithm -8 for a key pinned to -19", frame(payload, ROOT, encode({1: -8, 4: ROOT.kid})), "alg-mismatch"
    yield "algorithm -19 for a key pinned to -8", frame(encode(claims(EVENT, OLD)), OLD, encode({1: -19, 4: OLD.kid})), "alg-mismatch"
    yield "key id absent", frame(payload, ROOT, encode({1: -19})), "kid-missing"
    yield "key id in the wrong header", frame(payload, ROOT, encode({1: -19}), {4: ROOT.kid}), "kid-unprotected"
    yield "key id of seven bytes", frame(payload, ROOT, encode({1: -19, 4: ROOT.kid[:7]})), "kid-invalid"
    yield "key id as text", frame(payload, ROOT, encode({1: -19, 4: "00112233"})), "kid-invalid"
    yield "key id swapped for another trusted key's", frame(payload, ROOT, encode({1: -19, 4: NARROW.kid})), "signature-invalid"
    yield "key unknown", frame(payload, STRANGER), "key-unknown"
    yield "key no longer valid", signed(claims(EVENT, SPENT), SPENT), "key-expired"
    yield "key not yet valid", signed(claims(EVENT, EARLY), EARLY), "key-not-yet-valid"
    yield "unknown critical header", frame(payload, ROOT, encode({**prot, 2: [99], 99: 1})), "header-critical"
    yield "critical header unprotected", frame(payload, ROOT, None, {2: [99]}), "header-critical"
    yield "unknown header", frame(payload, ROOT, encode({**prot, 3: 0})), "header-unknown"
    yield "unknown header unprotected", frame(payload, ROOT, None, {3: 0}), "header-unprotected"
    yield "protected header unsorted", frame(payload, ROOT, loose(Pairs([(4, ROOT.kid), (1, -19)]))), "unsorted-keys"
    yield "algorithm twice", frame(payload, ROOT, loose(Pairs([(1, -19), (1, -8), (4, ROOT.kid)]))), "duplicate-key"
    yield "byte after the protected header", frame(payload, ROOT, encode(prot) + b"\x00"), "trailing-bytes"
    yield "a trailing byte", good + b"\x00", "trailing-bytes"
    yield "two envelopes in one", good + good, "trailing-bytes"
    yield "payload that is no map", frame(encode([1, 2]), ROOT), "payload-not-map"


def refused_signatures():
    payload = encode(claims(EVENT))
    signature = ROOT.signing.sign(structure(encode({1: -19, 4: ROOT.kid}), payload)).signature
    r, s = signature[:32], int.from_bytes(signature[32:], "little")

    def with_signature(new):
        return frame(payload, ROOT, signature=new)

    for length in (0, 63, 65):
        yield f"signature of {length} bytes", with_signature((signature + bytes(1))[:length]), "signature-length"
    for k in range(1, 9):
        yield f"S + {k} L", with_signature(r + (s + k * ORDER).to_bytes(32, "little")), "signature-malleable"
    yield "S = L", with_signature(r + ORDER.to_bytes(32, "little")), "signature-malleable"
    yield "S = 0", with_signature(r + bytes(32)), "signature-invalid"
    for name, point in small_order():
        yield f"R of small order: {name}", with_signature(point + signature[32:]), "signature-small-order"
    for y in range(PRIME, 2**255):
        point = y.to_bytes(32, "little")
        yield f"R not canonical: y = p + {y - PRIME}", with_signature(point + signature[32:]), "signature-not-canonical"
    yield "the signature of other bytes", with_signature(ROOT.signing.sign(b"other").signature), "signature-invalid"


def refused_encodings():
    """Signed by a trusted key, in an encoding that is not the one."""
    good = claims(EVENT)
    pairs = sorted(good.items(), key=lambda pair: loose(pair[0]))
    for name, payload, refusal in [
        ("duplicate key", Pairs(pairs + [pairs[-1]]), "duplicate-key"),
        ("audience twice", Pairs([pairs[0], pairs[1], (3, "d/gw-2"), *pairs[2:]]), "duplicate-key"),
        ("unsorted keys", Pairs([pairs[1], pairs[0], *pairs[2:]]), "unsorted-keys"),
        ("integer not minimal", {**good, KEY_EPOCH: Raw(b"\x18\x01")}, "not-shortest"),
        ("integer in eight bytes", {**good, 4: Raw(b"\x1b" + (NOW + 300).to_bytes(8, "big"))}, "not-shortest"),
        ("length not minimal", {**good, STREAM: Raw(b"\x78\x08dispatch")}, "not-shortest"),
        ("indefinite map", Raw(b"\xbf" + loose(good)[1:] + b"\xff"), "indefinite-length"),
        ("indefinite text", {**good, STREAM: Raw(b"\x7f\x68dispatch\xff")}, "indefinite-length"),
        ("indefinite bytes", {**good, 7: Raw(b"\x5f\x50" + bytes(16) + b"\xff")}, "indefinite-length"),
        ("bare break", Raw(b"\xff"), "bare-break"),
        ("bare break inside", {**good, KEY_EPOCH: Raw(b"\xff")}, "bare-break"),
        ("reserved length 28", {**good, KEY_EPOCH: Raw(b"\x1c")}, "reserved-encoding"),
        ("deep", Raw(b"\x81" * 9 + b"\x00"), "too-deep"),
        ("deep by ten thousand", Raw(b"\x81" * 10_000 + b"\x00"), "too-deep"),
        ("huge array", Raw(b"\x9b" + b"\x00\x00\x7f" + b"\xff" * 5), "truncated"),
        ("huge text", Raw(b"\x7b" + b"\xff" * 8), "truncated"),
        ("huge map", Raw(b"\xba\xff\xff\xff\xff"), "truncated"),
        ("tagged date", {**good, 4: Raw(b"\xc1" + loose(NOW + 300))}, "tag-inside"),
        ("bignum", {**good, SEQUENCE: Raw(b"\xc2\x41\x2a")}, "tag-inside"),
        ("self-described", Raw(b"\xd9\xd9\xf7" + loose(good)), "tag-inside"),
        ("float", {**good, SEQUENCE: Raw(b"\xf9\x51\x40")}, "float"),
        ("true", {**good, SEQUENCE: True}, "simple-value"),
        ("null", {**good, SEQUENCE: None}, "simple-value"),
        ("undefined", {**good, SEQUENCE: Raw(b"\xf7")}, "simple-value"),
        ("2^53", {**good, SEQUENCE: 2**53}, "integer-range"),
        ("-2^53", {**good, SEQUENCE: -(2**53)}, "integer-range"),
        ("invalid UTF-8", {**good, STREAM: Raw(b"\x62\xc3\x28")}, "invalid-utf8"),
        ("surrogate in UTF-8", {**good, STREAM: Raw(b"\x63\xed\xa0\x80")}, "invalid-utf8"),
        ("overlong UTF-8", {**good, STREAM: Raw(b"\x62\xc0\x80")}, "invalid-utf8"),
        ("byte string as key", Pairs([*pairs, (b"\x01", 1)]), "key-type"),
        ("513 items", Raw(loose([0] * 512)), "too-many-items"),
        ("512 items", Raw(loose([0] * 511)), "payload-not-map"),
        ("payload empty", Raw(b""), "truncated"),
        ("byte after the payload", Raw(loose(good) + b"\x00"), "trailing-bytes"),
    ]:
        yield name, signed(payload), refusal
    yield "16 KiB and one byte", padded(16 * 1024 + 1), "too-large"
    yield "16 KiB", padded(16 * 1024), "claim-unknown"


def padded(size):
    """A good command with a byte string too many, so that the envelope has `size` bytes."""
    whole = claims(EVENT)
    for filling in range(size, 0, -1):
        envelope = signed({**whole, -80000: bytes(filling)})
        if len(envelope) <= size:
            assert len(envelope) == size
            return envelope
    raise AssertionError


def refused_addresses():
    group = grouped(EVENT)
    yield "wrong group", GROUP_TOPIC, signed({**group, 3: "g/feeder-8"}), "topic-mismatch"
    yield "group's command on the gateway's topic", DEVICE_TOPIC, signed(group), "topic-mismatch"
    yield "a group of the gateway's name", DEVICE_TOPIC, signed({**group, 3: "g/gw-1"}), "topic-mismatch"
    yield "audience unlike topic", DEVICE_TOPIC, signed(claims(EVENT, aud="d/gw-2")), "topic-mismatch"
    yield "other utility's topic", "ug/1/south/d/gw-1/cmd", signed(claims(EVENT)), "topic-mismatch"
    yield "topic outside the layout", "ug/2/north/d/gw-1/cmd", signed(claims(EVENT)), "topic-unknown"
    yield "command on an uplink topic", "ug/1/north/d/gw-1/up/status", signed(claims(EVENT)), "topic-unknown"
    yield "command on a presence topic", "ug/1/north/d/gw-1/state", signed(claims(EVENT)), "topic-unknown"
    yield "expired", DEVICE_TOPIC, signed(claims(EVENT, nbf=NOW - 300, exp=NOW)), "expired"
    yield "not yet valid", DEVICE_TOPIC, signed(claims(EVENT, nbf=NOW + 6)), "not-yet-valid"
    yield "issued in the future", DEVICE_TOPIC, signed(claims(EVENT, iat=NOW + 6)), "not-yet-valid"
    yield "exp before nbf", DEVICE_TOPIC, signed(claims(EVENT, nbf=NOW, exp=NOW - 1)), "window-inverted"
    yield "exp at nbf", DEVICE_TOPIC, signed(claims(EVENT, exp=NOW)), "window-inverted"
    for name in ("aud", "exp", "nbf", "iat"):
        yield f"{name} absent", DEVICE_TOPIC, signed(claims(EVENT, **{name: None})), "claim-missing"
    for name, value in [("aud", "gw-1"), ("aud", "d/GW"), ("aud", 1), ("exp", -1), ("exp", 2**53 - 1), ("nbf", "now")]:
        yield f"{name} {value!r}", DEVICE_TOPIC, signed(claims(EVENT, **{name: value})), "claim-invalid"


def refused_contents():
    """Signed by a trusted key for the right reader, now: these are answered by a receipt."""
    for name in ("iss", "stream", "key_epoch", "sequence", "cls", "primacy", "body"):
        yield f"{name} absent", DEVICE_TOPIC, signed(changed(claims(EVENT), {name: None})), "claim-missing"
    for name, value in [
        ("iss", "Grid Ops"), ("stream", ""), ("stream", "a/b"), ("stream", "x" * 65), ("key_epoch", 0),
        ("sequence", 0), ("sequence", -1), ("sequence", "1"), ("cls", 5), ("cls", -1), ("primacy", 0),
        ("primacy", 256), ("body", 1), ("body", [1]),
    ]:
        whole = changed(claims(EVENT), {name: value})
        yield f"{name} {str(value)[:8]!r}", DEVICE_TOPIC, signed(whole), "claim-invalid"
    yield "claim of another application", DEVICE_TOPIC, signed({**claims(EVENT), -70008: 1}), "claim-unknown"
    yield "claim sub", DEVICE_TOPIC, signed({**claims(EVENT), 2: "x"}), "claim-unknown"
    yield "claim __proto__", DEVICE_TOPIC, signed({**claims(EVENT), "__proto__": 1}), "claim-unknown"
    yield "group epoch absent", GROUP_TOPIC, signed(grouped(EVENT, group_epoch=None)), "claim-missing"
    yield "group epoch for a gateway", DEVICE_TOPIC, signed(claims(EVENT, group_epoch=7)), "claim-unknown"
    yield "group epoch 0", GROUP_TOPIC, signed(grouped(EVENT, group_epoch=0)), "claim-invalid"
    yield "grant to a group", GROUP_TOPIC, signed(grouped(GRANT)), "claim-invalid"
    yield "probe to one gateway", DEVICE_TOPIC, signed(claims(PROBE)), "claim-invalid"
    yield "probe from a later epoch", GROUP_TOPIC, signed(grouped({**PROBE, 53: 8})), "claim-invalid"
    for name, body in [
        ("probe from epoch 0", {**PROBE, 53: 0}), ("probe of all but 0", {**PROBE, 54: 0}),
        ("probe of half a tag", {**PROBE, 55: TAG[:4]}), ("probe of tags in a list", {**PROBE, 55: [TAG]}),
        ("probe that 1,025 left before", {**PROBE, 55: bytes(8 * 1025)}),
    ]:
        yield name, GROUP_TOPIC, signed(grouped(body)), "body-invalid"
    for name, body in [
        ("grant with half a tag", {**MOVE, 50: TAG[:4]}), ("grant also of nothing", {**MOVE, 51: []}),
        ("grant also of 64", {**GRANT, 51: [[f"g-{n}", 1, 1] for n in range(64)]}),
        ("grant also without a member", {**MOVE, 51: [["feeder-6", 12]]}),
        ("grant also of five", {**MOVE, 51: [["feeder-6", 12, 0, TAG, 1]]}),
        ("grant also of epoch 0", {**MOVE, 51: [["feeder-6", 0, 1]]}),
        ("grant also of capitals", {**MOVE, 51: [["Feeder", 1, 1]]}),
        ("grant that names a group twice", {**MOVE, 51: [["feeder-7", 8, 0]]}),
        ("grant only of 0", {**MOVE, 52: 0}),
    ]:
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-invalid"
    yield "sealed to a group", GROUP_TOPIC, signed(grouped(SEALED)), "claim-invalid"
    yield "welcome to a group", GROUP_TOPIC, signed(grouped(WELCOME)), "claim-invalid"
    yield "time with a nonce to a group", GROUP_TOPIC, signed(grouped(TIME)), "claim-invalid"
    for epoch in (4, 5):
        yield f"welcome that speaks for key epoch {epoch}", DEVICE_TOPIC, signed(claims({**RENEWAL, 64: {epoch: {"d": [57]}}}, RENEWED)), "claim-invalid"
    yield "welcome on the ack topic", ACK_TOPIC, signed(claims(WELCOME)), "kind-on-wrong-topic"
    yield "another issuer's name", DEVICE_TOPIC, signed(claims(EVENT, iss="grid-opz")), "issuer-mismatch"
    yield "older key epoch", DEVICE_TOPIC, signed(claims(EVENT, NARROW, key_epoch=2), NARROW), "key-epoch-mismatch"
    yield "newer key epoch", DEVICE_TOPIC, signed(claims(EVENT, NARROW, key_epoch=4), NARROW), "key-epoch-mismatch"
    for kind in (0, 7, 8, 99, "event"):
        yield f"kind {kind!r}", DEVICE_TOPIC, signed(claims({**EVENT, 1: kind})), "kind-unknown"
    yield "ack on the command topic", DEVICE_TOPIC, signed(claims(ACK)), "kind-on-wrong-topic"
    yield "event on the ack topic", ACK_TOPIC, signed(claims(EVENT)), "kind-on-wrong-topic"
    yield "kind absent", DEVICE_TOPIC, signed(claims(without(EVENT, 1))), "body-missing-key"
    for body, keys in ((EVENT, (2, 3, 4, 7)), (CANCEL, (2,)), (GRANT, (8, 9, 10)), (SEALED, (37,)), (MANIFEST, (30, 31, 32, 33, 34, 36)), (TIME, (13,)), (WELCOME, (12, 13, 14, 15))):
        for key in keys:
            name = f"kind {body[1]} without key {key}"
            yield name, DEVICE_TOPIC, signed(claims(without(body, key))), "body-missing-key"
    for name, body in [
        ("event with a group", {**EVENT, 8: "feeder-7"}), ("event with key 12", {**EVENT, 12: 1}),
        ("event with __proto__", {**EVENT, "__proto__": 1}), ("cancel with a note", {**CANCEL, 6: "x"}),
        ("grant with a start", {**GRANT, 4: NOW}), ("sealed with a note", {**SEALED, 6: "x"}), ("manifest with an mRID", {**MANIFEST, 2: "x"}), ("time with marks", {**TIME, 14: {}}),
    ]:
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-unknown-key"
    for name, body in [
        ("mRID of capitals", {**EVENT, 2: "EV"}), ("no axes", {**EVENT, 3: {}}), ("axes in a list", {**EVENT, 3: [2, 5000]}),
        ("start before 1970", {**EVENT, 4: -1}), ("start after 9999", {**EVENT, 4: 253_402_300_800}),
        ("duration 0", {**EVENT, 5: 0}), ("duration 2^32", {**EVENT, 5: 2**32}),
        ("no duration, no emergency", without(EVENT, 5)), ("empty note", {**EVENT, 6: ""}),
        ("note of 281", {**EVENT, 6: "x" * 281}), ("note of two lines", {**EVENT, 6: "a\nb"}),
        ("note that moves the cursor", {**EVENT, 6: "\x1b[2J"}), ("service 2", {**EVENT, 7: 2}),
        ("trust of no document", {1: 12, 40: []}), ("trust of text", {1: 12, 40: ["root"]}),
        ("trust of one empty document", {1: 12, 40: [b""]}), ("trust of 33 documents", {1: 12, 40: [b"x"] * 33}),
        ("membership 2", {**GRANT, 10: 2}), ("group epoch 0 granted", {**GRANT, 9: 0}),
        ("box of 48 bytes", {**SEALED, 37: bytes(48)}), ("box of 4097 bytes", {**SEALED, 37: bytes(4097)}),
        ("box as text", {**SEALED, 37: "x" * 64}), ("sealed for an mRID of capitals", {**SEALED, 2: "EV"}),
        ("hash of 31 bytes", {**MANIFEST, 30: bytes(31)}), ("chunk list hash of 33 bytes", {**MANIFEST, 32: bytes(33)}),
        ("file of 0 bytes", {**MANIFEST, 31: 0}), ("file of 64 MiB and a byte", {**MANIFEST, 31: 2**26 + 1}),
        ("delivery 4", {**MANIFEST, 33: 4}), ("delivery as text", {**MANIFEST, 33: "device-firmware"}),
        ("model of two lines", {**MANIFEST, 34: "a\nb"}), ("empty model", {**MANIFEST, 34: ""}),
        ("version of 65", {**MANIFEST, 36: "x" * 65}), ("no versions in the list", {**MANIFEST, 35: []}),
        ("17 versions", {**MANIFEST, 35: ["1"] * 17}), ("version as a number", {**MANIFEST, 35: [1]}),
    ]:
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-invalid"
    for name, body in [
        ("nonce of 15 bytes", {**TIME, 12: bytes(15)}), ("nonce as text", {**WELCOME, 12: "0" * 16}),
        ("time before 1970", {**TIME, 13: -1}), ("marks in a list", {**WELCOME, 14: []}),
        ("mark that is no list", {**WELCOME, 14: {"d": 57}}), ("mark of nothing", {**WELCOME, 14: {"d": []}}),
        ("mark of a stream with a slash", {**WELCOME, 14: {"d/1": [57]}}), ("mark of 1", {**WELCOME, 14: {1: [57]}}),
        ("mark below 0", {**WELCOME, 14: {"d": [-1]}}), ("mark as text", {**WELCOME, 14: {"d": ["57"]}}),
        ("open above the mark", {**WELCOME, 14: {"d": [57, 58]}}), ("open twice", {**WELCOME, 14: {"d": [57, 5, 5]}}),
        ("open descending", {**WELCOME, 14: {"d": [57, 6, 5]}}), ("open at 0", {**WELCOME, 14: {"d": [57, 0]}}),
        ("earlier marks in a list", {**WELCOME, 64: []}), ("earlier marks of nothing", {**WELCOME, 64: {}}),
        ("earlier marks of key epoch 0", {**WELCOME, 64: {0: {"d": [57]}}}), ("of a key epoch in text", {**WELCOME, 64: {"1": {"d": [57]}}}),
        ("of a key epoch without streams", {**WELCOME, 64: {1: {}}}), ("earlier open above the mark", {**WELCOME, 64: {1: {"d": [57, 58]}}}),
        ("held of no stream", {**WELCOME, 15: {"gossip": 1}}), ("held below 0", {**WELCOME, 15: {"birth": -1}}),
    ]:
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-invalid"
    for name, body in peer_modes.unknown_keys():
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-unknown-key"
    for name, body in peer_modes.invalid():
        yield name, DEVICE_TOPIC, signed(claims(body)), "body-invalid"
    for name, through in [("unknown stream", {"gossip": 1}), ("__proto__", {"__proto__": 1}), ("nothing", {}), ("below 0", {"alarm": -1})]:
        yield f"ack of {name}", ACK_TOPIC, signed(claims({**ACK, 11: through})), "body-invalid"
    for code in (0, 13, -1, "opModMaxLimW", "__proto__"):
        yield f"axis {code!r}", DEVICE_TOPIC, signed(claims({**EVENT, 3: {code: 1}})), "axis-unknown"
    for code, low, high in AXES:
        for value in (low - 1, high + 1):
            yield f"axis {code} at {value}", DEVICE_TOPIC, signed(claims({**EVENT, 3: {code: value}})), "axis-range"
    yield "axis value as text", DEVICE_TOPIC, signed(claims({**EVENT, 3: {2: "5000"}})), "axis-range"
    scoped = {**EVENT, 3: {2: 5000}}
    for name, topic, whole, refusal in [
        ("operation", DEVICE_TOPIC, claims(CANCEL, NARROW), "operation-out-of-scope"),
        ("class", DEVICE_TOPIC, claims(scoped, NARROW, cls=2), "class-exceeded"),
        ("primacy too strong", DEVICE_TOPIC, claims(scoped, NARROW, primacy=9), "primacy-out-of-scope"),
        ("primacy too weak", DEVICE_TOPIC, claims(scoped, NARROW, primacy=21), "primacy-out-of-scope"),
        ("group", "ug/1/north/g/feeder-8/cmd", grouped(scoped, NARROW, aud="g/feeder-8"), "group-out-of-scope"),
        ("group granted beside its own", DEVICE_TOPIC, claims({**GRANT, 51: [["feeder-8", 1, 1]]}, NARROW), "group-out-of-scope"),
        ("granted group", DEVICE_TOPIC, claims({**GRANT, 8: "feeder-8"}, NARROW), "group-out-of-scope"),
        ("gateway", "ug/1/north/d/gw-2/cmd", claims(scoped, NARROW, aud="d/gw-2"), "gateway-out-of-scope"),
        ("least", DEVICE_TOPIC, claims({**EVENT, 3: {2: 1999}}, NARROW), "bounds-exceeded"),
        ("greatest", DEVICE_TOPIC, claims({**EVENT, 3: {2: 9001}}, NARROW), "bounds-exceeded"),
    ]:
        yield f"{name} above the key's scope", topic, signed(whole, NARROW), refusal


RECORD_TOPIC = "ug/1/north/d/gw-1/up/status"
POINTS = {"W": 1234.5, "PF": -0.95, "Hz": 60, "A": 1.5, "VA": -7, "TotWhInj": 2**40 + 1, "TotWhAbs": -(2**40) - 1}
STATUS = {
    "kind": "status",
    "readings": [{"device": "inv-1", "role": "inverter", "at": NOW * 1000 + 250, "points": POINTS}],
    "setpoints": [
        {"axis": "opModMaxLimW",
         "order": {"kind": "value", "value": 5000},
         "reasons": [{"rule": "DR-1", "text": "limit of real power 50 %"}]}
    ],
    "membershipDigest": "0011223344556677",
}


def record(body, key=DEVICE, **changes):
    whole = {
        1: "gw-1",
        3: "u/north",
        6: NOW,
        STREAM: "status",
        KEY_EPOCH: key.epoch,
        SEQUENCE: 9,
        BODY: body if isinstance(body, bytes) else encode(body),
        RECORDED_AT: NOW * 1000 + 500,
    }
    return changed(whole, changes)


def records():
    yield "status", RECORD_TOPIC, signed(record(STATUS), DEVICE), None
    for name, topic, whole, refusal in [
        ("another gateway's name", RECORD_TOPIC, record(STATUS, iss="gw-2"), "issuer-mismatch"),
        ("another gateway's topic", "ug/1/north/d/gw-2/up/status", record(STATUS), "topic-mismatch"),
        ("another stream's topic", "ug/1/north/d/gw-1/up/alarm", record(STATUS), "topic-mismatch"),
        ("another utility's topic", "ug/1/south/d/gw-1/up/status", record(STATUS), "topic-mismatch"),
        ("a command's topic", DEVICE_TOPIC, record(STATUS), "topic-unknown"),
        ("unknown stream", RECORD_TOPIC, record(STATUS, stream="gossip"), "claim-invalid"),
        ("sequence 0", RECORD_TOPIC, record(STATUS, sequence=0), "claim-invalid"),
        ("body as a map", RECORD_TOPIC, {**record(STATUS), BODY: STATUS["readings"][0]["device"]}, "claim-invalid"),
        ("other key epoch", RECORD_TOPIC, record(STATUS, key_epoch=2), "key-epoch-mismatch"),
        ("unknown kind", RECORD_TOPIC, record({"kind": "gossip"}), "body-invalid"),
        ("kind __proto__", RECORD_TOPIC, record({"kind": "__proto__"}), "body-invalid"),
        ("reading without points", RECORD_TOPIC, record({**STATUS, "readings": [{"device": "inv-1"}]}), "body-invalid"),
        ("null", RECORD_TOPIC, record({**STATUS, "readings": None}), "simple-value"),
        ("not a number", RECORD_TOPIC, record({**STATUS, "readings": [float("nan")]}), "float-not-finite"),
        ("infinity", RECORD_TOPIC, record({**STATUS, "readings": [float("inf")]}), "float-not-finite"),
        ("integer keys", RECORD_TOPIC, record({1: 2}), "key-type"),
        ("bignum", RECORD_TOPIC, record(b"\xa1\x64kind\xc2\x41\x2a"), "tag-inside"),
        ("bare break", RECORD_TOPIC, record(b"\xff"), "bare-break"),
        ("unsorted body", RECORD_TOPIC, record(loose(Pairs([("b", 1), ("a", 2)]))), "unsorted-keys"),
        ("kind twice", RECORD_TOPIC, record(loose(Pairs([("kind", "a"), ("kind", "b")]))), "duplicate-key"),
    ]:
        yield name, topic, signed(whole, DEVICE), refusal
    flipped = bytearray(signed(record(STATUS), DEVICE))
    flipped[-1] ^= 0x04
    yield "flipped bit of the signature", RECORD_TOPIC, bytes(flipped), "signature-invalid"
    yield "signed by a utility", RECORD_TOPIC, signed(record(STATUS), ROOT), "issuer-mismatch"


SEVERAL = [{"at": NOW * 1000 - 2000, "body": STATUS}, {"at": NOW * 1000, "body": {**STATUS, "setpoints": []}}]


def several():
    """A backlog: the records 9 and 10 of a stream under one signature."""
    body = {"kind": "several", "records": SEVERAL}
    return {"topic": RECORD_TOPIC, "hex": signed(record(body), DEVICE).hex(), "records": SEVERAL}


def small_order():
    """All points whose order divides 8, in their canonical encoding."""
    eighth = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    point = eighth
    for n in range(1, 9):
        yield f"{n} times a point of order 8", point
        point = sodium.crypto_core_ed25519_add(point, eighth)


def points():
    """Public keys, judged by libsodium: canonical, on the curve, of prime order."""
    candidates = [("key " + key.name, key.public) for key in KEYS]
    eighth = dict(small_order())["1 times a point of order 8"]
    candidates += [(f"small order: {name}", point) for name, point in small_order()]
    candidates += [
        (f"mixed order: key {key.name}", sodium.crypto_core_ed25519_add(key.public, eighth)) for key in KEYS
    ]
    for y in range(PRIME, 2**255):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            candidates.append((f"not canonical: y = p + {y - PRIME}, sign {sign}", encoded))
    for y in (1, PRIME - 1):
        candidates.append((f"x = 0 with a sign, y = {y % 7}", (y | 1 << 255).to_bytes(32, "little")))
    for n in range(24):
        candidates.append((f"any 32 bytes, {n}", hashlib.sha256(b"point %d" % n).digest()))
    for name, point in candidates:
        yield {"name": name, "hex": point.hex(), "valid": bool(sodium.crypto_core_ed25519_is_valid_point(point))}


def vectors():
    refused = [(name, DEVICE_TOPIC, data, why, False) for name, data, why in refused_frames()]
    refused += [(name, DEVICE_TOPIC, data, why, False) for name, data, why in refused_signatures()]
    refused += [
        (name, DEVICE_TOPIC, data, why, why.startswith("claim")) for name, data, why in refused_encodings()
    ]
    refused += [(*row, False) for row in refused_addresses()]
    refused += [(*row, True) for row in refused_contents()]
    for name in ("absent", "of 15 bytes"):
        cti = None if name == "absent" else bytes(15)
        why = "claim-missing" if cti is None else "claim-invalid"
        refused.append((f"cti {name}", DEVICE_TOPIC, signed(claims(EVENT, cti=cti)), why, False))
    return {
        "source": "test/wan/envelope/peer_vectors.py with cbor2 and PyNaCl (libsodium), keys from fixed seeds; "
        "eddsa-sig-01 is of cose-wg/Examples, public domain",
        "now": NOW,
        "utility": UTILITY,
        "keys": [key.record() for key in KEYS],
        "accepted": [
            {"name": name, "topic": topic, "hex": data.hex(), "claims": readable(whole)}
            for name, topic, data, whole in accepted()
        ],
        "refused": [
            {"name": name, "topic": topic, "hex": data.hex(), "refusal": why, "authenticated": known}
            for name, topic, data, why, known in refused
        ],
        "records": [
            {"name": name, "topic": topic, "hex": data.hex(), **({"refusal": why} if why else {"body": STATUS})}
            for name, topic, data, why in records()
        ],
        "several": several(),
        "points": list(points()),
        "eddsa-sig-01": {
            "publicKey": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "toBeSigned": "846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e",
            "signature": "7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
            "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d",
            "hex": "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e"
            "58407142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
            "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d",
            "refusal": "kid-unprotected",
        },
    }


json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
print()
