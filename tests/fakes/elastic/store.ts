/** What a fake cluster keeps: documents by id within one index, indices behind data streams, and a search that lags. */

export interface StoredDocument {
  readonly id: string;
  readonly source: string;
  /** A search sees it only after a refresh. */
  visible: boolean;
}

export interface StoredIndex {
  readonly name: string;
  readonly documents: Map<string, StoredDocument>;
}

export interface StoredStream {
  readonly name: string;
  readonly template: string;
  /** The last one takes what is written. */
  readonly indices: StoredIndex[];
  readonly failures: { readonly id: string; readonly source: string }[];
}

export interface Store {
  readonly streams: Map<string, StoredStream>;
  readonly indices: Map<string, StoredIndex>;
}

export function openStore(): Store {
  return { streams: new Map(), indices: new Map() };
}

export function makeStream(store: Store, name: string, template: string): StoredStream {
  const stream: StoredStream = { name, template, indices: [], failures: [] };
  store.streams.set(name, stream);
  rollOver(stream);
  return stream;
}

export function rollOver(stream: StoredStream): void {
  const generation = String(stream.indices.length + 1).padStart(6, '0');
  stream.indices.push(openIndex(`.ds-${stream.name}-2026.01.02-${generation}`));
}

export function openIndex(name: string): StoredIndex {
  return { name, documents: new Map() };
}

/** Every index that a name or a pattern with `*` leads to. */
export function indicesOf(store: Store, pattern: string): readonly StoredIndex[] {
  const expression = new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[^\w-]/g, '\\$&'))
      .join('.*')}$`,
  );
  const behind = [...store.streams.values()]
    .filter((stream) => expression.test(stream.name))
    .flatMap((stream) => stream.indices);
  return [...behind, ...[...store.indices.values()].filter((index) => expression.test(index.name))];
}

export function refreshAll(store: Store, pattern: string): void {
  for (const index of indicesOf(store, pattern)) {
    for (const document of index.documents.values()) document.visible = true;
  }
}

/** Every stored document, index by index, each copy apart. */
export function allDocuments(store: Store): readonly StoredDocument[] {
  return indicesOf(store, '*').flatMap((index) => [...index.documents.values()]);
}

/**
 * The response filter of the real thing: only named paths stay, and an element of a list that keeps nothing is taken out
 * of the list, so that what stands behind it moves up.
 */
export function filterPath(value: unknown, filter: string): unknown {
  const kept = keep(
    value,
    filter.split(',').map((path) => path.split('.')),
  );
  return kept === undefined ? {} : kept;
}

function keep(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) {
    const elements = value.map((element) => keep(element, paths)).filter((element) => element !== undefined);
    return elements.length === 0 ? undefined : elements;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const members = Object.entries(value).flatMap(([key, member]) => {
    const rest = paths.filter(([first]) => first === key || first === '*').map((path) => path.slice(1));
    const kept = rest.length === 0 ? undefined : keep(member, rest);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
