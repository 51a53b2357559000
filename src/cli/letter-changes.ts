import type { DeadLetterGlimpse, Journal } from '../checkpoint/journal.ts';
import type { Config } from '../config/config.ts';
import { ForwardError } from '../model/errors.ts';
import { EXIT } from './exit.ts';
import { assertKnownOwner, assertMeant, EVERY_STATE, matching } from './letter-selection.ts';
import type { Selection } from './letter-selection.ts';
import { count, shown, writeJson } from './report.ts';
import type { ReportOptions } from './report.ts';
import { openConfig, withJournal } from './session.ts';
import { runningOn } from './state.ts';
import type { Terminal } from './terminal.ts';

export type Change = 'retry' | 'discard';

export interface DiscardOptions extends ReportOptions, Selection {
  readonly reason: string;
}

interface Changed {
  /** What now waits for its try, or is set aside. */
  readonly ids: readonly bigint[];
  readonly eventIds: readonly string[];
  /** Ids that were named but could not be changed, with why. */
  readonly refused: readonly { readonly id: bigint; readonly why: string }[];
}

const REASON_MOST = 2000;

/** Marks dead letters for another try by their deliver loop, or sets them aside. */
export async function changeLetters(
  change: Change,
  ids: readonly bigint[],
  options: (ReportOptions & Selection) | DiscardOptions,
  terminal: Terminal,
): Promise<number> {
  assertMeant(ids, options);
  const reason = 'reason' in options ? options.reason.trim() : '';
  if (change === 'discard' && (reason === '' || reason.length > REASON_MOST)) {
    throw new ForwardError('config', `--reason takes a sentence of at most ${REASON_MOST} characters`);
  }
  const config = await openConfig(options.config, terminal);
  const changed = await withJournal(config, terminal, async (journal) => {
    await assertKnownOwner(config, journal, options);
    return apply(change, journal, ids, options, reason);
  });
  await report(change, changed, config, options, terminal);
  return changed.refused.length === 0 ? EXIT.done : EXIT.failed;
}

async function apply(
  change: Change,
  journal: Journal,
  ids: readonly bigint[],
  selection: Selection,
  reason: string,
): Promise<Changed> {
  const done: DeadLetterGlimpse[] = [];
  const refused: { id: bigint; why: string }[] = [];
  const named = ids.length > 0;
  const unseen = new Set(ids);
  for await (const page of matching(journal, ids, selection, named ? EVERY_STATE : ['open', 'retrying'])) {
    for (const letter of page) unseen.delete(letter.id);
    const judged = page.map((letter) => ({ letter, why: whyNot(change, letter) }));
    const wanted = judged.filter(({ why }) => why === null).map(({ letter }) => letter);
    if (named) {
      for (const { letter, why } of judged) if (why !== null) refused.push({ id: letter.id, why });
    }
    if (wanted.length === 0) continue;
    const filter = { ids: wanted.map((letter) => letter.id), limit: wanted.length };
    if (change === 'retry') await journal.retryDeadLetters(filter);
    else await journal.discardDeadLetters(filter, reason);
    done.push(...wanted);
  }
  for (const id of unseen) refused.push({ id, why: 'there is no such dead letter' });
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
