/**
 * The command line: which commands there are, and what every one of them shares. Standard output is the
 * answer, standard error the talk; the exit code says how it ended. Each command is a file of `commands/`
 * that parses and wires; this file does neither.
 */
import { Command, CommanderError } from 'commander';
import type { ErrorOptions } from 'commander';
import { addBundle } from './commands/bundle.ts';
import { addDemo } from './commands/demo.ts';
import { addDoctor } from './commands/doctor.ts';
import { addGateway } from './commands/gateway.ts';
import { addHil } from './commands/hil.ts';
import { addKeys } from './commands/keys.ts';
import { addProfile } from './commands/profile.ts';
import { addRead } from './commands/read.ts';
import { addScan } from './commands/scan.ts';
import { addSim } from './commands/sim.ts';
import { addService } from './commands/service.ts';
import { addSetup } from './commands/setup.ts';
import { addSign } from './commands/sign.ts';
import { addTrust } from './commands/trust/mod.ts';
import { addUtility } from './commands/utility/mod.ts';
import { addVerify } from './commands/verify.ts';
import { addWatch } from './commands/watch.ts';
import { addWrite } from './commands/write.ts';
import { legible } from './legible.ts';
import { EXIT, Trouble } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { packageVersion } from './version.ts';

/**
 * A file of `commands/`: adds itself to the program. What is heavy (brokers, serial lines) it imports when it
 * runs, so that `--help` answers at once. Its action throws {@link Trouble} to end otherwise than done.
 */
export type AddCommand = (program: Command) => void;

/** Every command, in the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addDemo,
  addSetup,
  addGateway,
  addDoctor,
  addBundle,
  addService,
  addScan,
  addRead,
  addWrite,
  addWatch,
  addSim,
  addKeys,
  addTrust,
  addSign,
  addVerify,
  addProfile,
  addUtility,
  addHil,
];

/** Where the talk and the answer go; the process's own, but for tests. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const PROCESS: Output = {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
};

/** Runs the command that `args` (without node and script) name. Never rejects for expected trouble. */
export async function main(
  args: readonly string[],
  commands: readonly AddCommand[] = COMMANDS,
  output: Output = PROCESS,
): Promise<ExitCode> {
  const program = newProgram(commands, output);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof Trouble)) throw error;
    output.err(`underglass: ${legible(error.message)}\n`);
    return error.code;
  }
}

function newProgram(commands: readonly AddCommand[], output: Output): Command {
  const program = new Helpful('underglass')
    .description('The AMI premise interface as software.')
    .version(packageVersion())
    .usage('<command> [options]')
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .exitOverride();
  for (const add of commands) add(program);
  return program;
}

/** A command that answers a mistake with how it is used and, where a command is to be named, which there are. */
class Helpful extends Command {
  override createCommand(name?: string): Command {
    return new Helpful(name);
  }

  override error(message: string, options?: ErrorOptions): never {
    const help = this.createHelp();
    const names = help.visibleCommands(this).map(command => command.name());
    const usage = [`usage: ${help.commandUsage(this)}   (--help says more)`];
    if (names.length > 0) usage.push(`commands: ${names.join(', ')}`);
    this.showHelpAfterError(usage.join('\n'));
    return super.error(message, options);
  }
}
