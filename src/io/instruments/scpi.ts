/**
 * Instruments that speak SCPI, over TCP or a serial line. Which words make one of them set or measure is data, for
 * every maker has its own; what is common is the way: one question at a time, `*OPC?` after what is set, and the
 * error queue asked each time, so that a command that was not understood is not taken for done.
 *
 * Source: IEEE 488.2 (*IDN?, *OPC?, *CLS) and SCPI-99, 21.8 (SYSTem:ERRor?).
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Link } from '../../local/bus/mod.ts';
import { openPipe } from '../modbus/pipe.ts';
import type { Pipe } from '../modbus/pipe.ts';

/** Words of one instrument. `{}` stands for the number. */
export interface ScpiWords {
  /** Sent once the link is open, in this order. */
  readonly begin?: readonly string[] | undefined;
  readonly set?: Readonly<Record<string, string | undefined>> | undefined;
  /** Questions by quantity, each with the factor that makes it W, var, V or Hz with our signs. */
  readonly measure?: Readonly<Record<string, Question | undefined>> | undefined;
  /** What leaves it safe; all are sent, whatever becomes of each. */
  readonly safe?: readonly string[] | undefined;
}

export interface Question {
  readonly ask: string;
  readonly factor?: number | undefined;
}

export interface ScpiInstrument {
  /** What it answers to *IDN?. */
  readonly name: string;
  set(quantity: string, value: number): Promise<Result<undefined, 'unable' | 'instrument'>>;
  measure(quantity: string): Promise<Result<number, 'unable' | 'instrument'>>;
  safe(): Promise<void>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 3000;
/** The longest answer to a question for one number, or for a name; more is not an instrument. */
const ANSWER_MAX = 4096;
/** The queue of errors holds old ones: read until it is empty, but no longer than this. */
const ERRORS_MAX = 32;

/** Opens the link, empties the error queue and asks for the name. */
export async function openScpi(link: Link, words: ScpiWords): Promise<Result<ScpiInstrument, 'instrument'>> {
  const pipe = await openPipe(link, TIMEOUT_MS);
  if (!pipe.ok) return refused('instrument', pipe.detail, 'later');
  const line = new Line(pipe.value);
  line.say('*CLS');
  for (const word of words.begin ?? []) line.say(word);
  const name = await line.ask('*IDN?');
  if (!name.ok) {
    await line.close();
    return name;
  }
  return ok(new Scpi(line, words, name.value));
}

class Scpi implements ScpiInstrument {
  readonly name: string;
  readonly #line: Line;
  readonly #words: ScpiWords;

  constructor(line: Line, words: ScpiWords, name: string) {
    this.#line = line;
    this.#words = words;
    this.name = name;
  }

  async set(quantity: string, value: number): Promise<Result<undefined, 'unable' | 'instrument'>> {
    const word = this.#words.set?.[quantity];
    if (word === undefined) return refused('unable', `${this.name} sets no ${quantity}`);
    this.#line.say(word.replace('{}', String(value)));
    const done = await this.#line.ask('*OPC?');
    if (!done.ok) return done;
    if (Number(done.value) !== 1) return refused('instrument', `*OPC? is answered ${done.value}`);
    return this.#errors();
  }

  async measure(quantity: string): Promise<Result<number, 'unable' | 'instrument'>> {
    const row = this.#words.measure?.[quantity];
    if (row === undefined) return refused('unable', `${this.name} measures no ${quantity}`);
    const answer = await this.#line.ask(row.ask);
    if (!answer.ok) return answer;
    const value = Number(answer.value);
    // SCPI-99, 7.2.1.5: 9.91E37 is "not a number", 9.9E37 infinity.
    if (answer.value === '' || !Number.isFinite(value) || Math.abs(value) > 9e36)
      return refused('instrument', `${row.ask} is answered ${JSON.stringify(answer.value.slice(0, 40))}`);
    return ok(value * (row.factor ?? 1));
  }

  safe(): Promise<void> {
    for (const word of this.#words.safe ?? []) this.#line.say(word);
    return this.#line.ask('*OPC?').then(() => undefined);
  }

  close(): Promise<void> {
    return this.#line.close();
  }

  async #errors(): Promise<Result<undefined, 'instrument'>> {
    let first: string | undefined;
    for (let asked = 0; asked < ERRORS_MAX; asked++) {
      const error = await this.#line.ask('SYST:ERR?');
      if (!error.ok) return error;
      if (/^[+-]?0\b/.test(error.value)) break;
      first ??= error.value;
    }
    return first === undefined ? ok(undefined) : refused('instrument', first);
  }
}

/** One question at a time, each with its answer or a refusal in time. After a timeout the link is not believed any more. */
class Line {
  readonly #pipe: Pipe;
  #heard = '';
  #settle: ((answer: Result<string, 'instrument'>) => void) | undefined;
  #lost: string | undefined;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    pipe.stream.on('data', (bytes: Buffer) => this.#receive(bytes.toString('latin1')));
    pipe.stream.on('error', (error: Error) => this.#end(error.message));
    pipe.stream.on('close', () => this.#end('the connection is closed'));
  }

  say(command: string): void {
    if (this.#lost === undefined) this.#pipe.stream.write(`${command}\n`);
  }

  ask(question: string): Promise<Result<string, 'instrument'>> {
    if (this.#lost !== undefined) return Promise.resolve(refused('instrument', this.#lost, 'later'));
    if (this.#settle !== undefined)
      return Promise.resolve(refused('instrument', 'asked twice at once', 'later'));
    this.say(question);
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#end(`no answer to ${question} in ${TIMEOUT_MS} ms`), TIMEOUT_MS);
      this.#settle = answer => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(answer);
      };
    });
  }

  close(): Promise<void> {
    return new Promise(resolve => {
      if (this.#pipe.stream.closed) return resolve();
      this.#pipe.stream.once('close', () => resolve());
      // What was said last must arrive: it may be what leaves the source safe.
      this.#pipe.stream.end(() => this.#pipe.stream.destroy());
    });
  }

  #receive(text: string): void {
    this.#heard += text;
    const end = this.#heard.indexOf('\n');
    if (end < 0 && this.#heard.length <= ANSWER_MAX) return;
    if (end < 0) return this.#end(`more than ${ANSWER_MAX} characters without an end`);
    const answer = this.#heard.slice(0, end).trim();
    this.#heard = this.#heard.slice(end + 1);
    this.#settle?.(ok(answer));
  }

  /** An answer that comes late would be taken for the next question's: the link ends with it. */
  #end(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    this.#pipe.stream.destroy();
    this.#settle?.(refused('instrument', why, 'later'));
  }
}
