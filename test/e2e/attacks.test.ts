/**
 * Attacks by name, each at a whole gateway: the bytes come in as from the broker, and no device may be ordered
 * anything, nothing may be remembered of them, and the reason has its name. What envelopes are made of is shown by
 * those of the second implementation.
 *
 * Elsewhere, by these words: "a flood of forgeries" (10^4 invalid messages a second) in refusals.test.ts beside this
 * file, with its figures in `bench -- flood`; "a revoked key with an event still queued" in gateway/trust.test.ts;
 * small-order and non-canonical keys at their enrolment also in wan/envelope/ed25519.test.ts.
 */
import { expect } from 'chai';
import { join } from 'node:path';
import { hours, minutes, unixTime } from '../../src/base/time.ts';
import { commandTopic, stateTopic } from '../../src/model/mod.ts';
import type { CommandBody, Cti, GroupId, KeyId, MRID } from '../../src/model/mod.ts';
import { REPLAY_WINDOW, trustKey } from '../../src/wan/envelope/mod.ts';
import type { CommandClaims } from '../../src/wan/envelope/mod.ts';
import { T0 } from '../support/events.ts';
import { GATEWAY as GW, UTILITY as OURS } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { tempDir } from '../support/temp.ts';
import { Bench, PV, eventBody } from '../gateway/bench.ts';
import { Started } from '../gateway/started.ts';
import { TestHeadEnd, event } from '../utility/support.ts';
import { GATEWAY, NOW, VECTORS, bytesOf, keyOf } from '../wan/envelope/vectors.ts';

/** A gateway that the vectors are meant for: their utility, keys and time. It waits for nobody's welcome. */
function atVectors(): Bench {
  const known = new Map(
    VECTORS.keys.flatMap(({ kid }) => {
      const key = keyOf(kid as KeyId);
      if (key === undefined) return [];
      const operations = key.scope.operations.filter(operation => operation !== 'welcome');
      return [[key.kid, { ...key, scope: { ...key.scope, operations } }] as const];
    }),
  );
  const bench = new Bench({ gateway: GATEWAY, utility: VECTORS.utility, keys: known });
  bench.ms = NOW - T0;
  bench.link('up');
  bench.device(PV, 'present');
  return bench;
}

/** Delivers, and holds that nothing came of it: no order, no event, no mark, but a refusal that was counted. */
function attack(bench: Bench, topic: string, payload: Uint8Array, what: string): string {
  const { counts, replay, schedule } = bench.state;
  const before = new Map(counts);
  const [marks, events] = [replay.size, schedule.entries.size];
  bench.effects = [];
  bench.deliver({ topic, payload, cti: '' as Cti });
  const refusals = [...counts].filter(([name, n]) => name.startsWith('refused.') && n !== before.get(name));
  expect(refusals, what).to.have.length(1);
  expect(
    bench.effects.filter(e => e.do === 'actuate' || e.do === 'listen'),
    what,
  ).to.deep.equal([]);
  expect([replay.size, schedule.entries.size], what).to.deep.equal([marks, events]);
  return refusals[0]?.[0].replace('refused.', '') ?? '';
}

function good() {
  const vector = VECTORS.accepted.find(({ name }) => name === 'grant');
  if (vector === undefined) throw new Error('the vector is there');
  return { topic: vector.topic, bytes: bytesOf(vector.hex) };
}

describe('an attack on the bytes', () => {
  it('a flipped bit in every byte of every field', () => {
    const bench = atVectors();
    const { topic, bytes } = good();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      attack(bench, topic, changed, `bit ${bit}`);
    }
  });

  it('truncation at every offset', () => {
    const bench = atVectors();
    const { topic, bytes } = good();
    for (let end = 0; end < bytes.length; end++)
      expect(attack(bench, topic, bytes.subarray(0, end), `${end}`)).to.equal('truncated');
  });

  /** The attack, which vectors show it, and under which names it is refused. */
  const ROWS: readonly [attack: string, vectors: RegExp, refusals: RegExp][] = [
    ['a trailing byte', /^(a trailing byte|two envelopes in one|byte after the)/, /^trailing-bytes$/],
    ['wrong tag', /^(wrong tag|no tag|tag 18 in two bytes|COSE_Sign)$/, /^not-tag-18$/],
    ['algorithm absent', /^algorithm absent$/, /^alg-missing$/],
    ['algorithm as text', /^algorithm as text$/, /^alg-unknown$/],
    ['algorithm in the wrong header', /^algorithm in (the wrong|both) header/, /^alg-unprotected$/],
    ["algorithm other than the key's", /^algorithm -\d+ for a key/, /^alg-mismatch$/],
    ['key id swapped', /^key id swapped/, /^signature-invalid$/],
    ['unknown critical header', /^unknown critical header$/, /^header-critical$/],
    ['signature of 63 or 65 bytes', /^signature of 6[35] bytes$/, /^signature-length$/],
    ['S + L … S + 8L', /^S \+ [1-8] L$/, /^signature-malleable$/],
    ['small-order R', /^R of small order/, /^signature-small-order$/],
    ['wrong group', /^wrong group$/, /^topic-mismatch$/],
    ['audience unlike topic', /^(audience unlike|group's command on|a group of the)/, /^topic-mismatch$/],
    ['expired', /^expired$/, /^expired$/],
    ['not yet valid', /^not yet valid$/, /^not-yet-valid$/],
    ['exp before nbf', /^exp before nbf$/, /^window-inverted$/],
    ["a class above the key's scope", /^class above/, /^class-exceeded$/],
    ["a primacy above the key's scope", /^primacy .* above/, /^primacy-out-of-scope$/],
    ['duplicate CBOR keys', /^(duplicate key|audience twice|algorithm twice)$/, /^duplicate-key$/],
    ['unsorted CBOR keys', /^(unsorted keys|protected header unsorted)$/, /^unsorted-keys$/],
    [
      'non-minimal CBOR',
      /^(integer not minimal|integer in eight bytes|length not minimal)$/,
      /^not-shortest$/,
    ],
    ['indefinite CBOR', /^indefinite/, /^indefinite-length$/],
    ['deep CBOR', /^deep/, /^too-deep$/],
    ['huge-length CBOR', /^huge/, /^truncated$/],
    ['tagged CBOR', /^(tagged date|bignum|self-described|tag 18 twice)$/, /^tag-inside$/],
    ['a bare break', /^bare break/, /^bare-break$/],
    ['invalid UTF-8', /UTF-8$/, /^invalid-utf8$/],
    ['__proto__', /__proto__/, /^(claim-unknown|body-unknown-key|body-invalid|axis-unknown)$/],
    ['16 KiB + 1', /^16 KiB and one byte$/, /^too-large$/],
  ];

  for (const [name, vectors, refusals] of ROWS)
    it(name, () => {
      const bench = atVectors();
      const shown = VECTORS.refused.filter(vector => vectors.test(vector.name));
      expect(shown).to.not.have.length(0);
      for (const { topic, hex, name: what, refusal } of shown) {
        const said = attack(bench, topic, bytesOf(hex), what);
        expect(said, what).to.match(refusals);
        expect(said, what).to.equal(refusal);
      }
      const { topic, bytes } = good();
      bench.deliver({ topic, payload: bytes, cti: '' as Cti });
      expect(bench.state.replay.size, 'the same gateway takes what is good').to.equal(1);
    });

  it('CBOR 10^5 deep costs no more than its size', () => {
    const deep = new Uint8Array(100_000).fill(0x81);
    expect(attack(atVectors(), good().topic, deep, 'deep')).to.equal('too-large');
    expect(attack(atVectors(), good().topic, deep.subarray(0, 16_384), 'deep')).to.equal('not-tag-18');
  });

  it('a small-order key, a non-canonical key', () => {
    const bad = VECTORS.points.filter(({ valid }) => !valid);
    expect(bad.some(({ name }) => name.startsWith('small order'))).to.equal(true);
    expect(bad.some(({ name }) => name.startsWith('not canonical'))).to.equal(true);
    const scope = keyOf(VECTORS.keys[0]?.kid as KeyId)?.scope;
    if (scope === undefined) throw new Error('a key of the vectors');
    for (const { name, hex } of bad) {
      const enrolled = trustKey({ publicKey: bytesOf(hex), issuer: 'mallory', alg: -19, epoch: 1, scope });
      expect(enrolled.ok, name).to.equal(false);
    }
  });
});

/** A gateway in its run, welcomed, and a good command that it has not seen. */
function run(): { bench: Started; sign: (sequence: number, changes?: Partial<CommandClaims>) => Signed } {
  const bench = Started.begun();
  bench.welcome();
  const sign = (sequence: number, changes: Partial<CommandClaims> = {}): Signed =>
    bench.welcoming.sign(eventBody({ mRID: `ev-${sequence}` as MRID }), bench.now.unix, {
      sequence,
      cti: sequence.toString(16).padStart(32, '0') as Cti,
      ...changes,
    });
  return { bench, sign };
}

/** How many commands did something, of all so far. */
const obeyed = (bench: Bench): number => bench.story().filter(said => said.startsWith('received')).length;

describe('an attack by repetition', () => {
  it('replay at once', () => {
    const { bench, sign } = run();
    const signed = sign(1);
    for (let n = 0; n < 5; n++) bench.deliver(signed);
    expect(obeyed(bench)).to.equal(1);
    expect(bench.counted('duplicate')).to.equal(4);
  });

  it('replay after restart', () => {
    const { bench, sign } = run();
    const signed = sign(1);
    bench.deliver(signed);
    bench.begin();
    bench.deliver(signed);
    bench.welcome();
    bench.deliver(signed);
    expect(obeyed(bench)).to.equal(1);
  });

  for (const [name, lose] of [
    ['a restored backup', (bench: Started) => bench.store.copy()],
    ['the store was deleted', () => new MemoryStore()],
  ] as const)
    it(`replay after ${name}`, () => {
      const { bench, sign } = run();
      const backup = lose(bench);
      const signed = sign(1);
      bench.deliver(signed);
      const held = { receipt: bench.store.last('receipt'), birth: bench.store.last('birth') };
      bench.begin(backup);
      bench.deliver(signed);
      expect(bench.story().at(-1)).to.equal('invalid not-welcomed');
      bench.welcome({ marks: [{ stream: 'commands', through: 1, open: [] }], held });
      bench.deliver(signed);
      expect(bench.story().at(-1)).to.equal('invalid sequence-too-old');
      expect(obeyed(bench)).to.equal(0);
      expect(bench.alarms()).to.deep.equal(['memory-lost']);
    });

  it('reorder inside and outside the window', () => {
    const { bench, sign } = run();
    const early = [1, 2, REPLAY_WINDOW].map(sequence => sign(sequence));
    bench.deliver(sign(REPLAY_WINDOW + 1));
    for (const signed of early) bench.deliver(signed);
    expect(bench.story().filter(said => !said.startsWith('received'))).to.deep.equal([
      'invalid sequence-too-old',
    ]);
    expect(obeyed(bench)).to.equal(3);
  });

  it('sequence jump to the largest number', () => {
    const { bench, sign } = run();
    bench.deliver(sign(1));
    bench.deliver(sign(Number.MAX_SAFE_INTEGER));
    expect(bench.story().at(-1)).to.equal('invalid sequence-jump');
    bench.deliver(sign(2));
    expect(obeyed(bench), 'the stream is not harmed').to.equal(2);
  });

  it('same sequence with other content', () => {
    const { bench, sign } = run();
    bench.deliver(sign(1));
    bench.deliver(sign(1, { cti: 'ff'.repeat(16) as Cti, primacy: 1 }));
    expect(bench.story().at(-1)).to.equal('invalid replay');
    expect(obeyed(bench)).to.equal(1);
  });
});

describe('an attack on the date', () => {
  const YEARS = hours(24 * 3653);

  for (const [name, ms] of [
    ['clock back an hour', hours(-1)],
    ['clock to 1970', unixTime(0) - T0],
    ['clock forward ten years', YEARS],
  ] as const)
    it(name, () => {
      const { bench, sign } = run();
      const old = sign(1, { expires: unixTime(bench.now.unix + minutes(5)) });
      bench.ms += hours(0.5);
      bench.systemOffMs = ms;
      bench.step({ on: 'tick' });
      bench.deliver(old);
      expect(bench.story().filter(said => said.startsWith('received'))).to.deep.equal([]);
      expect(bench.state.clock.trust).to.equal('untrusted');
      expect(bench.orders(), 'and nothing stored begins by the wrong date').to.deep.equal([]);
    });

  it('a held and late delivery', () => {
    const { bench, sign } = run();
    const held = sign(1, { expires: unixTime(bench.now.unix + minutes(5)) });
    bench.ms += minutes(5);
    bench.deliver(held);
    expect(bench.counted('refused.expired')).to.equal(1);
    expect(obeyed(bench)).to.equal(0);
  });
});

describe('an attack from inside', () => {
  const group = 'feeder-7' as GroupId;
  const audience = { kind: 'group', id: group } as const;

  function member(): ReturnType<typeof run> {
    const made = run();
    const grant: CommandBody = { kind: 'grant', group, epoch: 5, member: true };
    made.bench.command(grant, { sequence: 1 }, made.bench.welcoming);
    return made;
  }

  it('stale and future epoch', () => {
    const { bench, sign } = member();
    bench.deliver(sign(2, { audience, groupEpoch: 4 }));
    expect(bench.story().at(-1)).to.equal('invalid group-epoch-stale');
    bench.deliver(sign(3, { audience, groupEpoch: 6 }));
    expect(bench.story().at(-1)).to.equal('invalid group-epoch-future');
    expect(obeyed(bench)).to.equal(0);
  });

  it('removed member', () => {
    const { bench, sign } = member();
    bench.deliver(sign(2, { audience, groupEpoch: 5 }));
    const grant: CommandBody = { kind: 'grant', group, epoch: 6, member: false };
    bench.command(grant, { sequence: 3 }, bench.welcoming);
    bench.deliver(sign(4, { audience, groupEpoch: 5 }));
    bench.deliver(sign(5, { audience, groupEpoch: 6 }));
    expect(obeyed(bench)).to.equal(1);
    bench.until(hours(1));
    expect(bench.values(), 'and what waited for its start is dropped').to.deep.equal([]);
  });

  it("cancelling another issuer's event", () => {
    const { bench } = run();
    bench.event('ev-1');
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID }, {}, bench.aggregator);
    bench.until(0);
    expect(bench.values(), 'it holds').to.deep.equal([5000]);
  });

  it('a retained command', () => {
    const { bench, sign } = run();
    bench.deliver(sign(1), 'retained');
    expect(bench.counted('refused.retained')).to.equal(1);
    expect(obeyed(bench)).to.equal(0);
  });

  it('a spoofed last will decides nothing: presence is unsigned', async () => {
    const { bench } = run();
    const will = { topic: stateTopic(OURS, GW), payload: Buffer.from('offline'), cti: '' as Cti };
    bench.deliver(will);
    expect(bench.state.uplink.up).to.equal(true);
    bench.event('ev-1');
    expect(obeyed(bench), 'at the gateway').to.equal(1);

    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const spoof = (words: string): Promise<void> =>
      head.broker.deliver(stateTopic('grid', head.gateway.id), Buffer.from(words));
    await spoof('offline');
    const audienceOf = { kind: 'device', id: head.gateway.id } as const;
    const sent = await head.nms.send(audienceOf, event('ev-1'), { class: 'dispatch', primacy: 3 });
    if (!sent.ok) throw new Error(sent.refusal);
    expect(head.broker.on(commandTopic('grid', audienceOf)), 'is sent all the same').to.have.length(1);
    const { topic, payload } = head.gateway.receipt(sent.value.cti);
    await head.broker.deliver(topic, payload);
    expect(await sent.value.settled, 'and answered').to.equal('answered');
    await spoof('online');
    const second = await head.nms.send(audienceOf, event('ev-2'), { class: 'dispatch', primacy: 3 });
    expect(second.ok && head.nms.open(), 'who seems to be there has answered nothing').to.have.length(1);
    await head.close();
  });
});
