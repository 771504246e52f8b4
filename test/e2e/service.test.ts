import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { needs } from '../support/needs.ts';
import { program, site } from '../support/site.ts';

describe('the monitor of a gateway', function () {
  this.timeout(30_000);

  it('SIWG-6 tells availability of link and commands, and is ready when broker, store and devices are there', async () => {
    await using here = await site();
    await here.write({ ...here.config, monitor: { port: 0 } });
    await using gateway = program(['gateway', '--config', here.path]);
    const opened = await gateway.line(({ event }) => event === 'monitor.open');
    const url = opened.msg.replace(/^.* /, '');
    await gateway.line(({ event }) => event === 'link.up');
    await gateway.line(({ event }) => event === 'order.implemented');
    expect((await fetch(`${url}readyz`)).status).to.equal(200);
    expect((await fetch(`${url}healthz`)).status).to.equal(200);
    const text = await (await fetch(`${url}metrics`)).text();
    expect(text).to.match(/^underglass_link_up 1$/m);
    expect(text).to.match(/^underglass_device_up\{device="inverter"\} 1$/m);
    expect(text).to.match(/^underglass_orders_total\{outcome="implemented"\} [1-9]/m);
    expect(text).to.match(/^underglass_link_availability_ratio\{window="30d"\} 0\.\d+$/m);
    expect(text).to.match(/^underglass_command_availability_ratio\{window="30d"\} 0\.\d+$/m);
    await here.home.close();
    await gateway.line(({ event }) => event === 'device.lost');
    const unready = await fetch(`${url}readyz`);
    expect([unready.status, await unready.text()].join(' ')).to.match(/^503 .*inverter: lost at tcp:/);
  });
});

/** A socket as a service manager has one; each datagram is a line. */
const FAKE_MANAGER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    for line in s.recv(4096).decode().split('\\n'):
        print(line, flush=True)
`;

describe('a gateway under a service manager', function () {
  this.timeout(30_000);

  it('says that it is ready, that its loops go on, and that it stops', async function () {
    const python = needs(this, 'python3');
    needs(this, 'systemd-notify');
    await using here = await site();
    const socket = join(here.folder, 'notify');
    const manager = spawn(python, ['-c', FAKE_MANAGER, socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    const closed = once(manager, 'close');
    try {
      const told: string[] = [];
      const lines = createInterface({ input: manager.stdout });
      lines.on('line', line => told.push(line));
      // What is not heard in time ends the test, and with it the processes.
      const signal = AbortSignal.timeout(20_000);
      const heard = async (what: string): Promise<void> => {
        while (!told.includes(what)) await once(lines, 'line', { signal });
      };
      await heard('bound');
      const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1500000' };
      await using gateway = program(['gateway', '--config', here.path], env);
      await heard('READY=1');
      await heard('WATCHDOG=1');
      gateway.signal('SIGTERM');
      await heard('STOPPING=1');
      expect(await gateway.ended).to.equal(0);
    } finally {
      manager.kill('SIGKILL');
      await closed;
    }
  });
});

describe('a gateway that is sent SIGHUP', function () {
  this.timeout(30_000);

  it('takes what changed, and keeps the last good configuration where the new one is refused', async () => {
    await using here = await site();
    await using gateway = program(['gateway', '--config', here.path]);
    await gateway.line(({ event }) => event === 'order.implemented');
    await here.write({ ...here.config, defaults: { opModMaxLimW: 4000 }, pollSecnds: 2 });
    gateway.signal('SIGHUP');
    const refused = await gateway.line(({ event }) => event === 'config.refused');
    expect(refused.msg).to.match(
      /gateway\.yaml:\d+: pollSecnds is unknown: did you mean pollSeconds\?; what was/,
    );
    await here.write({ ...here.config, defaults: { opModMaxLimW: 4000 } });
    gateway.signal('SIGHUP');
    await gateway.line(({ event }) => event === 'config.reloaded');
    const from = gateway.lines.findIndex(({ event }) => event === 'config.reloaded');
    await gateway.line(({ event }) => event === 'order.implemented', from);
    gateway.signal('SIGTERM');
    expect(await gateway.ended).to.equal(0);
  });
});
