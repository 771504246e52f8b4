/**
 * Mocha's spec reporter, which also writes how the run ended as JSON where `TEST_RESULT` names a file: the
 * count that a build shows is then the runner's own and not read out of its prose. Does not change the run.
 */
import { writeFileSync } from 'node:fs';
import { reporters, Runner } from 'mocha';
import type { MochaOptions } from 'mocha';

class SpecWithResult extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const file = process.env['TEST_RESULT'];
    if (file === undefined) return;
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}

// Mocha loads a reporter with `require`, which hands out the export of this name as the module itself.
export { SpecWithResult as 'module.exports' };
