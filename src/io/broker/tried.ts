/** One attempt to log in at a broker, which leaves nothing there. */
import { connect } from 'mqtt';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { causeOf, codeOf, isOldBroker } from './causes.ts';
import type { BrokerFiles } from './files.ts';

export interface Attempt {
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  readonly files: BrokerFiles;
  readonly withinMs: number;
}

/** `refused`: the broker, or its TLS, said no. `unreachable`: nobody answered. The detail says why. Never rejects. */
export async function tryBroker(attempt: Attempt): Promise<Result<void, 'refused' | 'unreachable'>> {
  const first = await once(attempt, 5);
  return first.ok || !first.isOld ? first.result : (await once(attempt, 4)).result;
}

interface Once {
  readonly ok: boolean;
  readonly isOld: boolean;
  readonly result: Result<void, 'refused' | 'unreachable'>;
}

function once({ url, clientId, username, files, withinMs }: Attempt, protocolVersion: 4 | 5): Promise<Once> {
  return new Promise(resolve => {
    const client = connect(url, {
      ...files,
      clientId,
      ...(username === undefined ? {} : { username }),
      protocolVersion,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: withinMs,
    });
    const end = (result: Once['result'], isOld = false): void => {
      clearTimeout(deadline);
      client.end(true);
      client.stream.destroy();
      resolve({ ok: result.ok, isOld, result });
    };
    const silence = `no answer within ${withinMs / 1000} s`;
    const deadline = setTimeout(() => end(refused('unreachable', silence, 'later')), withinMs);
    client.once('connect', () => end(ok(undefined)));
    // Stays: mqtt.js may report another error after the end.
    client.on('error', error => {
      const code = codeOf(error);
      const refusal = typeof code === 'string' && UNREACHABLE.has(code) ? 'unreachable' : 'refused';
      end(refused(refusal, causeOf(error.message, code), 'later'), isOldBroker(code));
    });
    client.on('close', () => end(refused('refused', 'the broker closed the connection', 'later')));
  });
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
