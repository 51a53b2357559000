import { setImmediate as nextTurn } from 'node:timers/promises';

import type { DeadLetterGlimpse, Glimpse, KnownId } from '../checkpoint/journal.ts';
import type { Window } from '../model/event.ts';
import { formatTime, msToNs } from '../model/time.ts';
import { lettersInReach } from './letter-groups.ts';
import type { AdminOptions } from './options.ts';
import type { Series } from './series.ts';
import { wholeOf } from './shown-event.ts';

/** Where an event has got to. Times are RFC 3339. */
export interface Journey {
  /** When it happened, by the Platform's clock, and when the journal had it, by ours. */
  readonly created_at: string;
  readonly received_at: string;
  readonly sinks: readonly SinkStep[];
}

interface SinkStep {
  readonly sink: string;
  readonly type: string;
  /**
   * `delivered`: the receiver confirmed it. `sent`: handed over, the protocol confirms nothing. `filtered`: left out by `where`, as it is
   * now. `waiting`: the sink has not come to it. `unknown`: there are too many dead letters to look through.
   */
  readonly fate: 'delivered' | 'sent' | 'filtered' | 'dead_letter' | 'waiting' | 'unknown';
  /** State of the sink while the event waits, or of the dead letter. */
  readonly state: string | null;
  readonly reason: string | null;
  /** Between when the sink passed it; nulls where that is not known, as for what happened before the daemon started. */
  readonly after: string | null;
  readonly by: string | null;
}

export async function eventJourney(options: AdminOptions, series: Series, event: Glimpse): Promise<Journey> {
  const sinks: SinkStep[] = [];
  for (const name of options.view().sinks.keys()) sinks.push(await stepOf(options, series, name, event));
  return { created_at: event.createdAt, received_at: event.receivedAt, sinks };
}

async function stepOf(
  options: AdminOptions,
  series: Series,
  name: string,
  event: Glimpse,
): Promise<SinkStep> {
  const view = options.view();
  const loop = view.status?.sinks.get(name);
  const sink = view.sinks.get(name);
  const common = { sink: name, type: sink?.type ?? '', after: null, by: null, state: null, reason: null };
  const cursor = loop?.progressedMs == null ? await options.journal.cursor(name) : loop.cursor;
  if (cursor < event.seq)
    return { ...common, fate: 'waiting', state: loop?.state ?? null, reason: loop?.reason ?? null };
  const passed = series.passed(name, event.seq);
  const when = { after: iso(passed?.afterMs), by: passed?.afterMs == null ? null : iso(passed.byMs) };
  const letter = await findLetter(options, name, event);
  if (letter === undefined) return { ...common, fate: 'unknown' };
  if (letter !== null) {
    const { state, reason, lastAt } = letter;
    return { ...common, fate: 'dead_letter', state, reason, by: lastAt };
  }
  const whole = wholeOf(event);
  if (whole !== null && view.renderFor(name, whole)?.kind === 'filtered')
    return { ...common, ...when, fate: 'filtered' };
  return { ...common, ...when, fate: sink?.delivery === 'sent' ? 'sent' : 'delivered' };
}

/** The dead letter of an event at a sink; null where there is none, undefined where there are too many to tell. */
async function findLetter(
  { journal }: AdminOptions,
  owner: string,
  event: Glimpse,
): Promise<DeadLetterGlimpse | null | undefined> {
  const pages = lettersInReach(journal, { owner });
  let step = await pages.next();
  for (; step.done !== true; step = await pages.next()) {
    const found = step.value.find(
      (letter) => letter.event?.id === event.id && letter.event.source === event.source,
    );
    if (found !== undefined) return found;
  }
  return step.value.whole ? null : undefined;
}

function iso(ms: number | null | undefined): string | null {
  return ms == null ? null : new Date(ms).toISOString();
}

const IDS_PAGE = 5_000;
const IDS_MOST = 500_000;
const TIME_MOST_MS = 4_000;
/** Longer than any audit horizon. */
const REACH_MS = 400 * 86_400_000;

/** An id that the journal remembers although it does not hold the event: pruned, or left out by the source's filters. */
interface RememberedId {
  readonly source: string;
  readonly id: string;
  readonly created_at: string;
  readonly fate: 'pruned' | 'left_out' | 'held';
  readonly seq: number | null;
}

/** Looks for an id among all that the journal remembers. `whole`: it looked at every one of them. */
export async function rememberedIds(
  options: AdminOptions,
  id: string,
): Promise<{ readonly found: readonly RememberedId[]; readonly looked_at: number; readonly whole: boolean }> {
  const { journal, clock } = options;
  const nowMs = clock.now();
  const window: Window = { startNs: msToNs(nowMs - REACH_MS), endNs: msToNs(nowMs + 86_400_000) };
  const endMs = clock.monotonic() + TIME_MOST_MS;
  const { oldestSeq } = await journal.size();
  const found: RememberedId[] = [];
  let lookedAt = 0;
  for (const source of options.view().sources.keys()) {
    let after: KnownId | null = null;
    for (;;) {
      if (lookedAt >= IDS_MOST || clock.monotonic() > endMs)
        return { found, looked_at: lookedAt, whole: false };
      const ids: readonly KnownId[] = await journal.idsInWindow(source, window, after, IDS_PAGE);
      lookedAt += ids.length;
      for (const known of ids) {
        // One that was given to several events has a hash behind it.
        if (known.id !== id && !known.id.startsWith(`${id}#`)) continue;
        const { seq } = known;
        const fate = seq === null ? 'left_out' : seq < oldestSeq || oldestSeq === 0n ? 'pruned' : 'held';
        const createdAt = formatTime(known.createdNs);
        found.push({
          source,
          id: known.id,
          created_at: createdAt,
          fate,
          seq: seq === null ? null : Number(seq),
        });
      }
      if (ids.length < IDS_PAGE) break;
      after = ids.at(-1) ?? null;
      await nextTurn();
    }
  }
  return { found, looked_at: lookedAt, whole: true };
}
