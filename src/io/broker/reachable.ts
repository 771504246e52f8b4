/** Whether somebody takes a connection at a broker's address. Says nothing to it. */
import { connect } from 'node:net';

/** TCP ports of MQTT (IANA). */
const PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 };

/** Resolves within `withinMs`, and never rejects; what is opened is closed again. */
export function isReachable(url: string, withinMs: number): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  return new Promise(resolve => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || PORTS[protocol] || 0,
    });
    const end = (reached: boolean) => () => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(withinMs, end(false));
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}
