import type { Parts } from './schema.ts';
import type { TreeNode } from './tree.ts';
import { find } from './values.ts';

/**
 * The parts that a file names, where all of its types and formats are known: compiling the schemas of the others takes longer than
 * all the rest of a start. A file with a name that nobody knows is held against every part, so that what is said of it lists them all.
 */
export function usedParts(root: TreeNode, parts: Parts): Parts {
  const sinks = namesIn(root, 'sinks', 'type');
  const sources = namesIn(root, 'sources', 'type');
  const formats = namesIn(root, 'sinks', 'format');
  const known =
    allKnown(
      sinks,
      parts.sinks.map(({ type }) => type),
    ) &&
    allKnown(
      sources,
      parts.sources.map(({ type }) => type),
    ) &&
    allKnown(
      formats.filter((name) => name !== ABSENT),
      parts.formats.map(({ name }) => name),
    );
  if (!known || sinks.length === 0 || sources.length === 0) return parts;
  const used = parts.sinks.filter(({ type }) => sinks.includes(type));
  const wanted = new Set([...formats, ...used.map(({ defaultFormat }) => defaultFormat)]);
  return {
    ...parts,
    sources: parts.sources.filter(({ type }) => sources.includes(type)),
    sinks: used,
    formats: parts.formats.filter(({ name }) => wanted.has(name)),
  };
}

/** The types of sinks that a file names; undefined where one of them is no plain text, so that any may be meant. */
export function sinkTypesIn(root: TreeNode): readonly string[] | undefined {
  const types = namesIn(root, 'sinks', 'type');
  return types.includes(null) ? undefined : types.filter((type) => type !== null);
}

/** Stands for a key that is not there; no part has such a name. */
const ABSENT = '';

/** What stands at a key of every entry of a section, as text; null for what is no plain text. */
function namesIn(root: TreeNode, section: string, key: string): (string | null)[] {
  const place = find(root, [section])?.node;
  if (place?.kind !== 'map') return [null];
  return [...place.entries.keys()].map((name) => {
    const node = find(root, [section, name, key])?.node;
    if (node === undefined) return key === 'format' ? ABSENT : null;
    return node.kind === 'scalar' && node.template === null && typeof node.value === 'string'
      ? node.value
      : null;
  });
}

function allKnown(names: readonly (string | null)[], known: readonly string[]): boolean {
  return names.every((name) => name !== null && known.includes(name));
}
