import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Alias, Document, Pair, Scalar, YAMLMap } from 'yaml';

import { oneLine } from '../model/errors.ts';
import { parseTemplate } from './interpolate.ts';
import type { Template } from './interpolate.ts';
import { child } from './paths.ts';
import { excerpt } from './excerpt.ts';
import type { Locate, Places, Problem } from './problems.ts';
import { explainSyntax } from './syntax.ts';

/** A configuration file as values with their positions; merge keys and aliases are already followed. */
export type TreeNode =
  | { readonly kind: 'map'; readonly at: number; readonly entries: ReadonlyMap<string, TreeEntry> }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly TreeNode[] }
  | {
      readonly kind: 'scalar';
      readonly at: number;
      readonly value: string | number | boolean | null;
      readonly template: Template | null;
    };

export interface TreeEntry {
  readonly keyAt: number;
  readonly value: TreeNode;
}

export interface Tree extends Places {
  /** Null when nothing can be read beyond the problems. */
  readonly root: TreeNode | null;
  readonly problems: readonly Problem[];
}

/** Values in a file, aliases counted each time they are used: what an alias bomb runs into. */
const NODES_MAX = 20_000;
const DEPTH_MAX = 64;

/** The parser needs a time that grows with the square of this. */
const BRACKETS_MAX = 500;

export interface TreeOptions {
  /** Whether a `${…}` is a place for a value; otherwise it is text like any other. */
  readonly templates: boolean;
  /** What a file must hold at least. */
  readonly least: string;
}

const CONFIGURATION: TreeOptions = { templates: true, least: '"sources" and "sinks"' };

/** Reads YAML 1.2 with merge keys. Never throws on bad text: the problems say what and where. */
export function readTree(text: string, options: TreeOptions = CONFIGURATION): Tree {
  const lines = new LineCounter();
  const locate: Locate = (at) => {
    const { line, col } = lines.linePos(at);
    return { line: Math.max(1, line), col: Math.max(1, col) };
  };
  const places: Places = {
    locate,
    excerpt: (at) => {
      const { line, col } = locate(at);
      return excerpt(text, line, col);
    },
  };
  const failed = (at: number, problem: string): Tree => ({
    root: null,
    problems: [{ at, path: '', text: problem }],
    ...places,
  });
  const steep = steepAt(text);
  if (steep !== null) return failed(steep, `nested deeper than ${BRACKETS_MAX} brackets`);
  let documents: readonly Document[];
  try {
    documents = parseAllDocuments(text, {
      lineCounter: lines,
      merge: true,
      prettyErrors: false,
      // The parser compares every key with every other; growMap looks them up.
      uniqueKeys: false,
      logLevel: 'silent',
    });
  } catch {
    // The parser recurses: a file of nothing but opening brackets runs it out of stack.
    return failed(0, 'this cannot be read as YAML; it is nested too deeply');
  }
  const [first, second] = documents;
  if (first === undefined) return failed(0, emptiness(options));
  const errors = documents.flatMap((document) => [...document.errors, ...document.warnings]);
  if (errors.length > 0) return { root: null, problems: explainSyntax(errors, text, locate), ...places };
  if (second !== undefined) {
    return failed(startOf(second) ?? 0, 'a second document starts here; expected one document in the file');
  }
  return { ...grow(first, locate, options), ...places };
}

/** Where more brackets are open than any configuration needs; those in quotes and comments are counted along. */
function steepAt(text: string): number | null {
  let open = 0;
  for (const match of text.matchAll(/[[\]{}]/g)) {
    open = match[0] === '[' || match[0] === '{' ? open + 1 : Math.max(0, open - 1);
    if (open > BRACKETS_MAX) return match.index;
  }
  return null;
}

function emptiness({ least }: TreeOptions): string {
  return `the file is empty; expected at least ${least}`;
}

function grow(document: Document, locate: Locate, options: TreeOptions): Pick<Tree, 'root' | 'problems'> {
  const growth: Growth = {
    locate,
    templates: options.templates,
    anchors: new Map(),
    following: 0,
    problems: [],
    nodes: 0,
  };
  try {
    const root = growNode(growth, document.contents, 0, '', 0);
    const empty = root.kind === 'scalar' && root.value === null;
    if (empty)
      growth.problems.push({
        at: 0,
        path: '',
        text: emptiness(options),
      });
    return { root: empty ? null : root, problems: growth.problems };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { root: null, problems: [{ at: error.at, path: '', text: error.message }] };
  }
}

interface Growth {
  readonly locate: Locate;
  readonly templates: boolean;
  /** What each anchor stands for up to here; a later one of the same name takes its place. */
  readonly anchors: Map<string, unknown>;
  /** How many aliases lead to the node at hand. */
  following: number;
  readonly problems: Problem[];
  nodes: number;
}

/** Ends the reading: what follows would only repeat it. */
class Unreadable extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

function growNode(growth: Growth, source: unknown, parentAt: number, path: string, depth: number): TreeNode {
  const at = startOf(source) ?? parentAt;
  growth.nodes += 1;
  if (growth.nodes > NODES_MAX) {
    throw new Unreadable(
      at,
      `the file holds more than ${NODES_MAX} values once its aliases are followed; expected fewer`,
    );
  }
  if (depth > DEPTH_MAX)
    throw new Unreadable(at, `nested deeper than ${DEPTH_MAX} levels, or an alias that holds itself`);
  if (isAlias(source)) return growAlias(growth, source, at, path, depth);
  if (growth.following === 0) noteAnchor(growth, source);
  if (isMap(source)) return growMap(growth, source, at, path, depth);
  if (isSeq(source)) {
    const items = source.items.map((item, index) =>
      growNode(growth, item, at, child(path, index), depth + 1),
    );
    return { kind: 'list', at, items };
  }
  return growScalar(growth, isScalar(source) ? source : null, at, path);
}

function noteAnchor(growth: Growth, source: unknown): void {
  const anchor = (source as { anchor?: unknown } | null)?.anchor;
  if (typeof anchor === 'string') growth.anchors.set(anchor, source);
}

function growMap(growth: Growth, source: YAMLMap, at: number, path: string, depth: number): TreeNode {
  const entries = new Map<string, TreeEntry>();
  const merged = new Map<string, TreeEntry>();
  for (const pair of source.items) {
    const key: unknown = pair.key;
    const keyAt = startOf(key) ?? at;
    const name = isScalar(key) ? nameOf(key.value) : null;
    if (isScalar(key) && isMergeKey(key)) {
      mergeInto(merged, growth, pair, keyAt, path, depth);
    } else if (name === null) {
      growth.problems.push({ at: keyAt, path, text: 'this key is not a plain word; expected a name' });
    } else if (entries.has(name)) {
      const { line } = growth.locate(entries.get(name)?.keyAt ?? keyAt);
      growth.problems.push({
        at: keyAt,
        path,
        text: `the key "${oneLine(name, 64)}" appears twice in the same mapping, first on line ${line}; expected it once`,
      });
    } else if (name === '__proto__') {
      growth.problems.push({ at: keyAt, path, text: 'the key "__proto__" is not allowed' });
    } else {
      entries.set(name, { keyAt, value: growNode(growth, pair.value, keyAt, child(path, name), depth + 1) });
    }
  }
  for (const [name, entry] of merged) if (!entries.has(name)) entries.set(name, entry);
  return { kind: 'map', at, entries };
}

/** `8080:` and `true:` are names too. */
function nameOf(key: unknown): string | null {
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' ? String(key) : null;
}

function isMergeKey(key: Scalar): boolean {
  return key.source === '<<' && (key.type === undefined || key.type === 'PLAIN');
}

/** `<<: *a` or `<<: [*a, *b]`: what stands in the mapping itself wins, then the earlier of the merged ones. */
function mergeInto(
  into: Map<string, TreeEntry>,
  growth: Growth,
  pair: Pair,
  keyAt: number,
  path: string,
  depth: number,
): void {
  const node = growNode(growth, pair.value, keyAt, path, depth + 1);
  for (const part of node.kind === 'list' ? node.items : [node]) {
    if (part.kind !== 'map') {
      growth.problems.push({
        at: keyAt,
        path,
        text: '"<<" merges something that is not a mapping; expected an alias such as *name',
      });
      continue;
    }
    for (const [name, entry] of part.entries) if (!into.has(name)) into.set(name, entry);
  }
}

function growScalar(growth: Growth, source: Scalar | null, at: number, path: string): TreeNode {
  const value: unknown = source?.value ?? null;
  if (typeof value === 'string') {
    const template = growth.templates ? parseTemplate(value) : null;
    if (template === null || !('wrong' in template)) return { kind: 'scalar', at, value, template };
    growth.problems.push({ at, path, text: template.wrong });
    return { kind: 'scalar', at, value, template: null };
  }
  if (value === null || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', at, value, template: null };
  }
  growth.problems.push({
    at,
    path,
    text: 'this kind of value is not known here; expected text, a number, true or false',
  });
  return { kind: 'scalar', at, value: null, template: null };
}

function growAlias(growth: Growth, alias: Alias, at: number, path: string, depth: number): TreeNode {
  const target = growth.anchors.get(alias.source);
  if (target === undefined) {
    throw new Unreadable(at, 'this alias names no anchor above it; expected *name after &name');
  }
  growth.following += 1;
  const node = growNode(growth, target, at, path, depth + 1);
  growth.following -= 1;
  return node;
}

function startOf(node: unknown): number | null {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0] ?? null;
}
