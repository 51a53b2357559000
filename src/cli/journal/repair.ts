import { repairJournal } from '../../checkpoint/sqlite/repair/repair.ts';
import type { Repaired } from '../../checkpoint/sqlite/repair/repair.ts';
import { STATE_ONLY } from '../../config/load.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { formatTime } from '../../model/time.ts';
import { horizonOf } from '../build-parts.ts';
import { EXIT } from '../exit.ts';
import { withProgress } from '../progress.ts';
import { count, shown, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { assertJournal, openConfig } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/** Windows and names that are printed one by one. */
const NAMED = 20;

/** `auditferry journal repair`: a whole journal from what is whole of a damaged one; the rest is read again. */
export async function repairCommand(options: ReportOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, STATE_ONLY);
  const { type, dir } = config.state;
  if (type !== 'sqlite')
    throw new ForwardError('config', 'journal repair is for a journal in SQLite', {
      hint: 'repair or restore the database with the means of PostgreSQL: docs/high-availability.md',
    });
  assertJournal(config);
  const horizons = new Map([...config.sources].map(([name, source]) => [name, horizonOf(source)]));
  const { clock, signal } = terminal;
  const repaired = await withProgress(terminal, 'checking the journal', (tell) =>
    repairJournal({ dir, clock, horizons, eventTypeOf, signal, tell }),
  );
  if (options.json === true) writeJson(terminal.out, document(dir, repaired));
  else
    for (const line of repaired === null ? wholeLines(dir) : lines(repaired)) terminal.out.write(`${line}\n`);
  return repaired === null || !isIncomplete(repaired) ? EXIT.done : EXIT.incomplete;
}

/** As the Platform says it: the list of known ids tells events apart by it, too. */
function eventTypeOf(original: string): string {
  const item = JSON.parse(original) as { readonly event_type?: unknown } | null;
  return typeof item?.event_type === 'string' ? item.event_type : '';
}

/** Something is gone that nothing brings back. */
function isIncomplete({ reread, deadLetters }: Repaired): boolean {
  return (
    [...reread.values()].some(({ never }) => never.length > 0) ||
    deadLetters.some(({ sentAgainNs }) => sentAgainNs === null)
  );
}

function wholeLines(dir: string): string[] {
  return [`the journal in ${shown(dir)} is whole: nothing was changed`];
}

function lines(repaired: Repaired): string[] {
  const { damage, events, lostEvents, kept, lost, renumbered, reread, deadLetters, keptIn } = repaired;
  const [first = ''] = damage;
  const losses = Object.entries(lost).map(([table, places]) => `${table.replaceAll('_', ' ')} ${places}`);
  const again = [...reread].flatMap(([source, { again }]) => again.map((window) => inWords(source, window)));
  const never = [...reread].flatMap(([source, { never }]) => never.map((window) => inWords(source, window)));
  const sent = deadLetters.filter(({ sentAgainNs }) => sentAgainNs !== null).length;
  const gone = deadLetters.length - sent;
  return [
    `damaged in ${count(damage.length, 'place')}: ${shown(first)}`,
    `salvaged: ${count(events, 'event')}, ${count(kept['ids'] ?? 0, 'known id')}, ${count(kept['cursors'] ?? 0, 'cursor')}, ${count(kept['dead_letters'] ?? 0, 'dead letter')}`,
    ...(lostEvents === 0 ? [] : [`not whole: ${count(lostEvents, 'event')}`]),
    ...(losses.length === 0
      ? []
      : [`rows that are not whole, or places that cannot be read: ${losses.join(', ')}`]),
    ...listed('will be read again by the next auditferry run:', again),
    ...listed('cannot be read again, since the Platform keeps nothing that old (a finding says so):', never),
    ...(sent === 0 ? [] : [`sent once more: the events of ${count(sent, 'dead letter')}`]),
    ...(gone === 0
      ? []
      : [
          `lost: ${count(gone, 'dead letter')}, as far as known a finding each; the damaged files may still show them`,
        ]),
    ...repeats(repaired).map((line) => `may be repeated: ${line}`),
    ...(renumbered ? ['events have new places (seqs), and the chain begins anew behind the old head'] : []),
    `the damaged files are in ${shown(keptIn)}`,
  ];
}

/** What sinks may get twice, always under the same event ids. */
function repeats({ lostEvents, lost, reread }: Repaired): string[] {
  const again = [...reread.values()].some((one) => one.again.length > 0);
  return [
    ...(lostEvents > 0 ? ['events that were not whole, to sinks that had them'] : []),
    ...(lost['cursors'] === undefined ? [] : ['all that the journal holds, to sinks whose cursor was lost']),
    ...(lost['ids'] === undefined || !again
      ? []
      : ['events of the times that are read again whose ids were lost after they were pruned']),
  ];
}

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length - NAMED;
  return [
    title,
    ...items.slice(0, NAMED).map((item) => `  ${item}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function inWords(source: string, { startNs, endNs }: Window): string {
  return `${shown(source)}: ${formatTime(startNs)} to ${formatTime(endNs)}`;
}

function document(dir: string, repaired: Repaired | null): object {
  if (repaired === null) return { state_dir: dir, damaged: false };
  const { damage, events, lostEvents, kept, lost, renumbered, reread, deadLetters, keptIn } = repaired;
  const windows = (which: 'again' | 'never') =>
    [...reread].flatMap(([source, its]) =>
      its[which].map(({ startNs, endNs }) => ({ source, from: formatTime(startNs), to: formatTime(endNs) })),
    );
  return {
    state_dir: dir,
    damaged: true,
    damage,
    salvaged: { events, rows: kept },
    not_whole: { events: lostEvents, places: lost },
    read_again: windows('again'),
    cannot_be_read_again: windows('never'),
    dead_letters: deadLetters.map(({ owner, source, eventId, sentAgainNs }) => ({
      sink: owner,
      source,
      event_id: eventId,
      sent_again: sentAgainNs !== null,
    })),
    may_be_repeated: repeats(repaired),
    renumbered,
    kept_in: keptIn,
  };
}
