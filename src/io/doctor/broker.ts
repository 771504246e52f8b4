/**
 * Whether a broker takes us: connects to it as the gateway would, with the same files and under a client id of its
 * own, so that the link of a gateway at work is not taken over, and leaves no session.
 */
import { tryBroker } from '../broker/mod.ts';
import type { BrokerFiles } from '../broker/mod.ts';
import { well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export interface BrokerWay {
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  readonly files: BrokerFiles;
  readonly withinMs: number;
}

export async function checkBroker(way: BrokerWay): Promise<Finding> {
  const { protocol, host } = new URL(way.url);
  const address = `${protocol}//${host}`;
  const tried = await tryBroker(way);
  if (tried.ok) return well('broker', `${address}: takes us${protocol === 'mqtts:' ? ', over TLS' : ''}`);
  const remedy =
    tried.refusal === 'unreachable'
      ? 'look at the cable, the router, and whether the broker runs; meanwhile the local side goes on'
      : 'have the utility look at name, password or certificate of this gateway at its broker';
  return wrong('broker', `${address}: ${tried.detail}`, remedy);
}
