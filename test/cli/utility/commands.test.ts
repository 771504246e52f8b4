/** `underglass utility` as an operator uses it: a head end that runs or one for a single command, real sockets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { underglass } from '../local/support.ts';
import { UtilityWorld } from './world.ts';

interface SentJson {
  readonly mRID: string;
  readonly cti: string;
  readonly missing: readonly string[];
  readonly answers: readonly {
    readonly gateway: string;
    readonly response: string;
    readonly refusal?: string;
    readonly applied?: readonly { readonly outcome: string; readonly evidence: readonly unknown[] }[];
  }[];
}

describe('underglass utility', function () {
  this.timeout(40_000);
  let world: UtilityWorld;
  before(async () => {
    world = await UtilityWorld.open(['gw-1']);
  });
  after(() => world.close());

  it('sends an event, waits for the registers it wrote, and cancels it, without a head end that runs', async () => {
    const sent = await world.utility('send --gateway gw-1 --set opModMaxLimW=47.5% --duration 15m --json');
    expect(sent.code, sent.err).to.equal(0);
    const { mRID, answers, missing } = JSON.parse(sent.out) as SentJson;
    expect(missing).to.deep.equal([]);
    expect(answers.map(({ gateway, response }) => [gateway, response])).to.deep.equal([['gw-1', 'started']]);
    expect(answers[0]?.applied?.map(({ outcome }) => outcome)).to.deep.equal(['implemented']);
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const read = await underglass('read', inverter, '704.WMaxLimPct', '--json');
    expect(JSON.parse(read.out)).to.have.nested.property('points.704\\.WMaxLimPct', 47.5);
    const ended = await world.utility('cancel', '--gateway', 'gw-1', '--mrid', mRID);
    expect(ended.code, ended.err).to.equal(0);
    expect(ended.out).to.contain('gw-1  completed');
    const back = await underglass('read', inverter, '704.WMaxLimPct', '--json');
    expect(JSON.parse(back.out)).to.have.nested.property('points.704\\.WMaxLimPct', 100);
  });

  it('asks the head end that runs, which one alone may be, and ends it cleanly on SIGTERM', async () => {
    const serving = spawn(
      process.execPath,
      ['src/cli/underglass.js', 'utility', 'serve', '--config', world.path('utility.yaml')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const closed = once(serving, 'close');
    try {
      const lines = createInterface({ input: serving.stdout });
      const [first] = (await once(lines, 'line')) as [string];
      expect(JSON.parse(first)).to.include({ event: 'head-end.serving' });
      const second = await world.utility('serve');
      expect(second.code).to.equal(1);
      expect(second.err).to.contain('another head end holds').and.to.contain('in-use');
      const asks = ['a', 'b', 'c'].map(name =>
        world.utility(`send --gateway gw-1 --set opModMaxLimW=9000 --duration 60 --mrid ${name}`),
      );
      for (const { code, err } of await Promise.all(asks)) expect(code, err).to.equal(0);
      const shown = await world.utility('gateways --json');
      expect(JSON.parse(shown.out)).to.have.property('gateways').with.length(1);
      const health = await world.utility('health --gateway gw-1 --json');
      expect(JSON.parse(health.out)).to.have.nested.include({
        'gateways[0].isThere': true,
        'gateways[0].commandAvailability': 1,
        'gateways[0].expired': 0,
      });
      const plain = await world.utility('health');
      expect(plain.out).to.match(/gw-1 {2}there, heard \S+, link 100\.000 %, commands 100\.000 %/);
    } finally {
      serving.kill('SIGTERM');
    }
    expect(await closed).to.deep.equal([0, null]);
  });

  it('says what a gateway refused, with exit code 1 and the whole answer', async () => {
    const said = await world.utility('cancel --gateway gw-1 --mrid never-was --json --timeout 5');
    expect(said.code).to.equal(1);
    const { answers } = JSON.parse(said.out) as SentJson;
    expect(answers[0]?.refusal).to.equal('event-unknown');
    expect(said.err).to.contain('gw-1').and.to.contain('(refused)');
  });

  it('takes no answer for the last one that is not: what has only begun is not completed', async () => {
    const line =
      'send --gateway gw-1 --set opModMaxLimW=9100 --duration 60 --until completed --timeout 1 --json';
    const said = await world.utility(line);
    expect(said.code).to.equal(1);
    expect((JSON.parse(said.out) as SentJson).missing).to.deep.equal(['gw-1']);
    expect(said.err).to.contain('no answer yet from gw-1 (so far: ').and.to.contain('(unanswered)');
  });

  it('ends with 3 where nobody answers, and says that the command is repeated', async () => {
    const said = await world.utility('send --gateway gw-9 --set opModMaxLimW=1 --duration 60 --timeout 1');
    expect(said.code).to.equal(3);
    expect(said.out).to.contain('gw-9  no answer yet');
    expect(said.err).to.contain('no answer yet from gw-9').and.to.contain('utility serve');
  });

  it('names line and remedy of a mistake in the configuration, and a broker that is not there', async () => {
    const path = world.path('wrong.yaml');
    await writeFile(
      path,
      'utility: north\nisuer: ops\nkeyFile: k\nledgerFile: l\nbroker: { url: http://x }\n',
    );
    const said = await underglass('utility', 'gateways', '--config', path);
    expect(said.code).to.equal(1);
    expect(said.err).to.match(/wrong\.yaml:2: isuer is unknown: did you mean issuer\?/);
    expect(said.err).to.match(/wrong\.yaml:5: broker\.url: http:\/\/x .*mqtts:\/\/host:8883/);
    const missing = await underglass('utility', 'gateways', '--config', world.path('none.yaml'));
    expect(missing.err).to.contain('there is no such file');
  });

  for (const [what, args, says] of [
    [
      'a curve that goes back',
      ['--curve', 'opModVoltVar', '--points', '98:0', '92:44'],
      'point 2 of opModVoltVar',
    ],
    ['a curve without points', ['--curve', 'opModVoltVar'], '--points is missing'],
    ['a packet that nobody knows', ['--packet', 'nope'], 'ieee1547-2018-volt-var-b'],
    ['a setting of another mode', ['--settings', 'setES', '--set', 'minPct=1'], 'delayS'],
    ['a packet and a curve', ['--packet', 'anti-islanding', '--off', 'setES'], '--list'],
    ['nothing to set', [], '--list'],
  ] as const)
    it(`sets no modes and ends with 2 on ${what}`, async () => {
      const said = await world.utility('curve --gateway gw-1', ...args);
      expect(said.code, said.err).to.equal(2);
      expect(said.err).to.contain(says);
    });

  for (const [what, args, says] of [
    ['no gateway and no group', ['--set', 'opModMaxLimW=1', '--duration', '1'], '--gateway and --group'],
    ['an unknown axis', ['--gateway', 'g', '--set', 'opModX=1', '--duration', '1'], 'opModMaxLimW'],
    [
      'a value out of range',
      ['--gateway', 'g', '--set', 'opModMaxLimW=101%', '--duration', '1'],
      '0 … 10000',
    ],
    ['an endless event', ['--gateway', 'g', '--set', 'opModMaxLimW=1'], '--duration is missing'],
    ['no time', ['--gateway', 'g', '--set', 'opModConnect=0', '--duration', '1', '--start', 'noon'], '+15m'],
  ] as const)
    it(`ends with 2 on ${what}`, async () => {
      const said = await world.utility('send', ...args);
      expect(said.code, said.err).to.equal(2);
      expect(said.err).to.contain(says);
    });
});
