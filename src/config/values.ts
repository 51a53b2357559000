import { evaluate } from './interpolate.ts';
import type { Environment } from './interpolate.ts';
import { child, isWithin } from './paths.ts';
import type { Problem } from './problems.ts';
import type { TreeNode } from './tree.ts';

export type ScalarNode = Extract<TreeNode, { kind: 'scalar' }>;

/** Where a value stands: of the key that holds it, and of itself. Offsets. */
export interface Place {
  readonly keyAt: number;
  readonly node: TreeNode;
}

/** The node under these keys and indexes; null when the file does not hold it. */
export function find(root: TreeNode, segments: readonly string[]): Place | null {
  let place: Place = { keyAt: root.at, node: root };
  for (const segment of segments) {
    const { node } = place;
    if (node.kind === 'map') {
      const entry = node.entries.get(segment);
      if (entry === undefined) return null;
      place = { keyAt: entry.keyAt, node: entry.value };
    } else {
      const item = node.kind === 'list' ? node.items[Number(segment)] : undefined;
      if (item === undefined) return null;
      place = { keyAt: item.at, node: item };
    }
  }
  return place;
}

/** Keys and indexes of a JSON pointer (RFC 6901). */
export function segmentsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The dotted path of these keys, as messages show it. */
export function pathOf(root: TreeNode, segments: readonly string[]): string {
  let node: TreeNode | undefined = root;
  let path = '';
  for (const segment of segments) {
    const isItem: boolean = node?.kind === 'list';
    path = child(path, isItem ? Number(segment) : segment);
    node =
      node?.kind === 'map' ? node.entries.get(segment)?.value : isItem ? itemOf(node, segment) : undefined;
  }
  return path;
}

function itemOf(node: TreeNode | undefined, segment: string): TreeNode | undefined {
  return node?.kind === 'list' ? node.items[Number(segment)] : undefined;
}

export interface Evaluated {
  /** The text of each scalar that holds an interpolation. */
  readonly texts: ReadonlyMap<ScalarNode, string>;
  /** Paths of the scalars that could not be read: whatever else is wrong there is no news. */
  readonly failed: readonly string[];
  readonly problems: readonly Problem[];
}

/** Reads every variable and file that the configuration names; `standIn` is the text of what is not there. */
export function evaluateAll(root: TreeNode, env: Environment, folder: string, standIn: string): Evaluated {
  const texts = new Map<ScalarNode, string>();
  const failed: string[] = [];
  const problems: Problem[] = [];
  const visit = (node: TreeNode, path: string): void => {
    if (node.kind === 'map') for (const [key, entry] of node.entries) visit(entry.value, child(path, key));
    if (node.kind === 'list') node.items.forEach((item, index) => visit(item, child(path, index)));
    if (node.kind !== 'scalar' || node.template === null) return;
    try {
      texts.set(node, evaluate(node.template, env, folder));
    } catch (error) {
      texts.set(node, standIn);
      failed.push(path);
      problems.push({ at: node.at, path, text: (error as Error).message });
    }
  };
  visit(root, '');
  return { texts, failed, problems };
}

export function isUnder(path: string, ancestors: readonly string[]): boolean {
  return ancestors.some((ancestor) => isWithin(path, ancestor));
}

/**
 * Plain data to validate; `overrides` replaces the text of a scalar by what it stands for. A key without a value counts
 * as not written, so that `ca_file:` may stand empty; yet it is kept, as undefined, so that an unknown key is still seen.
 */
export function toData(
  root: TreeNode,
  texts: ReadonlyMap<ScalarNode, string>,
  overrides: ReadonlyMap<ScalarNode, unknown>,
): unknown {
  const build = (node: TreeNode, segments: readonly string[]): unknown => {
    if (node.kind === 'list')
      return node.items.map((item, index) => build(item, [...segments, String(index)]) ?? null);
    if (node.kind === 'scalar') {
      if (node.value === null) return emptyValue(segments);
      return overrides.has(node) ? overrides.get(node) : (texts.get(node) ?? node.value);
    }
    // Without a prototype a key such as "constructor" is a key like any other.
    const map = Object.create(null) as Record<string, unknown>;
    for (const [key, entry] of node.entries) map[key] = build(entry.value, [...segments, key]);
    return map;
  };
  return build(root, []);
}

/** A source or a sink without keys is a mistake to be told; a bare `simulator:` means all its defaults. */
function emptyValue(segments: readonly string[]): unknown {
  const [section] = segments;
  if (segments.length === 1) return section === 'simulator' ? {} : undefined;
  return segments.length === 2 && (section === 'sources' || section === 'sinks') ? null : undefined;
}

/** Validated data with ordinary prototypes and without the keys that had no value; secrets are carried over as they are. */
export function plainData(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(plainData);
  if (typeof data !== 'object' || data === null) return data;
  const prototype: unknown = Object.getPrototypeOf(data);
  if (prototype !== null && prototype !== Object.prototype) return data;
  const kept = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, plainData(value)]));
}
