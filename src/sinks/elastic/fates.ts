import { oneLine } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { errorOf } from './cluster.ts';
import type { ClusterAnswer } from './cluster.ts';
import type { Fate } from '../sink.ts';
import { at, listAt, textAt } from './json.ts';

/**
 * What one item of a bulk answer means.
 * - fate       settled, or to be sent again alone
 * - conflict   a document with its id is there: its own from before, or another event's
 * - diverted   taken, but into the failure store: a resend would store a second copy there
 * - dropped    taken, and let go by the cluster's own ingest pipeline (`noop`)
 * - throttled  the cluster asks for less at a time
 * - faulty     a fault of the index or the permission, which no other document would escape either
 */
export type ItemVerdict =
  | { readonly kind: 'fate'; readonly fate: Fate }
  | { readonly kind: 'conflict'; readonly index: string }
  | { readonly kind: 'diverted' | 'dropped' }
  | { readonly kind: 'throttled' | 'faulty'; readonly reason: string };

/**
 * Positions must survive this filter: `status` stands in every item, so no item is left out. `error.type` and the like
 * keep the reason when the whole request is refused.
 */
export const ANSWER_FILTER = [
  'errors',
  'items.*._index',
  'items.*.status',
  'items.*.result',
  'items.*.failure_store',
  'items.*.error.type',
  'items.*.error.reason',
  'error.type',
  'error.reason',
  'status',
].join(',');

/**
 * One verdict per document of the request, or null when the answer does not say: not JSON, not as many items as were
 * sent, or an item without a status. Null means that anything may have been taken.
 */
export function readItems(answer: unknown, sent: number): readonly ItemVerdict[] | null {
  const items = listAt(answer, 'items');
  if (items.length !== sent) return null;
  const verdicts: ItemVerdict[] = [];
  for (const item of items) {
    const created = at(item, 'create');
    if (!isObject(created) || !Number.isInteger(created.status)) return null;
    verdicts.push(judgeItem(created, Number(created.status)));
  }
  return verdicts;
}

function judgeItem(item: Readonly<Record<string, unknown>>, status: number): ItemVerdict {
  const type = textAt(item, 'error', 'type');
  const reason = textAt(item, 'error', 'reason');
  if (status === 200 || status === 201) {
    if (item.failure_store === 'used' || textAt(item, '_index').startsWith('.fs-'))
      return { kind: 'diverted' };
    return item.result === 'noop' ? { kind: 'dropped' } : { kind: 'fate', fate: { outcome: 'delivered' } };
  }
  if (status === 409) return { kind: 'conflict', index: textAt(item, '_index') };
  const words = `status ${status}, ${shortReason(type, reason)}`;
  if (status === 429) return { kind: 'throttled', reason: words };
  if (status >= 500 || status < 400) return { kind: 'fate', fate: { outcome: 'retry', reason: words } };
  if (isIndexFault(status, type, reason)) return { kind: 'faulty', reason: words };
  return { kind: 'fate', fate: { outcome: 'rejected', reason: words } };
}

/**
 * Whether every document was refused for lack of permission, in an answer that has status 200: so a cluster refuses a key that may sign in
 * and not write. Nothing was taken, so another key can be tried with the same request.
 */
export function isRefusedThroughout(answer: unknown): boolean {
  const items = listAt(answer, 'items');
  return items.length > 0 && items.every((item) => [401, 403].includes(Number(at(item, 'create', 'status'))));
}

const INDEX_FAULT_TYPES = new Set([
  'cluster_block_exception',
  'index_closed_exception',
  'index_not_found_exception',
  'invalid_index_name_exception',
  'security_exception',
]);

/** `illegal_argument_exception` is both: these words mean the index, its template or the pipeline, not the document. */
const INDEX_FAULT_WORDS =
  /limit of (total|nested) fields|op_type|no write index|must be unset|pipeline with id|not a data stream|mapping depth|index mode|data stream timestamp|closed/i;

/** A field limit, a closed index, a wrong operation, a missing permission: the same for whatever comes next. */
function isIndexFault(status: number, type: string, reason: string): boolean {
  if (status === 401 || status === 403 || status === 404 || status === 405) return true;
  if (INDEX_FAULT_TYPES.has(type)) return true;
  return (
    type === 'illegal_argument_exception' && !/immense term/i.test(reason) && INDEX_FAULT_WORDS.test(reason)
  );
}

/** Phrases of Elasticsearch in which the brackets hold a field, a type or an index, never a value of the document. */
const NAMING: readonly RegExp[] = [
  /immense term in field="([\w.@-]{1,120})"/,
  /failed to parse field \[([\w.@-]{1,120})\] of type \[(\w{1,40})\]/,
  /object mapping for \[([\w.@-]{1,120})\]/,
  /dynamic introduction of \[([\w.@-]{1,120})\] within \[([\w.@-]{1,120})\]/,
  /no such index \[([^\]]{1,120})\]/,
  /pipeline with id \[([^\]]{1,120})\]/,
  // OpenSearch names what is missing; Elasticsearch what was asked for, and what would allow it.
  /no permissions for \[((?:[\w.:/*, -]|\[\w+\]){1,160})\] and /,
  /this action is (granted by the (?:index|cluster) privileges \[[\w., -]{1,120}\])/,
  /(?:index|for action) \[([\w./:*-]{1,120})\] blocked by|action \[([\w./:*[\]-]{1,120})\] is unauthorized/,
];

const REASON_LIMIT = 200;

/**
 * The error's type and what of its reason cannot hold a value of the document: the reason up to its first colon after
 * any position, with everything in brackets and quotes taken out, and the field where a known phrase names it.
 * Alike for alike faults, so that a batch refused for one reason shows as that.
 */
export function shortReason(type: string, reason: string): string {
  const phrase = reason
    .replace(/^\[\d+:\d+\]\s*/, '')
    .replace(/Preview of field's value.*$/s, '')
    // Who asked and with which roles is nobody's business here; the privileges have brackets of their own.
    .replace(/(no permissions for) \[.*$/s, '$1 …')
    .replace(/^action \[.*?(\] is unauthorized).*$/s, 'action [$1')
    .replace(/\[[^\]]*\]?|"[^"]*"?|'[^']*'?/g, '…')
    .replace(/[:;].*$/s, '')
    .replace(/\d{2,}/g, '…');
  const names = NAMING.flatMap((pattern) => pattern.exec(reason)?.slice(1) ?? []).filter(Boolean);
  const named = names.length === 0 ? '' : ` (${names.join(', ')})`;
  return oneLine(`${type === '' ? 'no error type' : type}: ${phrase.trim()}${named}`, REASON_LIMIT);
}

/** The same of a whole request that was refused; undefined where the answer is no cluster's. */
export function refusalOf(answer: ClusterAnswer): string | undefined {
  const { type, reason } = errorOf(answer);
  return type === '' && reason === '' ? undefined : shortReason(type, reason);
}
