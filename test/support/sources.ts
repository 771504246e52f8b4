/**
 * The sources as data: every file of the house with its imports and the few facts the house rules speak of,
 * taken from a real parse, so that a word in a comment or a string never counts.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Visitor, parseSync } from 'vite';

/** One source file, its path relative to the repository with `/`. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** As written: `../base/time.ts`, `node:crypto`, `zod`. */
  readonly from: string;
  /** Names taken; empty for a whole module, a re-export or a dynamic import. */
  readonly names: readonly string[];
}

export interface Facts {
  readonly imports: readonly Import[];
  /** Names used that are not properties of something else, and `Date.now`, `Math.random`, `new Date()`. */
  readonly uses: ReadonlySet<string>;
  readonly defaultExport: boolean;
  /** `enum` or `namespace`, where there is one. */
  readonly construct?: 'enum' | 'namespace';
  /** First arguments of `it` and `describe`, the fixed parts of those that are put together. */
  readonly titles: readonly string[];
}

/** Every file below `folder` whose name `matches`, in order of path. */
export function filesBelow(folder: string, matches: RegExp): readonly Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
    .filter(path => matches.test(path) && !path.includes('node_modules/'))
    .sort()
    .map(path => ({ path, text: readFileSync(path, 'utf8') }));
}

export function factsOf({ path, text }: Source): Facts {
  const { program, module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const { uses, titles, construct } = walk(program);
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start, end));
  return {
    imports: [
      ...module.staticImports.map(({ moduleRequest, entries }) => ({
        from: moduleRequest.value,
        names: entries.map(entry => entry.importName.name ?? '*'),
      })),
      ...module.staticExports
        .flatMap(({ entries }) => entries.flatMap(entry => entry.moduleRequest?.value ?? []))
        .map(from => ({ from, names: [] })),
      ...dynamic.map(literal => ({ from: literal.replace(/^['"`]|['"`]$/g, ''), names: [] })),
    ],
    uses,
    titles,
    defaultExport: module.staticExports.some(({ entries }) =>
      entries.some(({ exportName }) => exportName.kind === 'Default' || exportName.name === 'default'),
    ),
    ...(construct === undefined ? {} : { construct }),
  };
}

type Program = ReturnType<typeof parseSync>['program'];

function walk(program: Program): { uses: Set<string>; titles: string[]; construct?: 'enum' | 'namespace' } {
  const found: { uses: Set<string>; titles: string[]; construct?: 'enum' | 'namespace' } = {
    uses: new Set(),
    titles: [],
  };
  const identifiers: { name: string; start: number }[] = [];
  // Where an identifier only names a member: `process` in `bus.process` is no use of the global.
  const members = new Set<number>();
  const member = (node: { computed: boolean; key: { start: number } }) => {
    if (!node.computed) members.add(node.key.start);
  };
  new Visitor({
    Identifier: node => void identifiers.push(node),
    MemberExpression(node) {
      if (node.computed || node.property.type !== 'Identifier') return;
      members.add(node.property.start);
      if (node.object.type === 'Identifier') found.uses.add(`${node.object.name}.${node.property.name}`);
    },
    Property(node) {
      if (!node.shorthand) member(node);
    },
    PropertyDefinition: member,
    MethodDefinition: member,
    TSPropertySignature: member,
    TSMethodSignature: member,
    NewExpression(node) {
      if (node.callee.type === 'Identifier' && node.arguments.length === 0)
        found.uses.add(`new ${node.callee.name}()`);
    },
    CallExpression(node) {
      const title = node.callee.type === 'Identifier' && /^(it|describe)$/.test(node.callee.name);
      if (title) found.titles.push(...textOf(node.arguments[0]));
    },
    TSEnumDeclaration: () => void (found.construct = 'enum'),
    TSModuleDeclaration: () => void (found.construct = 'namespace'),
  }).visit(program);
  for (const { name, start } of identifiers) if (!members.has(start)) found.uses.add(name);
  return found;
}

interface TextNode {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
}

function textOf(node: TextNode | undefined): readonly string[] {
  if (node?.type === 'Literal') return [String(node.value)];
  return node?.type === 'TemplateLiteral'
    ? [(node.quasis ?? []).map(quasi => quasi.value.raw).join('…')]
    : [];
}
