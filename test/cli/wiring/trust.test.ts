/** What a gateway is told at its start about the root it shall begin with. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { runGateway } from '../../../src/cli/wiring/gateway.ts';
import { readGatewayConfig } from '../../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../../src/io/keys.ts';
import { ANN, DISPATCHER, delegation, root, signed } from '../../wan/trust/support.ts';
import { tempDir } from '../../support/temp.ts';

const CONFIG = `
utility: north
gateway: gw-1
stateFile: gw.sqlite
keyFile: gw.key
broker: { url: mqtt://127.0.0.1:9 }
trust: { root: root.cbor }
devices: [{ id: pv, link: 'tcp://127.0.0.1:9?unit=1' }]
defaults: { opModMaxLimW: 5000 }
`;

describe('a gateway that is given a root file', () => {
  for (const [what, bytes, told] of [
    ['none', undefined, '(missing)'],
    ['a delegation', signed(delegation()), '(no-root'],
    [
      'the root of another utility',
      signed(root({ utility: 'south' })),
      '(utility-mismatch: south, not north)',
    ],
    ['a root that one key signed', signed(root(), ANN), '(threshold-not-met: root 1: 1 of 2 signatures)'],
    [
      'a root with a key nobody should trust',
      signed(root({ keys: [ANN.publicKey, DISPATCHER.publicKey, new Uint8Array(32)] }), ANN, DISPATCHER),
      '(root-key-refused: key-small-order)',
    ],
    ['no document', Uint8Array.of(1, 2, 3), '(document-form'],
  ] as const)
    it(`does not start with ${what}, and says why`, async () => {
      await using dir = await tempDir();
      await writeFile(join(dir.path, 'gw.yaml'), CONFIG);
      await writeKeyFile(join(dir.path, 'gw.key'), generateKey());
      if (bytes !== undefined) await writeFile(join(dir.path, 'root.cbor'), bytes);
      const config = await readGatewayConfig(join(dir.path, 'gw.yaml'));
      if (!config.ok) throw new Error(config.detail);
      const failed = await runGateway(config.value, { log: () => {} }).then(
        () => 'started',
        (error: Error) => error.message,
      );
      expect(failed).to.contain(told).and.to.contain('root.cbor');
    });
});
