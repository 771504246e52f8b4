/**
 * Configuration files: YAML in, a checked value out, or one line for each mistake: file, line, what stands
 * there, and what should. Made for the person who wrote the file, at a terminal, without this source.
 */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Pair } from 'yaml';
import { z } from 'zod';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { gatewayConfig } from '../gateway/mod.ts';
import type { GatewayConfig } from '../gateway/mod.ts';
import { BROKER_FILES } from '../model/mod.ts';
import type { BrokerConfig } from '../model/mod.ts';
import { readBrokerFiles } from './broker/mod.ts';

/** `unreadable`: the file is not there or not ours to read. `invalid`: it is, and says something wrong. */
export type ConfigRefusal = 'unreadable' | 'invalid';

/** A configuration is some hundred lines; a file beyond this is some other file. */
const MAX_BYTES = 1_048_576;
/** Times an anchor may be used, counted with those inside it: enough to share some lines among devices. */
const MAX_ALIASES = 100;
/** Mistakes told at once: what fits a screen. The rest is counted. */
const MAX_TOLD = 20;
/** Letters of a mistake, and of a value in it: a line of a terminal stays readable whatever the file holds. */
const MAX_LINE = 400;
const MAX_VALUE = 60;

/** The configuration of a gateway, its file names made absolute. The detail of a refusal is one line a mistake. */
export async function readGatewayConfig(path: string): Promise<Result<GatewayConfig, ConfigRefusal>> {
  const read = await readConfig(path, gatewayConfig, { faults: ({ broker }) => brokerFaults(broker, path) });
  return read.ok ? ok(absoluteFiles(path, read.value)) : read;
}

/** `config` with the files it names looked for beside the file at `path`. */
export function absoluteFiles(path: string, config: GatewayConfig): GatewayConfig {
  const beside = (name: string) => resolve(dirname(path), name);
  const { broker, deliveries } = config;
  return {
    ...config,
    devices: config.devices.map(device => withFiles(device, beside)),
    stateFile: beside(config.stateFile),
    keyFile: beside(config.keyFile),
    ...(config.trust?.root === undefined ? {} : { trust: { root: beside(config.trust.root) } }),
    ...(deliveries === undefined ? {} : { deliveries: { ...deliveries, folder: beside(deliveries.folder) } }),
    broker: brokerBeside(broker, path),
  };
}

/** The way to a broker with its file names absolute, where they were relative to the folder of the file at `path`. */
export function brokerBeside(broker: BrokerConfig, path: string): BrokerConfig {
  const files = BROKER_FILES.flatMap(field => {
    const name = broker[field];
    return name === undefined ? [] : [[field, resolve(dirname(path), name)]];
  });
  return { ...broker, ...Object.fromEntries(files) };
}

/** What is wrong with the files of the way to a broker, for {@link readConfig}. */
export function brokerFaults(broker: BrokerConfig, path: string): readonly FileFault[] {
  const read = readBrokerFiles(brokerBeside(broker, path));
  return read.ok ? [] : [{ path: ['broker', read.refusal], says: read.detail ?? 'does not fit' }];
}

/** A value that is well-formed, and names a file that is not what it has to be. */
export interface FileFault {
  readonly path: readonly (string | number)[];
  readonly says: string;
}

/** A profile is a file where it looks like one, and a shipped name where it does not. */
function withFiles<T extends GatewayConfig['devices'][number]>(
  device: T,
  beside: (name: string) => string,
): T {
  const { link, profile } = device;
  const tls = link.kind === 'tcp' ? link.tls : undefined;
  const files = tls && { ...tls, ca: beside(tls.ca), cert: beside(tls.cert), key: beside(tls.key) };
  return {
    ...device,
    ...(files === undefined ? {} : { link: { ...link, tls: files } }),
    ...(profile === undefined || !isProfileFile(profile) ? {} : { profile: beside(profile) }),
  };
}

function isProfileFile(name: string): boolean {
  return extname(name) !== '' || name.includes('/');
}

/** Any configuration by its schema. Descriptions in the schema become the remedies in the refusal's lines. */
export async function readConfig<T>(
  path: string,
  schema: z.ZodType<T>,
  { maxBytes = MAX_BYTES, ...checks }: { readonly maxBytes?: number } & ConfigChecks<T> = {},
): Promise<Result<T, ConfigRefusal>> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    return refused('unreadable', `${path}: ${WHY_UNREADABLE[codeOf(error)] ?? String(error)}`, 'later');
  }
  if (bytes.length > maxBytes)
    return refused('invalid', `${path}: is over ${maxBytes / MAX_BYTES} MiB: no configuration`);
  if (!isUtf8(bytes)) return refused('invalid', `${path}: is no text in UTF-8: no configuration`);
  return parseConfig(path, bytes.toString('utf8'), schema, checks);
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, not a file',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What a schema cannot know of a configuration that fits it. */
export interface ConfigChecks<T> {
  readonly faults?: (config: T) => readonly FileFault[];
}

/** As {@link readConfig}, from text; `path` only names the file in messages. */
export function parseConfig<T>(
  path: string,
  text: string,
  schema: z.ZodType<T>,
  { faults = () => [] }: ConfigChecks<T> = {},
): Result<T, ConfigRefusal> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const broken = document.errors.map(({ pos, message }) => ({
    line: lines.linePos(pos[0]).line,
    says: message,
  }));
  if (broken.length > 0) return refuse(path, broken);
  const content = contentOf(document);
  if (content === undefined) return refused('invalid', `${path}: repeats itself by too many aliases`);
  const parsed = schema.safeParse(content);
  const issues = parsed.success
    ? faults(parsed.data).map(fault => ({
        code: 'custom' as const,
        path: [...fault.path],
        message: fault.says,
      }))
    : parsed.error.issues;
  if (parsed.success && issues.length === 0) return ok(parsed.data);
  const file: ConfigFile = { document, lines, content, form: formOf(schema) };
  return refuse(
    path,
    issues.flatMap(issue => mistakesOf(issue, file)),
  );
}

/** An empty file is a map with everything missing. `undefined` when aliases of aliases would fill the memory. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    if (error instanceof ReferenceError) return undefined;
    throw error;
  }
}

interface Mistake {
  readonly line: number;
  readonly says: string;
}

interface ConfigFile {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly content: unknown;
  readonly form: Form;
}

function refuse(path: string, mistakes: readonly Mistake[]): Result<never, ConfigRefusal> {
  const inOrder = mistakes.toSorted((a, b) => a.line - b.line);
  const told = inOrder
    .slice(0, MAX_TOLD)
    .map(({ line, says }) => `${path}:${line}: ${oneLine(says, MAX_LINE)}`);
  const rest = inOrder.length - told.length;
  return refused('invalid', [...told, ...(rest > 0 ? [`${path}: and ${rest} more`] : [])].join('\n'));
}

type Path = readonly PropertyKey[];

function mistakesOf(issue: z.core.$ZodIssue, file: ConfigFile): readonly Mistake[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey(issue.path, key, file));
  const { path } = issue;
  const name = nameOf(path);
  const { description, secret = false } = formAt(file.form, path);
  const expected = description === undefined ? '' : `; expected: ${description}`;
  if (valueAt(file.content, path) === undefined)
    return [{ line: lineOf(path.slice(0, -1), file), says: `${name} is missing${expected}` }];
  // Messages of our own schemas continue the sentence; those of the library are told by what is expected.
  const ours = issue.code === 'custom' || /^(is|has) /.test(issue.message);
  const problem = ours || description === undefined ? issue.message : 'does not fit';
  const value = secret ? '' : `${written(path, file)} `;
  return [{ line: lineOf(path, file), says: `${name}: ${value}${problem}${expected}` }];
}

function unknownKey(path: Path, key: string, file: ConfigFile): Mistake {
  const known = Object.keys(formAt(file.form, path).properties ?? {});
  const near = nearest(key, known);
  const where = path.length === 0 ? 'here' : `in ${nameOf(path)}`;
  const hint = near === undefined ? `known ${where} are ${known.join(', ')}` : `did you mean ${near}?`;
  return { line: lineOf([...path, key], file), says: `${nameOf([...path, key])} is unknown: ${hint}` };
}

/** The candidate that takes the fewest changes, if those are few for a word of that length. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map(candidate => ({ candidate, changes: changesBetween(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes);
  return best !== undefined && best.changes <= Math.max(1, word.length / 3) ? best.candidate : undefined;
}

/** Letters to insert, remove or replace to make `b` of `a` (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + (letter === b[j] ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** `devices[0].link`, as a person finds it. */
function nameOf(path: Path): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at > 0 ? '.' : ''}${String(step)}`))
    .join('');
}

/** What stands in the file, as it was written: a key that was read as a number still looks like a key. */
function written(path: Path, file: ConfigFile): string {
  const node = path.length === 0 ? file.document.contents : file.document.getIn(path, true);
  if (isMap(node)) return 'this map';
  if (isSeq(node)) return 'this list';
  return isScalar(node) ? oneLine(node.source || 'nothing', MAX_VALUE) : 'this';
}

function oneLine(text: string, limit: number): string {
  const line = text.replace(/[\p{C}\s]+/gu, ' ');
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}

function valueAt(content: unknown, path: Path): unknown {
  let value = content;
  for (const step of path)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
  return value;
}

/** The line of the key at `path`, or of the nearest thing around it that is there. */
function lineOf(path: Path, file: ConfigFile): number {
  for (let depth = path.length; depth > 0; depth--) {
    const offset = offsetOf(path.slice(0, depth), file.document);
    if (offset !== undefined) return file.lines.linePos(offset).line;
  }
  return 1;
}

function offsetOf(path: Path, document: Document): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }: Pair) => isNode(key) && String(key) === String(last));
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

/** What the schema says of a value: the part of JSON Schema used here. */
interface Form {
  readonly description?: string;
  readonly secret?: boolean;
  readonly properties?: Readonly<Record<string, Form>>;
  /** Of a map whose keys are free. */
  readonly additionalProperties?: Form | false;
  readonly items?: Form;
}

function formOf(schema: z.ZodType): Form {
  const form: unknown = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  return form as Form;
}

/** The form at `path`; an entry that is not described is described by its list. */
function formAt(form: Form, path: Path): Form {
  let at = form;
  for (const step of path) {
    const next =
      typeof step === 'number'
        ? at.items
        : (at.properties?.[String(step)] ?? (at.additionalProperties || {}));
    const described =
      typeof step === 'number' && at.description !== undefined ? { description: at.description } : {};
    at = { ...described, ...next };
  }
  return at;
}
