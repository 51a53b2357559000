import type { Beginning } from '../checkpoint/journal.ts';
import type { Log } from '../model/log.ts';
import { formatTime } from '../model/time.ts';

/** Logs which events a sink will not get, because they left the journal first. */
export function tellPruned(name: string, log: Log, { isNew, pruned }: Beginning): void {
  if (pruned === null) return;
  if (isNew) {
    log.info(
      { pruned: pruned.events },
      'a new sink begins with what the journal holds; earlier events are not sent to it',
    );
    return;
  }
  const { window } = pruned;
  const range =
    window === null ? '' : ` --from ${formatTime(window.startNs)} --to ${formatTime(window.endNs)}`;
  log.warn(
    {
      events: pruned.events,
      from_seq: Number(pruned.fromSeq),
      to_seq: Number(pruned.toSeq),
      hint: `auditferry backfill --sink ${name}${range} reads them from the Platform again and sends them to this sink`,
    },
    'events left the journal before this sink had them; the finding stays until it is acknowledged',
  );
}
