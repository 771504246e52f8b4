import { expect } from 'chai';
import { instant } from '../../../src/base/time.ts';
import { isOurHost, isSameOrigin, takeTurn } from '../../../src/io/http/guard.ts';
import type { RateLimit } from '../../../src/io/http/guard.ts';

describe('the guard of the display', () => {
  it('takes addresses, localhost and its own names as its host, whatever the port', () => {
    for (const host of [
      '127.0.0.1:8080',
      '192.168.1.20',
      '[::1]:80',
      'localhost:1',
      'LOCALHOST',
      'ug.local:8080',
    ])
      expect(isOurHost(host, ['ug.local']), host).to.equal(true);
  });

  it('refuses every other name, and what is no host at all', () => {
    for (const host of [
      undefined,
      '',
      'attacker.example',
      '127.0.0.1.attacker.example',
      'localhost.',
      'a@localhost',
      '[::1',
      '::1',
      'localhost:port',
    ])
      expect(isOurHost(host, ['ug.local']), String(host)).to.equal(false);
  });

  it('takes a request of our own page, and of a program that is no browser', () => {
    const host = '127.0.0.1:8080';
    expect(isSameOrigin({ host, origin: 'http://127.0.0.1:8080', site: 'same-origin' })).to.equal(true);
    expect(isSameOrigin({ host })).to.equal(true);
  });

  it('refuses a request that a browser says comes from elsewhere', () => {
    const host = '127.0.0.1:8080';
    for (const site of ['cross-site', 'same-site', 'none'])
      expect(isSameOrigin({ host, site }), site).to.equal(false);
    for (const origin of ['http://attacker.example', 'http://127.0.0.1:9999', 'null', ''])
      expect(isSameOrigin({ host, origin }), origin).to.equal(false);
  });

  it('lets ten requests through at once and one more each second, for each address apart', () => {
    const limit: RateLimit = new Map();
    const take = (ms: number, address = 'a') => takeTurn(limit, address, instant(ms));
    for (let i = 0; i < 10; i++) expect(take(0)).to.equal(true);
    expect(take(0)).to.equal(false);
    expect(take(0, 'b')).to.equal(true);
    expect(take(999)).to.equal(false);
    expect(take(1000)).to.equal(true);
    expect(take(1000)).to.equal(false);
  });

  it('remembers 64 addresses and forgets the one that asked longest ago', () => {
    const limit: RateLimit = new Map();
    for (let i = 0; i <= 64; i++) takeTurn(limit, `address ${i}`, instant(0));
    expect(limit.size).to.equal(64);
    expect(limit.has('address 0')).to.equal(false);
    expect(limit.has('address 64')).to.equal(true);
  });
});
