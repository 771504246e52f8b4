/** Ctrl-C and the signal of a service manager, as a promise: a command that runs on ends cleanly with it. */

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process as usual. */
export function interrupted(): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      for (const signal of SIGNALS) process.off(signal, end);
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, end);
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
