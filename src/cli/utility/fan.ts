/** One teller, many listeners: an interface of optional functions, joined and left while it tells. */

type Functions<T> = { readonly [K in keyof T]?: (...args: never[]) => void };

export class Fan<T extends Functions<T>> {
  /** At most one a command that is under way, and a few of the process itself. */
  readonly #listeners = new Set<T>();

  /** What is returned leaves again. */
  join(listener: T): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell<K extends keyof T>(name: K, ...args: Parameters<NonNullable<T[K]>>): void {
    for (const listener of this.#listeners) listener[name]?.(...(args as never[]));
  }

  /** A listener that tells all others, whatever it is told. */
  all(): T {
    return new Proxy({} as T, {
      get:
        (_, name) =>
        (...args: never[]) =>
          this.tell(name as keyof T, ...(args as never)),
    });
  }
}
