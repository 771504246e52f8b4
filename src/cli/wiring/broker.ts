/** The way to a broker from its configuration, the same for a gateway and a head end. */
import { readBrokerFiles } from '../../io/broker/mod.ts';
import type { BrokerOptions } from '../../io/broker/mod.ts';
import type { BrokerConfig } from '../../model/mod.ts';
import { Trouble } from '../exit.ts';

/**
 * Where the broker is, and who we are to it. Its files are read at each attempt; while what stands there is no good,
 * what was read before is used, and `told` says why. Throws {@link Trouble} where they are no good now.
 */
export function wayTo(
  broker: BrokerConfig,
  told: (why: string) => void,
): Pick<BrokerOptions, 'url' | 'standby' | 'username' | 'files'> {
  const first = readBrokerFiles(broker);
  if (!first.ok) throw new Trouble(`broker.${first.refusal}: ${broker[first.refusal]} ${first.detail}`);
  let last = first.value;
  return {
    url: broker.url,
    standby: broker.standby,
    ...(broker.username === undefined ? {} : { username: broker.username }),
    files: () => {
      const read = readBrokerFiles(broker);
      if (read.ok) last = read.value;
      else
        told(`broker.${read.refusal}: ${broker[read.refusal]} ${read.detail}; what was read before is used`);
      return last;
    },
  };
}
