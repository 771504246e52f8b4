import { execFile } from 'node:child_process';
import { expect } from 'chai';

describe('a broken promise of the head end', () => {
  function end(what: string): Promise<{ code: unknown; out: string; err: string }> {
    return new Promise(resolve => {
      execFile(process.execPath, ['test/utility/broken-promise.ts', what], (error, out, err) =>
        resolve({ code: error?.code ?? 0, out, err }),
      );
    });
  }

  for (const what of ['record', 'send', 'settle'])
    it(`ends its process, and does not pass for trouble of the disk: ${what}`, async () => {
      const { code, out, err } = await end(what);
      expect(err).to.contain('AssertionError: a number is used once');
      expect([code, out]).to.deep.equal([1, '']);
    });

  it('is not what bad input is: that is refused, and the process lives', async () => {
    const { code, out, err } = await end('bad-input');
    expect([code, out, err]).to.deep.equal([0, 'still here\n', '']);
  });
});
