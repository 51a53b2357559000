import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Alias, Document, Pair, Scalar, YAMLError, YAMLMap } from 'yaml';

import { oneLine } from '../model/errors.ts';
import { parseTemplate } from './interpolate.ts';
import type { Template } from './interpolate.ts';
import { child } from './paths.ts';
import type { Locate, Problem } from './problems.ts';

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

export interface Tree {
  /** Null when nothing can be read beyond the problems. */
  readonly root: TreeNode | null;
  readonly problems: readonly Problem[];
  readonly locate: Locate;
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
  const failed = (at: number, problem: string): Tree => ({
    root: null,
    problems: [{ at, path: '', text: problem }],
    locate,
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
  if (errors.length > 0) return { root: null, problems: explainSyntax(errors, text), locate };
  if (second !== undefined) {
    return failed(startOf(second) ?? 0, 'a second document starts here; expected one document in the file');
  }
  return grow(first, locate, options);
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

function grow(document: Document, locate: Locate, options: TreeOptions): Tree {
  const growth: Growth = {
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
    return { root: empty ? null : root, problems: growth.problems, locate };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { root: null, problems: [{ at: error.at, path: '', text: error.message }], locate };
  }
}

interface Growth {
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
      growth.problems.push({ at: keyAt, path, text: 'this key is no plain word; expected a name' });
    } else if (entries.has(name)) {
      growth.problems.push({
        at: keyAt,
        path,
        text: 'this key stands twice in the same mapping; expected it once',
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
        text: '"<<" merges something that is no mapping; expected an alias such as *name',
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

const SYNTAX: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE:
    'this backslash escape is not known in double quotes; expected single quotes, or \\\\ for a backslash',
  BAD_INDENT: 'the indentation does not fit; expected it to line up with its neighbours',
  BAD_SCALAR_START: 'this character cannot start a value; expected quotes around the value',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping or list stands where a key belongs; expected "key: value" on a line of its own',
  BLOCK_IN_FLOW: 'an indented block stands inside brackets; expected values separated by commas',
  KEY_OVER_1024_CHARS: 'this key is too long; expected a colon after a short name',
  MISSING_CHAR:
    'a character is missing here; expected a closing quote, a bracket, a comma or a space after a colon',
  MULTILINE_IMPLICIT_KEY: 'this key runs over several lines; expected "key: value" on one line',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
  TAB_AS_INDENT: 'a tab stands in the indentation; expected spaces',
  TAG_RESOLVE_FAILED: 'this tag is not known here; expected a value without one',
};

/**
 * Our own words, since the parser's may quote the text, and the text may be a secret. Once the parser has lost its way
 * each further token is an error to it: the first of those ends the list.
 */
function explainSyntax(errors: readonly YAMLError[], text: string): Problem[] {
  const sorted = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const lost = sorted.findIndex((error) => SYNTAX[error.code] === undefined);
  return sorted.slice(0, lost === -1 ? undefined : lost + 1).map((error) => {
    const at = error.pos[0];
    const explained =
      SYNTAX[error.code] ?? `this cannot be read as YAML (${oneLine(error.code, 40)}); expected "key: value"`;
    const line = text.slice(text.lastIndexOf('\n', at - 1) + 1).split('\n', 1)[0] ?? '';
    const braces = /[{[].*[^"']\$\{/.test(line);
    return {
      at,
      path: '',
      text: braces ? `${explained}; inside { } and [ ] write "\${NAME}" with quotes` : explained,
    };
  });
}
