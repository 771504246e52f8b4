/** Whose turn it is, how long to wait, and links as text. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  BACK_OFF_MAX,
  BACK_OFF_MIN,
  WAITING_MAX,
  backOff,
  fillLink,
  formatLink,
  join,
  leave,
  linkAddress,
  noTurns,
  parseLink,
  linkGaps,
  placesOfLink,
  takeTurn,
} from '../../../src/local/bus/mod.ts';

describe('local/bus turns', () => {
  it('gives readers their turns in a ring', () => {
    const turns = noTurns<string>();
    for (const name of ['a', 'b', 'c']) join(turns, name, 'read');
    expect([1, 2, 3, 4].map(() => takeTurn(turns))).to.deep.equal(['a', 'b', 'c', 'a']);
  });

  it('gives a writer every turn until it has ended, then the next writer, then the readers', () => {
    const turns = noTurns<string>();
    join(turns, 'reader', 'read');
    join(turns, 'first', 'write');
    join(turns, 'second', 'write');
    expect([takeTurn(turns), takeTurn(turns)]).to.deep.equal(['first', 'first']);
    leave(turns, 'first');
    expect(takeTurn(turns)).to.equal('second');
    leave(turns, 'second');
    expect(takeTurn(turns)).to.equal('reader');
    leave(turns, 'reader');
    expect(takeTurn(turns)).to.equal(undefined);
  });

  it('refuses the one that is too many, and takes it when another has left', () => {
    const turns = noTurns<number>();
    for (let i = 0; i < WAITING_MAX; i++)
      expect(join(turns, i, i % 2 === 0 ? 'read' : 'write')).to.equal(true);
    expect(join(turns, -1, 'write')).to.equal(false);
    leave(turns, 0);
    expect(join(turns, -1, 'write')).to.equal(true);
  });
});

describe('local/bus back-off', () => {
  it('waits between its least and 1, 2, 4 … 60 s, evenly by chance', () => {
    expect([1, 2, 3, 7, 8, 1000].map(failures => backOff(failures, 0.999_999))).to.deep.equal([
      999, 1999, 3999, 59_999, 59_999, 59_999,
    ]);
    expect(backOff(5, 0)).to.equal(BACK_OFF_MIN);
    expect(backOff(100, 0.5)).to.equal((BACK_OFF_MIN + BACK_OFF_MAX) / 2);
  });
});

describe('local/bus link', () => {
  const good = {
    'tcp://inverter.local': 'tcp://inverter.local:502?unit=1',
    'tcp://10.0.0.7:1502?unit=126': 'tcp://10.0.0.7:1502?unit=126',
    'tcp://[fe80::1]:502?unit=0': 'tcp://[fe80::1]:502?unit=0',
    'tcp://h/?timeout=5000': 'tcp://h:502?unit=1&timeout=5000',
    'tcp://h:4001?framing=rtu&unit=3': 'tcp://h:4001?unit=3&framing=rtu',
    'tcp://h?framing=mbap': 'tcp://h:502?unit=1',
    'tcp://h?ca=a.pem&cert=b.pem&key=/c/d e.pem':
      'tcp://h:802?unit=1&ca=a.pem&cert=b.pem&key=%2Fc%2Fd%20e.pem',
    'tcp://10.0.0.7:8020?name=inverter-7&ca=a&cert=b&key=c':
      'tcp://10.0.0.7:8020?unit=1&ca=a&cert=b&key=c&name=inverter-7',
    'serial:/dev/ttyUSB0': 'serial:/dev/ttyUSB0?baud=9600&parity=none&unit=1',
    'serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1': 'serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1',
    'serial:COM3?stop=2&baud=115200&unit=247': 'serial:COM3?baud=115200&parity=none&stop=2&unit=247',
  };
  for (const [text, full] of Object.entries(good))
    it(`reads ${text}`, () => {
      const link = parseLink(text);
      expect(link.ok && formatLink(link.value)).to.equal(full);
      const again = parseLink(full);
      expect(again).to.deep.equal(link);
    });

  const bad = {
    'http://h': 'scheme',
    '': 'scheme',
    'tcp://': 'place',
    'tcp://h:0': 'place',
    'tcp://h:65536': 'place',
    'tcp://a b': 'place',
    'tcp://h/path': 'place',
    'tcp://h?unit=256': 'option',
    'tcp://h?unit=1e2': 'option',
    'tcp://h?baud=9600': 'option',
    'tcp://h?unit=1?unit=2': 'option',
    'tcp://h?unit=1&unit=2': 'option',
    'tcp://h?timeout=0': 'option',
    'tcp://h?framing=ascii': 'option',
    'tcp://h?ca=a.pem': 'option',
    'tcp://h?ca=a.pem&cert=&key=c.pem': 'option',
    'tcp://h?name=inverter-7': 'option',
    'serial:': 'place',
    'serial:/dev/x?framing=rtu': 'option',
    'serial:/dev/x?unit=0': 'option',
    'serial:/dev/x?unit=248': 'option',
    'serial:/dev/x?parity=mark': 'option',
    'serial:/dev/x?baud=fast': 'option',
    'serial:/dev/x?stop=3': 'option',
  };
  for (const [text, refusal] of Object.entries(bad))
    it(`refuses '${text}' as ${refusal}`, () => {
      expect(parseLink(text)).to.include({ ok: false, refusal });
    });

  it('takes port and unit of a profile where the link names none', () => {
    const manners = { unit: 126, ports: [1502, 502] };
    const filled = ['tcp://h', 'tcp://h:502', 'tcp://h?unit=1', 'tcp://h?ca=a&cert=b&key=c', 'serial:/dev/x'];
    const links = filled.map(text => {
      const link = parseLink(text);
      return link.ok ? formatLink(fillLink(link.value, linkGaps(text), manners)) : link.refusal;
    });
    expect(links).to.deep.equal([
      'tcp://h:1502?unit=126',
      'tcp://h:502?unit=126',
      'tcp://h:1502?unit=1',
      'tcp://h:802?unit=126&ca=a&cert=b&key=c',
      'serial:/dev/x?baud=9600&parity=none&unit=126',
    ]);
  });

  it('may be at any port of a profile, in their order, unless the link names one', () => {
    const ports = [1502, 502, 503];
    const places = ['tcp://h?unit=1', 'tcp://h:502?unit=1'].map(text => {
      const link = parseLink(text);
      if (!link.ok) throw new Error(text);
      return placesOfLink(fillLink(link.value, linkGaps(text), { ports })).map(linkAddress);
    });
    expect(places).to.deep.equal([['tcp://h:1502', 'tcp://h:502', 'tcp://h:503'], ['tcp://h:502']]);
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map(s => `serial:${s}`),
        ),
        text => {
          const link = parseLink(text);
          if (link.ok) expect(parseLink(formatLink(link.value))).to.deep.equal(link);
        },
      ),
    );
  });

  it('shares a bus between the units of one address', () => {
    const addresses = ['tcp://h?unit=1', 'tcp://h:502?unit=2'].map(text => {
      const link = parseLink(text);
      return link.ok ? linkAddress(link.value) : '';
    });
    expect(addresses).to.deep.equal(['tcp://h:502', 'tcp://h:502']);
  });
});
