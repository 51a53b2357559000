import type { Finding } from '../model/event.ts';
import { formatTime } from '../model/time.ts';
import type { PrunedEvents, StoredFinding } from './journal.ts';

/** Kind of the finding that says: events left the journal before this sink had them. Its owner is the sink. */
const PRUNED_BEFORE_DELIVERY = 'pruned_before_delivery';

/** One finding for each gap: the seqs tell it from others. */
export function prunedFinding(sink: string, { fromSeq, toSeq, window }: PrunedEvents): Finding {
  const events = Number(toSeq - fromSeq) + 1;
  const created =
    window === null ? '' : `, created between ${formatTime(window.startNs)} and ${formatTime(window.endNs)}`;
  return {
    kind: PRUNED_BEFORE_DELIVERY,
    subject: `${fromSeq}-${toSeq}`,
    ...(window === null ? {} : { window }),
    summary: `${events} events left the journal before the sink ${sink} had them (${fromSeq} to ${toSeq}${created})`,
    detail: { sink, from_seq: Number(fromSeq), to_seq: Number(toSeq), events },
  };
}

/** By sink, how many events were pruned before it had them, according to these findings. */
export function prunedBeforeDelivery(findings: readonly StoredFinding[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, source, detail } of findings) {
    if (kind !== PRUNED_BEFORE_DELIVERY) continue;
    const events = (detail as { readonly events?: unknown } | undefined)?.events;
    counts.set(source, (counts.get(source) ?? 0) + (typeof events === 'number' ? events : 0));
  }
  return counts;
}
