import { ForwardError } from '../../model/errors.ts';
import { formatTime } from '../../model/time.ts';

/**
 * Where documents go.
 * - data_stream  append-only; an id is unique within one backing index, so a rollover can let a repeat in
 * - index        one plain index or alias
 * - monthly      one index per month of the events' own time: a repeat always meets the index that holds the first copy
 */
export interface Target {
  readonly kind: 'data_stream' | 'index' | 'monthly';
  /** As configured; holds `{yyyy.MM}` when monthly. */
  readonly name: string;
  /** What a search has to ask so that it sees every document: the name, or `audit-*`. */
  readonly searched: string;
}

export const DEFAULT_DATA_STREAM = 'logs-cloudquery.audit-default';

const MONTH = '{yyyy.MM}';
const NAME_LIMIT_BYTES = 255;

/** Throws `config` for a name that Elasticsearch would not accept, or that could reach beyond its place in a path. */
export function readTarget(dataStream: string | undefined, index: string | undefined): Target {
  if (index === undefined) {
    const name = dataStream ?? DEFAULT_DATA_STREAM;
    assertName('data_stream', name);
    return { kind: 'data_stream', name, searched: name };
  }
  const monthly = index.includes(MONTH);
  assertName('index', index.replace(MONTH, '2026.01'));
  return monthly
    ? { kind: 'monthly', name: index, searched: index.replace(MONTH, '*') }
    : { kind: 'index', name: index, searched: index };
}

/** The index that one event belongs to; null when the request's own path says it for all. */
export function indexOf(target: Target, createdNs: bigint): string | null {
  if (target.kind !== 'monthly') return null;
  const [year = '', month = ''] = formatTime(createdNs).split('-');
  return target.name.replace(MONTH, `${year}.${month}`);
}

/** Path of the bulk endpoint, without a query. */
export function bulkPath(target: Target): string {
  return target.kind === 'monthly' ? '/_bulk' : `/${encodeURIComponent(target.name)}/_bulk`;
}

/** Index pattern of a template for this target: every namespace of a data stream, every month, or the one index. */
export function templatePattern(target: Target): string {
  if (target.kind !== 'data_stream') return target.searched;
  const parts = /^([^-]+-[^-]+)-[^-]+$/.exec(target.name);
  return parts === null ? target.name : `${parts[1]}-*`;
}

function assertName(key: 'data_stream' | 'index', name: string): void {
  const fits =
    name !== '' &&
    name === name.toLowerCase() &&
    !/[\\/*?"<>| ,#:{}\p{Cc}]/u.test(name) &&
    !/^[-_+.]/.test(name) &&
    Buffer.byteLength(name) <= NAME_LIMIT_BYTES;
  if (fits) return;
  throw new ForwardError('config', 'is not a name that Elasticsearch accepts', {
    hint: `expected lower case, digits, "-", "_" and "."${key === 'index' ? `, and ${MONTH} for the month` : ''}`,
  });
}
