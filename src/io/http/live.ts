/**
 * Views as server-sent events (WHATWG HTML, 9.2). Every screen gets the newest view; one that reads too
 * slowly skips views and never makes the gateway hold more than one for it.
 */
import type { ServerResponse } from 'node:http';
import { assert } from '../../base/assert.ts';

/** Screens at once; a home has a wall tablet and some phones. Further ones are refused and try again. */
const MAX_SCREENS = 16;
/** How often a line goes out when nothing happens, so that a screen can tell silence from a dead link. */
const HEARTBEAT_MS = 5000;

interface Screen {
  readonly response: ServerResponse;
  /** The kernel's buffer is full: the newest view waits for it to drain. */
  stalled: boolean;
}

export class LiveViews {
  readonly #screens = new Set<Screen>();
  #newest: string | undefined;
  readonly #heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();

  /** The newest view as JSON; `undefined` before the first. */
  get newest(): string | undefined {
    return this.#newest;
  }

  show(view: string): void {
    this.#newest = view;
    for (const screen of this.#screens) this.#send(screen);
  }

  /** Whether no further screen is taken. */
  get full(): boolean {
    return this.#screens.size >= MAX_SCREENS;
  }

  /** Sends the newest view, and all that follow. */
  add(response: ServerResponse): void {
    assert(!this.full, 'who adds a screen has asked whether there is room');
    const screen: Screen = { response, stalled: false };
    this.#screens.add(screen);
    response.on('close', () => this.#screens.delete(screen));
    response.on('drain', () => {
      screen.stalled = false;
      this.#send(screen);
    });
    response.write('retry: 2000\n\n');
    this.#send(screen);
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const { response } of this.#screens) response.end();
  }

  #send(screen: Screen): void {
    if (screen.stalled || this.#newest === undefined) return;
    // JSON has no line break, so a view is one `data` line.
    screen.stalled = !screen.response.write(`event: view\ndata: ${this.#newest}\n\n`);
  }

  #beat(): void {
    for (const { response, stalled } of this.#screens) if (!stalled) response.write('event: beat\ndata:\n\n');
  }
}
