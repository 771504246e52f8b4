/** A sample of `npm run chaos -- envelope`; all of it takes minutes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { openCommand } from '../../src/wan/envelope/mod.ts';
import { VECTORS, bytesOf, contextFor } from '../wan/envelope/vectors.ts';
import { read, write } from './cbor.ts';
import { mutants } from './envelope.ts';
import { openEnvelope } from './mutants.ts';
import { NARROW, right } from './wrong.ts';

const SAMPLE = 20_000;

describe('chaos at the envelope', () => {
  it('no mutant is accepted, none throws, none holds the loop', () => {
    const { failed, accepted, crashes, same, refusals } = mutants(SAMPLE, 1);
    expect(failed).to.equal(undefined);
    expect([accepted, crashes]).to.deep.equal([0, 0]);
    expect(same).to.be.below(SAMPLE / 10);
    // Mutants that all fail alike prove nothing: form, frame, signature, content and scope have each had theirs.
    expect(Object.keys(refusals).length).to.be.above(40);
    expect(refusals).to.include.keys('unsorted-keys', 'header-critical', 'signature-invalid', 'axis-range');
    expect(refusals).to.include.keys('class-exceeded', 'bounds-exceeded', 'expired', 'claim-missing');
  }).timeout(60_000);

  it('what they are made of is accepted: each is wrong by its mutation alone', () => {
    const context = { ...contextFor(`ug/1/${VECTORS.utility}/g/feeder-7/cmd`), keyOf: () => NARROW };
    expect(openCommand(right(), context).ok).to.equal(true);
    for (const { name, hex } of [...VECTORS.accepted, ...VECTORS.records]) {
      if (VECTORS.records.some(row => row.name === name && row.refusal !== undefined)) continue;
      expect(write(openEnvelope(bytesOf(hex))).toString('hex'), name).to.equal(hex);
      expect(write(read(bytesOf(hex))).toString('hex'), name).to.equal(hex);
    }
  });

  it('is run by its name', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['test/chaos/main.ts', 'envelope', '--n', '50']);
    expect(JSON.parse(stdout)).to.include({ mutants: 50, seed: 1, accepted: 0, crashes: 0 });
  });
});
