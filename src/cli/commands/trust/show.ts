/** `underglass trust show`: what a document says and who signed it, for a person before signing and after. */
import type { Command } from 'commander';
import { toHex } from '../../../base/bytes.ts';
import { keyId } from '../../../wan/envelope/mod.ts';
import type { Progress, Root, SignedDocument, TrustDocument } from '../../../wan/trust/mod.ts';
import { sayOf } from '../../local/say.ts';
import { EXIT, Trouble } from '../../exit.ts';

interface ShowOptions {
  readonly root?: string;
  readonly json?: true;
}

export function addShow(trust: Command): void {
  trust
    .command('show <file...>')
    .description('what documents say, who signed them, and whether they count')
    .option('--root <file>', 'the root that judges them; a root judges itself unless given')
    .option('--json', 'print the answer as JSON')
    .action((files: readonly string[], options: ShowOptions, it: Command) => show(files, options, it));
}

async function show(files: readonly string[], options: ShowOptions, command: Command): Promise<void> {
  const { now, readRoot, readSigned, refusal } = await import('../../trust/documents.ts');
  const { digestOf, isComplete, judgeDraft } = await import('../../../wan/trust/mod.ts');
  const say = sayOf(command);
  const root: Root | undefined = options.root === undefined ? undefined : await readRoot(options.root);
  const refusals: string[] = [];
  const shown = [];
  for (const file of files) {
    const signed = await readSigned(file);
    const known = root ?? (signed.document.kind === 'root' ? undefined : null);
    const judged = known === null ? undefined : judgeDraft(signed, known, now());
    if (judged?.ok === false) refusals.push(refusal(file, judged).message);
    const progress = judged?.ok === true ? judged.value : undefined;
    const verdict =
      judged?.ok === false
        ? { counts: false, refusal: judged.refusal }
        : progress === undefined
          ? {}
          : { counts: isComplete(progress) };
    shown.push({ file, digest: digestOf(signed), ...plainOf(signed), ...verdict });
    if (options.json !== true) for (const line of linesOf(file, signed, progress)) say.out(line);
  }
  if (options.json === true) say.json(shown);
  if (refusals.length > 0) throw new Trouble(refusals.join('\n'), EXIT.failed);
}

function plainOf({ document, signatures }: SignedDocument): Readonly<Record<string, unknown>> {
  return { ...wordsOf(document), signedBy: signatures.map(({ kid }) => kid) };
}

/** A document as plain values: keys in hexadecimal, times in ISO 8601. */
function wordsOf(document: TrustDocument): Readonly<Record<string, unknown>> {
  const worded = (value: unknown, name: string): unknown => {
    if (value instanceof Uint8Array) return toHex(value);
    if (Array.isArray(value)) return value.map(inner => worded(inner, ''));
    if (typeof value === 'number' && TIMES.has(name)) return new Date(value).toISOString();
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, worded(inner, key)]));
    return value;
  };
  const shown = document.kind === 'root' ? { ...document, keys: document.keys.map(keyWords) } : document;
  return worded(shown, '') as Readonly<Record<string, unknown>>;
}

const keyWords = (key: Uint8Array) => ({ kid: keyId(key), publicKey: key });

const TIMES = new Set(['issued', 'expires', 'validFrom', 'validUntil']);

function linesOf(
  file: string,
  signed: SignedDocument,
  progress: readonly Progress[] | undefined,
): readonly string[] {
  const { kind, utility, version, ...content } = wordsOf(signed.document);
  const said = Object.entries({ ...content, ...(content['scope'] as object | undefined) })
    .filter(([name]) => name !== 'scope')
    .map(([name, value]) => `  ${name.padEnd(14)} ${oneLine(value)}`);
  const by = signed.signatures.map(({ kid }) => kid).join(', ');
  const counts = progress?.map(p => `${p.signed} of ${p.needed} by ${p.by}`).join(', ');
  return [
    `${file}: ${String(kind)} ${String(version)} of ${String(utility)}`,
    ...said,
    `  ${'signed by'.padEnd(14)} ${by === '' ? 'nobody' : by}${counts === undefined ? ' (not judged: --root)' : ` (${counts})`}`,
  ];
}

/** Lists of maps stand one below the other. */
const NEXT = `\n${' '.repeat(17)}`;

function oneLine(value: unknown): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map(oneLine).join(typeof value[0] === 'object' ? NEXT : ', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name} ${oneLine(inner)}`)
    .join(', ');
}
