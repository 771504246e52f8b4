/** Trust documents to gateways: `trust`. They prove themselves; the head end only carries them. */
import { z } from 'zod';
import { fromHex } from '../../../base/bytes.ts';
import { call } from '../desk.ts';
import type { Call } from '../desk.ts';
import { sendAndWait, sending } from './send.ts';

const documents = z.strictObject({
  ...sending,
  documents: z
    .array(
      z
        .string()
        .regex(/^([0-9a-f]{2})+$/)
        .transform(text => fromHex(text) ?? new Uint8Array()),
    )
    .min(1),
});

export const trust: Call = call(documents, (args, context) =>
  sendAndWait(
    context,
    { kind: 'trust', documents: args.documents },
    { ...args, until: args.until ?? 'completed' },
  ),
);
