/**
 * `underglass verify`: judges an envelope, or a trust document, as a gateway would that trusts what the named files
 * say. What only a gateway can know is left out: whether it has seen the command before, and its groups.
 */
import type { Command } from 'commander';
import { ok } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { Trouble } from '../exit.ts';
import type { TrustFileRefusal } from '../../io/trust.ts';
import { sayOf } from '../local/say.ts';
import type { Known, Source } from '../trust/known.ts';

interface VerifyOptions {
  readonly trust: readonly string[];
  readonly utility?: string;
  readonly topic?: string;
  readonly at?: string;
  readonly hex?: true;
  readonly json?: true;
}

/** The contract of `--json`: these names and no other. */
interface Verdict {
  readonly ok: boolean;
  readonly refusal?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly class?: string;
}

export function addVerify(program: Command): void {
  program
    .command('verify <file>')
    .description('judge an envelope or a trust document; - reads standard input; bytes or hexadecimal')
    .requiredOption(
      '--trust <file...>',
      'whom to trust: documents, trustedKeys (YAML), public keys, or 64 hexadecimal digits',
    )
    .option('--utility <id>', 'the utility in whose topics it came; that of the root unless given')
    .option('--topic <topic>', 'where it came; where its audience is told unless given')
    .option('--at <time>', 'judge it at this time, with its zone; now unless given')
    .option('--hex', 'it has to be hexadecimal')
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: VerifyOptions, command: Command) => verify(file, options, command));
}

async function verify(file: string, options: VerifyOptions, command: Command): Promise<void> {
  const { time } = await import('../trust/options.ts');
  const say = sayOf(command);
  const at = options.at === undefined ? unixTime(Date.now()) : time('--at', options.at);
  const { fileTrouble } = await import('../trust/documents.ts');
  const input = await readInput(file, options);
  // What is too large for any envelope has been judged; what is not there has not.
  if (!input.ok && input.refusal !== 'too-large') throw fileTrouble(file, input);
  const { verdict, detail } = input.ok ? await judgeBy(input.value, { ...options, at }) : refusedAs(input);
  if (options.json === true) say.json(verdict, 'lines');
  if (!verdict.ok) {
    const why = detail === undefined ? '' : `: ${detail}`;
    throw new Trouble(`${file === '-' ? 'standard input' : file} is refused${why} (${verdict.refusal})`);
  }
  if (options.json !== true) say.out(sentence(verdict));
}

function sentence({ issuer, audience, class: rank }: Verdict): string {
  const to = audience === undefined ? '' : ` to ${audience}`;
  return `ok: ${issuer}${to}${rank === undefined ? '' : `, class ${rank}`}`;
}

interface Judged {
  readonly verdict: Verdict;
  readonly detail?: string | undefined;
}

interface Asked extends Pick<VerifyOptions, 'trust' | 'utility' | 'topic'> {
  readonly at: UnixTime;
}

async function judgeBy(bytes: Uint8Array, asked: Asked): Promise<Judged> {
  const { combine } = await import('../trust/known.ts');
  const sources = await readSources(asked.trust);
  if (!sources.ok) return refusedAs(sources);
  // Tag 98 is a document's, where there are others to judge it by; everything else is judged as an envelope.
  const isJudge = sources.value.some(({ kind }) => kind === 'document');
  if (isJudge && bytes[0] === 0xd8 && bytes[1] === 98) return judgeDocument(bytes, sources.value, asked.at);
  const known = combine(sources.value, asked.at);
  return known.ok ? judge(bytes, known.value, asked) : refusedAs(known);
}

function refusedAs({ refusal, detail }: Refused<string>): Judged {
  return { verdict: { ok: false, refusal }, detail };
}

async function judge(bytes: Uint8Array, known: Known, asked: Asked): Promise<Judged> {
  const { openCommand, peek } = await import('../../wan/envelope/mod.ts');
  const { ackTopic, commandTopic, formatAudience, parseTopic } = await import('../../model/mod.ts');
  const { keyIn, utilityOf } = await import('../trust/known.ts');
  const claimed = peek(bytes);
  const { audience = { kind: 'device', id: 'unknown' as never } } = claimed ?? {};
  const told = asked.topic === undefined ? undefined : parseTopic(asked.topic)?.utility;
  const utility = asked.utility ?? utilityOf(known) ?? told ?? 'any';
  const isAck = claimed?.claims?.body.kind === 'ack' && audience.kind === 'device';
  const usual = isAck ? ackTopic(utility, audience.id) : commandTopic(utility, audience);
  const opened = openCommand(bytes, {
    topic: asked.topic ?? usual,
    utility,
    now: asked.at,
    keyOf: kid => keyIn(known, kid, claimed),
  });
  if (!opened.ok) {
    const isRevoked = claimed !== undefined && known.trust?.revoked.has(claimed.kid) === true;
    return refusedAs(isRevoked ? { ...opened, refusal: 'key-revoked' } : opened);
  }
  const { issuer, audience: to, class: rank } = opened.value;
  return { verdict: { ok: true, issuer, audience: formatAudience(to), class: rank } };
}

/** A trust document beside those of the named files: whether a gateway that has these would take it. */
async function judgeDocument(bytes: Uint8Array, sources: readonly Source[], at: UnixTime): Promise<Judged> {
  const { combine, utilityOf } = await import('../trust/known.ts');
  const { openDocument } = await import('../../wan/trust/mod.ts');
  const signed = openDocument(bytes);
  if (!signed.ok) return refusedAs(signed);
  const known = combine(sources, at, [signed.value]);
  if (!known.ok) return refusedAs(known);
  return { verdict: { ok: true, issuer: utilityOf(known.value) ?? signed.value.document.utility } };
}

async function readSources(files: readonly string[]): Promise<Result<readonly Source[], string>> {
  const { readSource } = await import('../trust/known.ts');
  const { fileTrouble } = await import('../trust/documents.ts');
  const { bytesIn, readTrustFile } = await import('../../io/trust.ts');
  const sources: Source[] = [];
  for (const file of files) {
    // As trust init takes them: the digits of a public key stand for it.
    const read = /^[0-9a-fA-F]{64}$/.test(file)
      ? bytesIn(Buffer.from(file, 'latin1'), file, 'hex')
      : await readTrustFile(file);
    if (!read.ok) throw fileTrouble(file, read);
    const source = readSource(file, read.value);
    if (!source.ok) return { ...source, detail: `${file}: ${source.detail ?? 'cannot be trusted'}` };
    sources.push(source.value);
  }
  return ok(sources);
}

/** What is read from standard input at most; nothing signed is nearly as large. */
const MAX_INPUT = 256 * 1024;

async function readInput(
  file: string,
  { hex }: VerifyOptions,
): Promise<Result<Uint8Array, TrustFileRefusal>> {
  const { bytesIn, readTrustFile } = await import('../../io/trust.ts');
  const form = hex === true ? 'hex' : 'any';
  if (file !== '-') return readTrustFile(file, form);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    chunks.push(chunk);
    if (length > MAX_INPUT) break;
  }
  return bytesIn(Buffer.concat(chunks), 'standard input', form);
}
