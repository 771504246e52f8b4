"""Bodies of kinds interrogate, settings and read for the second implementation, good ones and others."""

INTERROGATE = {1: 13, 60: "inverter"}
READ = {1: 15}
PACKET = {1: 14, 60: "inverter", 61: "ieee1547-2018-volt-var-b"}

CURVE = {
    1: 0,
    2: "opModVoltVar",
    3: [[92_000_000, 44_000_000], [98_000_000, 0], [102_000_000, 0], [108_000_000, -44_000_000]],
    4: {"responseS": 5_000_000, "vRefPct": 100_000_000},
    5: 4,
    6: 1,
}
VALUES = {1: 1, 2: "setES", 4: {"delayS": 300_000_000, "highHz": 60_100_000}}
RELEASE = {1: 2, 2: "opModVoltWatt"}
SPECIAL = {1: 14, 62: [CURVE, VALUES, RELEASE]}


def but(intent, **changes):
    """SPECIAL with one intent, changed by key; None takes a key away."""
    changed = {**intent, **{int(key[1:]): value for key, value in changes.items()}}
    return {1: 14, 62: [{key: value for key, value in changed.items() if value is not None}]}


def good():
    yield "interrogate", INTERROGATE
    yield "interrogate every device", {1: 13}
    yield "settings", SPECIAL
    yield "settings by a packet", PACKET
    yield "settings by a packet, for every device", {1: 14, 61: "ieee1547-2018-trip-3"}
    yield "settings, a curve of one point", but(CURVE, _3=[[-1, 10**15]], _4=None, _5=None, _6=None)
    yield "read", READ


def unknown_keys():
    yield "interrogate with an intent", {**INTERROGATE, 62: [CURVE]}
    yield "read of a device", {**READ, 60: "inverter"}
    yield "settings with a start", {**PACKET, 4: 0}


def invalid():
    yield "interrogate of a device that is no id", {1: 13, 60: "Inverter"}
    yield "settings of nothing", {1: 14, 60: "inverter"}
    yield "settings by a packet and intents", {**PACKET, 62: [RELEASE]}
    yield "settings without an intent", {1: 14, 62: []}
    yield "settings with 17 intents", {1: 14, 62: [RELEASE] * 17}
    yield "an intent that is no map", {1: 14, 62: [0]}
    yield "an intent of another sort", but(CURVE, _1=3)
    yield "an intent of no sort", but(CURVE, _1=None)
    yield "a curve of an axis", but(CURVE, _2="opModMaxLimW")
    yield "a curve of no mode", but(CURVE, _2="__proto__")
    yield "a curve without points", but(CURVE, _3=[])
    yield "a curve of 21 points", but(CURVE, _3=[[at, 0] for at in range(21)])
    yield "a curve that goes back", but(CURVE, _3=[[2, 0], [1, 0]])
    yield "a point of three", but(CURVE, _3=[[1, 2, 3]])
    yield "a point that is text", but(CURVE, _3=[["1", 2]])
    yield "a point beyond all curves", but(CURVE, _3=[[10**15 + 1, 0]])
    yield "a curve with a value of another", but(CURVE, _4={"rampS": 1})
    yield "a reference of none", but(CURVE, _5=5)
    yield "a priority of none", but(CURVE, _6=2)
    yield "an intent with an unknown key", but(CURVE, _7=0)
    yield "settings of a curve's mode", but(VALUES, _2="opModVoltVar")
    yield "settings with no value", but(VALUES, _4={})
    yield "settings with a value of another", but(VALUES, _4={"minPct": 1})
    yield "settings with a numbered value", but(VALUES, _4={1: 1})
    yield "settings with points", but(VALUES, _3=[[1, 1]])
    yield "the release of an axis", but(RELEASE, _2="opModConnect")
    yield "the release of a value", but(RELEASE, _4={"delayS": 1})
