import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  AXES,
  CLASSES,
  RESPONSE,
  STREAMS,
  ackTopic,
  axesOf,
  axisOfCode,
  axisRow,
  classNumber,
  classOfNumber,
  commandTopic,
  formatAudience,
  gatewaySubscriptions,
  headEndSubscriptions,
  isId,
  parseAudience,
  parseTopic,
  stateTopic,
  upTopic,
} from '../../src/model/mod.ts';
import type { Audience, GatewayId, GroupId } from '../../src/model/mod.ts';

const GW = 'gw-17' as GatewayId;
const FEEDER = 'feeder-7' as GroupId;

const ids = fc.stringMatching(/^[a-z0-9-]{1,64}$/);
const audiences: fc.Arbitrary<Audience> = fc.oneof(
  ids.map(id => ({ kind: 'group', id: id as GroupId }) as const),
  ids.map(id => ({ kind: 'device', id: id as GatewayId }) as const),
);

describe('an id', () => {
  it('is 1 to 64 of a to z, 0 to 9 and the hyphen', () => {
    for (const id of ['a', '0', '-', 'a'.repeat(64)]) expect(isId(id), id).to.equal(true);
    for (const text of ['', 'a'.repeat(65), 'A', 'a/b', 'a b', 'a+', '#', 'ä', 'a\n', 'a_b', 'a.b'])
      expect(isId(text), JSON.stringify(text)).to.equal(false);
  });

  it('with its side is an audience, and is read back', () => {
    fc.assert(
      fc.property(audiences, audience => {
        expect(parseAudience(formatAudience(audience))).to.deep.equal(audience);
      }),
    );
    for (const text of ['', 'g', 'g/', 'x/a', 'ga', 'G/a', 'g/A', 'g//a', '/a', 'g/a/b'])
      expect(parseAudience(text), text).to.equal(undefined);
  });
});

describe('a topic', () => {
  it('stands as the layout says', () => {
    expect(commandTopic('u', { kind: 'group', id: FEEDER })).to.equal('ug/1/u/g/feeder-7/cmd');
    expect(commandTopic('u', { kind: 'device', id: GW })).to.equal('ug/1/u/d/gw-17/cmd');
    expect(ackTopic('u', GW)).to.equal('ug/1/u/d/gw-17/ack');
    expect(upTopic('u', GW, 'alarm')).to.equal('ug/1/u/d/gw-17/up/alarm');
    expect(stateTopic('u', GW)).to.equal('ug/1/u/d/gw-17/state');
    expect(gatewaySubscriptions('u', GW, [FEEDER])).to.deep.equal([
      'ug/1/u/d/gw-17/cmd',
      'ug/1/u/d/gw-17/ack',
      'ug/1/u/g/feeder-7/cmd',
    ]);
    expect(headEndSubscriptions('u')).to.deep.equal(['ug/1/u/d/+/up/+', 'ug/1/u/d/+/state']);
  });

  it('says again what it was built from', () => {
    fc.assert(
      fc.property(ids, audiences, fc.constantFrom(...STREAMS), (utility, audience, stream) => {
        const topic = commandTopic(utility, audience);
        expect(parseTopic(topic)).to.deep.equal({ kind: 'command', utility, audience });
        if (audience.kind === 'group') return;
        const gateway = audience.id;
        expect(parseTopic(ackTopic(utility, gateway))).to.deep.equal({ kind: 'ack', utility, gateway });
        expect(parseTopic(stateTopic(utility, gateway))).to.deep.equal({ kind: 'state', utility, gateway });
        const up = { kind: 'up', utility, gateway, stream };
        expect(parseTopic(upTopic(utility, gateway, stream))).to.deep.equal(up);
      }),
    );
  });

  it('outside the layout means nothing', () => {
    for (const topic of [
      '',
      'ug',
      'ug/2/u/d/gw/cmd',
      'UG/1/u/d/gw/cmd',
      'ug/1/u/d/gw',
      'ug/1/u/d/gw/',
      'ug/1/u/d/gw/cmd/',
      'ug/1/u/d/gw/cmd/x',
      'ug/1/u/d/gw/ack/x',
      'ug/1/u/d/gw/state/x',
      'ug/1/u/d/gw/up',
      'ug/1/u/d/gw/up/other',
      'ug/1/u/d/gw/up/alarm/x',
      'ug/1/u/g/feeder/ack',
      'ug/1/u/g/feeder/state',
      'ug/1/u/g/feeder/up/alarm',
      'ug/1/u/x/gw/cmd',
      'ug/1//d/gw/cmd',
      'ug/1/U/d/gw/cmd',
      'ug/1/u/d//cmd',
      'ug/1/u/d/+/cmd',
      '/ug/1/u/d/gw/cmd',
    ])
      expect(parseTopic(topic), topic).to.equal(undefined);
  });
});

describe('the tables of the contract', () => {
  it('name each axis once, by the code that stands on the wire', () => {
    expect(AXES.map(row => `${row.code} ${row.axis}`)).to.deep.equal([
      '1 opModConnect',
      '2 opModMaxLimW',
      '3 opModFixedW',
      '4 opModTargetW',
      '5 opModFixedVar',
      '6 opModFixedPFInjectW',
      '7 opModFixedPFAbsorbW',
      '8 opModExpLimW',
      '9 opModImpLimW',
      '10 opModGenLimW',
      '11 opModLoadLimW',
      '12 opModStorageTargetW',
    ]);
    for (const row of AXES) {
      expect(axisOfCode(row.code)).to.deep.equal(row);
      expect(axisRow(row.axis)).to.deep.equal(row);
      expect(row.min).to.be.below(row.max);
    }
    expect(axisOfCode(0)).to.equal(undefined);
    expect(axisOfCode(13)).to.equal(undefined);
  });

  it('list the axes that values name in the order of the table, 0 among them', () => {
    expect(axesOf({ opModExpLimW: 0, opModConnect: 1 })).to.deep.equal(['opModConnect', 'opModExpLimW']);
    expect(axesOf({})).to.deep.equal([]);
  });

  it('number the classes from emergency, 0, to market, 4', () => {
    expect(CLASSES.map(c => `${classNumber(c)} ${c}`)).to.deep.equal([
      '0 emergency',
      '1 transmission',
      '2 reliability',
      '3 dispatch',
      '4 market',
    ]);
    expect([-1, 0, 4, 5].map(classOfNumber)).to.deep.equal([undefined, 'emergency', 'market', undefined]);
  });

  it('ALARM-1: put alarms first among the streams', () => {
    expect(STREAMS.slice(0, 7)).to.deep.equal([
      'alarm',
      'receipt',
      'request',
      'customer',
      'status',
      'billing',
      'reading',
    ]);
  });

  it('number the responses as IEEE 2030.5 does', () => {
    expect(Object.values(RESPONSE)).to.deep.equal([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 252, 253, 254,
    ]);
    const { started, completed, optOut, superseded } = RESPONSE;
    expect([started, completed, optOut, superseded]).to.deep.equal([2, 3, 4, 7]);
  });
});
