import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AddCommand } from '../../src/cli/main.ts';
import { EXIT, Trouble } from '../../src/cli/exit.ts';
import { main } from '../../src/cli/main.ts';

const ECHO: AddCommand = program => {
  program
    .command('echo <word>')
    .description('says it again')
    .option('--times <n>')
    .action((word: string) => {
      if (word === 'far') throw new Trouble('tcp://127.0.0.1:9 does not answer', EXIT.unreachable);
    });
};

async function run(...args: string[]) {
  let out = '';
  let err = '';
  const code = await main(args, [ECHO], { out: text => void (out += text), err: text => void (err += text) });
  return { code, out, err };
}

describe('the command line', () => {
  it('answers --version with the version of package.json on standard output and exit code 0', async () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await run('--version')).to.deep.equal({ code: 0, out: `${version}\n`, err: '' });
  });

  it('answers --help on standard output and exit code 0, naming every command', async () => {
    const { code, out, err } = await run('--help');
    expect({ code, err }).to.deep.equal({ code: 0, err: '' });
    expect(out).to.contain('echo [options] <word>').and.to.contain('says it again');
  });

  it('shows the help on standard error and exits 2 when no command is named', async () => {
    const { code, out, err } = await run();
    expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    expect(err).to.contain('Usage: underglass');
  });

  it('names an unknown command with the nearest known one and exits 2', async () => {
    const { code, err } = await run('ecko', 'x');
    expect(code).to.equal(2);
    expect(err).to.contain("unknown command 'ecko'").and.to.contain('Did you mean echo?');
  });

  it('lists the commands where an unknown one is near to none', async () => {
    const { code, out, err } = await run('bogus');
    expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    expect(err).to.match(/^error: unknown command 'bogus'\nusage: underglass .*\ncommands: echo, help\n$/);
  });

  it('answers an unknown option with the nearest one and the usage of the command', async () => {
    const { code, out, err } = await run('echo', 'x', '--time', '3');
    expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    expect(err).to.contain('Did you mean --times?').and.to.contain('usage: underglass echo [options] <word>');
    expect(err).not.to.contain('commands:');
  });

  for (const [what, args] of [
    ['an unknown option', ['echo', 'x', '--loud']],
    ['a missing argument', ['echo']],
    ['an argument too many', ['echo', 'x', 'y']],
    ['an option without its value', ['echo', 'x', '--times']],
  ] as const) {
    it(`exits 2 on ${what}, with one error line that is not on standard output`, async () => {
      const { code, out, err } = await run(...args);
      expect({ code, out }).to.deep.equal({ code: 2, out: '' });
      expect(err).to.match(/^error: .+\n/);
    });
  }

  it('ends with the exit code of the trouble that a command threw, told in one line', async () => {
    expect(await run('echo', 'far')).to.deep.equal({
      code: 3,
      out: '',
      err: 'underglass: tcp://127.0.0.1:9 does not answer\n',
    });
  });

  it('rejects when a command breaks a promise of its own, so that the process ends with a trace', async () => {
    const broken: AddCommand = program => {
      program.command('break').action(() => {
        throw new TypeError('x is undefined');
      });
    };
    let caught: unknown;
    await main(['break'], [broken]).catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(TypeError);
  });
});

describe('the entry underglass.js', () => {
  it('drops the warning of node:sqlite and no other', async () => {
    const script = `
      await import(${JSON.stringify(new URL('../../src/cli/underglass.js', import.meta.url).href)});
      process.emitWarning('SQLite is an experimental feature and might change at any time', 'ExperimentalWarning');
      process.emitWarning('something else is too', 'ExperimentalWarning');`;
    const { stderr } = await run24([
      '--input-type=module',
      '--eval',
      script,
      '--',
      'underglass',
      '--version',
    ]);
    expect(stderr).to.contain('something else is too').and.not.to.contain('SQLite');
  });

  it('goes on to its end, quietly, where nobody reads its answer', async () => {
    const entry = new URL('../../src/cli/underglass.js', import.meta.url).pathname;
    for (const args of [['profile', 'list'], ['verify', '--help'], ['nonsense']]) {
      const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.destroy();
      let err = '';
      child.stderr.on('data', bytes => (err += String(bytes)));
      const [code] = (await once(child, 'close')) as [number];
      expect(code, err).to.equal(args[0] === 'nonsense' ? 2 : 0);
      expect(err).not.to.contain('EPIPE');
    }
  });
});

function run24(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) =>
    execFile(process.execPath, args, (error, stdout, stderr) =>
      error ? reject(error) : resolve({ stdout, stderr }),
    ),
  );
}
