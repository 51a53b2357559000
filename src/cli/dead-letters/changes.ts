import type { DeadLetter, DeadLetterGlimpse, Journal } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { JOURNAL_ONLY } from '../../config/load.ts';
import { ForwardError } from '../../model/errors.ts';
import { EXIT } from '../exit.ts';
import { assertKnownOwner, assertMeant, EVERY_STATE, matching } from './selection.ts';
import type { Selection } from './selection.ts';
import { withProgress } from '../progress.ts';
import { count, shown, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withJournal } from '../session.ts';
import { runningOn } from '../state.ts';
import type { Terminal } from '../terminal.ts';

export type Change = 'retry' | 'discard';

/** With ids or --all a reason that none of them has is the note, too. */
export interface DiscardOptions extends ReportOptions, Selection {
  readonly note?: string;
}

const NO_SUCH = 'there is no such dead letter';
const NO_SUCH_REASON = 'there is no such dead letter with this reason';

interface Changed {
  /** What now waits for its try, or is set aside. */
  readonly ids: readonly bigint[];
  readonly eventIds: readonly string[];
  /** Ids that were named but could not be changed, with why. */
  readonly refused: readonly { readonly id: bigint; readonly why: string }[];
}

const NOTE_MOST = 2000;
const OPEN: readonly DeadLetter['state'][] = ['open', 'retrying'];

/** Marks dead letters for another try by their deliver loop, or sets them aside. */
export async function changeLetters(
  change: Change,
  ids: readonly bigint[],
  options: DiscardOptions,
  terminal: Terminal,
): Promise<number> {
  assertMeant(ids, options);
  const note = (options.note ?? options.reason ?? '').trim();
  if (change === 'discard' && (note === '' || note.length > NOTE_MOST)) {
    throw new ForwardError('config', `--note takes a sentence of at most ${NOTE_MOST} characters: say why`);
  }
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const doing = change === 'retry' ? 'marking dead letters' : 'discarding dead letters';
  const changed = await withProgress(terminal, doing, () =>
    withJournal(config, terminal, async (journal) => {
      await assertKnownOwner(config, journal, options);
      const isNote = change === 'discard' && (await isOnlyNote(journal, ids, options));
      return apply(change, journal, ids, isNote ? { ...options, reason: undefined } : options, note);
    }),
  );
  if (ids.length === 0 && options.reason !== undefined && changed.ids.length === 0) {
    throw new ForwardError('rejected', `no dead letter was refused for "${shown(options.reason, 200)}"`, {
      hint: 'auditferry dead-letters list shows the reasons with their keys',
    });
  }
  await report(change, changed, config, options, terminal);
  return changed.refused.length === 0 ? EXIT.done : EXIT.failed;
}

/** Whether --reason says why somebody discards the letters that are named beside it, and is no reason of theirs. */
async function isOnlyNote(
  journal: Journal,
  ids: readonly bigint[],
  options: DiscardOptions,
): Promise<boolean> {
  if (options.reason === undefined || options.note !== undefined) return false;
  if (ids.length === 0 && options.all === undefined) return false;
  for await (const page of matching(journal, ids, options, OPEN)) if (page.length > 0) return false;
  return true;
}

async function apply(
  change: Change,
  journal: Journal,
  ids: readonly bigint[],
  selection: Selection,
  note: string,
): Promise<Changed> {
  const done: DeadLetterGlimpse[] = [];
  const refused: { id: bigint; why: string }[] = [];
  const named = ids.length > 0;
  const unseen = new Set(ids);
  for await (const page of matching(journal, ids, selection, named ? EVERY_STATE : OPEN)) {
    for (const letter of page) unseen.delete(letter.id);
    const judged = page.map((letter) => ({ letter, why: whyNot(change, letter) }));
    const wanted = judged.filter(({ why }) => why === null).map(({ letter }) => letter);
    if (named) {
      for (const { letter, why } of judged) if (why !== null) refused.push({ id: letter.id, why });
    }
    if (wanted.length === 0) continue;
    const filter = { ids: wanted.map((letter) => letter.id), limit: wanted.length };
    if (change === 'retry') await journal.retryDeadLetters(filter);
    else await journal.discardDeadLetters(filter, note);
    done.push(...wanted);
  }
  for (const id of unseen)
    refused.push({ id, why: selection.reason === undefined ? NO_SUCH : NO_SUCH_REASON });
  return {
    ids: done.map((letter) => letter.id),
    eventIds: done.flatMap(({ event }) => (event === null ? [] : [event.id])),
    refused,
  };
}

/** Why this one cannot be changed; null when it can. */
function whyNot(change: Change, { side, state }: DeadLetterGlimpse): string | null {
  if (state === 'discarded') return 'it was discarded';
  if (change === 'discard') return null;
  return side === 'source' ? 'it is an item of a source and no event: nothing can be sent' : null;
}

async function report(
  change: Change,
  { ids, eventIds, refused }: Changed,
  config: Config,
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const running = (await runningOn(config, terminal)) !== null;
  if (options.json === true) {
    const key = change === 'retry' ? 'retrying' : 'discarded';
    writeJson(terminal.out, { [key]: ids, event_ids: eventIds, refused, daemon_running: running });
    return;
  }
  for (const { id, why } of refused) terminal.err.write(`${id}: ${shown(why)}\n`);
  const letters = count(ids.length, 'dead letter');
  if (change === 'discard') terminal.out.write(`${letters} discarded; they are kept as evidence\n`);
  else if (ids.length === 0) terminal.out.write('nothing to send again\n');
  else {
    const when = running
      ? 'the daemon sends them as soon as their sink is idle'
      : 'no daemon runs: they go with the next run';
    terminal.out.write(`${letters} marked to be sent again; ${when}\n`);
  }
}
