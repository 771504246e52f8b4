/**
 * A child process that persists without end and says on stdout what was acknowledged to it, one line each:
 * `<stream> <sequence>`. It is killed by its parent in the middle of that.
 */
import { writeSync } from 'node:fs';
import type { StreamName } from '../../../src/model/mod.ts';
import { append, GATEWAY, opened, put } from './support.ts';

const store = opened(process.argv[2] ?? '');
const STREAMS: readonly StreamName[] = ['alarm', 'status', 'reading'];
const { streams } = await store.snapshot(GATEWAY);

await Promise.all(
  STREAMS.map(async stream => {
    for (let sequence = (streams.find(s => s.stream === stream)?.last ?? 0) + 1; ; sequence++) {
      await store.persist(GATEWAY, [append(stream, sequence), put(stream, sequence)]);
      writeSync(1, `${stream} ${sequence}\n`);
    }
  }),
);
