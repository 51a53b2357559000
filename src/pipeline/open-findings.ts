import { PRUNED_BEFORE_DELIVERY } from '../checkpoint/journal.ts';
import type { FindingFilter, Journal, StoredFinding } from '../checkpoint/journal.ts';
import type { Finding, Json } from '../model/event.ts';
import { counted, number } from './verdict.ts';

/**
 * Nothing is missing by them: the Platform joins the user into an event when it is read (of a pruned one only the hash shows it), events that share an id or lie elsewhere than
 * they were listed are kept, and counts that are wrong are not used.
 */
export const EXPECTED_KINDS: readonly string[] = [
  'user_changed',
  'changed_after_pruning',
  'shared_id',
  'counts_not_credible',
  'times_differ',
  'times_moved',
  'stray_row',
];
/** Findings of these kinds do not stand for something missing: they are expected, or counted with their sink. */
export const COUNTED_APART: readonly string[] = [...EXPECTED_KINDS, PRUNED_BEFORE_DELIVERY];

/** The span of the journal that a sink never had; null when the finding does not say. */
export function prunedSpan({ detail }: Finding): { fromSeq: bigint; toSeq: bigint; events: number } | null {
  const { from_seq: from, to_seq: to, events: many } = (detail ?? {}) as Readonly<Record<string, Json>>;
  const fromSeq = seqOf(from);
  const toSeq = seqOf(to);
  if (fromSeq === null || toSeq === null || toSeq < fromSeq) return null;
  return { fromSeq, toSeq, events: typeof many === 'number' ? many : Number(toSeq - fromSeq) + 1 };
}

function seqOf(value: Json | undefined): bigint | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  return /^\d{1,19}$/.test(String(value)) ? BigInt(value) : null;
}

const PAGE_FINDINGS = 1000;

/** All that are meant, however many, in the order of their ids. */
export async function everyFinding(
  journal: Pick<Journal, 'findings'>,
  filter: FindingFilter,
): Promise<StoredFinding[]> {
  const found: StoredFinding[] = [];
  for (;;) {
    const after = found.at(-1)?.id ?? 0n;
    const page = await journal.findings({ ...filter, after, limit: PAGE_FINDINGS });
    found.push(...page);
    if (page.length < PAGE_FINDINGS) return found;
  }
}

/** One clause about open findings; none when there are none. */
export function findingClause(
  counts: readonly { readonly kind: string; readonly count: number }[],
  about = '',
): string[] {
  const byKind = new Map<string, number>();
  for (const { kind, count } of counts) byKind.set(kind, (byKind.get(kind) ?? 0) + count);
  const all = [...byKind.values()].reduce((sum, count) => sum + count, 0);
  if (all === 0) return [];
  const kinds = [...byKind].map(([kind, count]) => `${number(count)} ${kind}`).join(', ');
  return [`${counted(all, 'finding')}${about} that nobody has acknowledged (${kinds})`];
}

/** One clause about items of a source that are no events as far as anybody can read them. */
export function unreadableClause(count: number): string[] {
  return count === 0
    ? []
    : [
        `${counted(count, 'item')} that cannot be read as ${count === 1 ? 'an event' : 'events'} (dead letters)`,
      ];
}
