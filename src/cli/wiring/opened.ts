/**
 * What was opened, closed again in the opposite order. As AsyncDisposableStack, which the oldest Node that runs the
 * package does not have.
 */
export class Opened {
  #closers: (() => void | Promise<void>)[] = [];
  #kept = false;

  defer(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  /** From here on it is not closed at the end of the block that opened it, but by {@link close}. */
  keep(): this {
    this.#kept = true;
    return this;
  }

  /** Each is closed, also behind one that fails; rejects with the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).toReversed())
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw failures[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#kept) await this.close();
  }
}
