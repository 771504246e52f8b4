/**
 * Mocha's spec reporter, which also writes how the run ended as JSON where `TEST_RESULT` names a file: the
 * count that a build shows is then the runner's own and not read out of its prose. Does not change the run, but a
 * run that has ended and leaves something open ends as failed, with the name of what it left.
 */
import { writeFileSync } from 'node:fs';
import { reporters, Runner } from 'mocha';
import type { MochaOptions } from 'mocha';

/** How long the process may live after its last test, ms: what ends a moment late is no leak. */
const GRACE_MS = 15_000;

class SpecWithResult extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      // Without a reference: it does not keep the process alive itself.
      setTimeout(endByForce, GRACE_MS).unref();
      const file = process.env['TEST_RESULT'];
      if (file === undefined) return;
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}

function endByForce(): void {
  const left = process.getActiveResourcesInfo().filter(name => name !== 'TTYWrap');
  console.error(`The tests have ended and left open: ${left.join(', ')}`);
  // Mocha sets the code of the tests in its own listener.
  process.once('exit', () => (process.exitCode = 1));
  process.exit();
}

// Mocha loads a reporter with `require`, which hands out the export of this name as the module itself.
export { SpecWithResult as 'module.exports' };
