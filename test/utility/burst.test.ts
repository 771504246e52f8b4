import { expect } from 'chai';
import { run } from '../bench/receipts.ts';

describe('a burst of receipts', function () {
  this.timeout(30_000);

  it('settles every command, and every gateway is acknowledged', async () => {
    // The benchmark itself throws where a command is left open, and ends when all are acknowledged.
    expect(await run(150)).to.include({ name: 'receipts', gateways: 150 });
  });
});
