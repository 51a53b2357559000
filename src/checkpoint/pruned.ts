import type { Finding } from '../model/event.ts';
import { formatTime } from '../model/time.ts';
import { PRUNED_BEFORE_DELIVERY } from './journal.ts';
import type { PrunedEvents } from './journal.ts';

/** One finding for each gap: the seqs tell it from others. */
export function prunedFinding(sink: string, { fromSeq, toSeq, events, window }: PrunedEvents): Finding {
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
