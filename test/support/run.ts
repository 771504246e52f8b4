/**
 * Programs run to their end, with an environment that does not remember who started the tests: npm hands its
 * own settings down, and a package manager below must not take them for its user's.
 */
import { execFile } from 'node:child_process';
import type { ExecFileOptions } from 'node:child_process';

export interface Ran {
  /** Exit code; 128 and above after a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(
  program: string,
  args: readonly string[],
  options: Pick<ExecFileOptions, 'cwd' | 'env' | 'timeout'> = {},
): Promise<Ran> {
  const env = { ...cleanEnvironment(), ...options.env };
  return new Promise(resolve => {
    execFile(program, args, { maxBuffer: 64 * 1024 * 1024, ...options, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
      resolve({ code, stdout, stderr: error !== null && stderr === '' ? error.message : stderr });
    });
  });
}

/** As {@link run}, for what has to succeed: rejects with what the program said. */
export async function mustRun(...call: Parameters<typeof run>): Promise<Ran> {
  const ran = await run(...call);
  if (ran.code !== 0)
    throw new Error(`${call[0]} ${call[1].join(' ')} ended with ${ran.code}:\n${ran.stderr}${ran.stdout}`);
  return ran;
}

/** Where packages come from and whom to trust stays; of which package is at work, nothing. */
const OF_THE_CALLER =
  /^(npm_(package|lifecycle)_.*|npm_config_(local_|global_)?prefix|npm_command|NODE_OPTIONS|TEST_RESULT)$/i;

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_THE_CALLER.test(name)));
}
