import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Glimpse } from '../checkpoint/journal.ts';
import type { EventSummary } from '../formats/title.ts';
import { sizeOf } from '../model/event.ts';
import type { AuditEvent } from '../model/event.ts';
import type { AdminOptions, Understood } from './options.ts';

/** What events are looked for; null does not matter. Case does not matter either. */
export interface Sought {
  /** Part of what the event says, or its id. */
  readonly text: string | null;
  readonly who: string | null;
  /** Part of the event type. */
  readonly type: string | null;
  readonly outcome: string | null;
  readonly severity: string | null;
  readonly source: string | null;
}

export interface Found {
  /** What it says is left out where it is too large. */
  readonly event: Glimpse;
  /** Null where it is too large to be read. */
  readonly summary: EventSummary | null;
}

export interface LookedBack {
  /** In the order of the journal, newest first. */
  readonly found: readonly Found[];
  /** How many events were looked at, and the time of arrival of the oldest of them. */
  readonly looked_at: number;
  readonly looked_back_to: string | null;
  /** Where to go on; null at the old end of the journal. */
  readonly next_before: number | null;
}

interface Limits {
  /** Only events before this place; null: from the newest on. */
  readonly before: bigint | null;
  readonly limit: number;
  /** A larger event is not read, only looked through. */
  readonly largestBytes: number;
}

/** One request looks at no more than this, and for no longer; the next goes on. */
const EVENTS_MOST = 50_000;
const TIME_MOST_MS = 1_500;
/** As many as a page of the journal holds: reading less of one costs as much. */
const STEP_EVENTS = 1_000;
/** Of originals in memory at once, unless a single event is larger. */
const STEP_BYTES = 4 * 1024 * 1024;
/** How many events are read before others have their turn. */
const TURN_EVENTS = 50;

/** Looks through the journal from its new end to its old one, until enough was found or the request has taken its share. */
export async function lookBack(options: AdminOptions, sought: Sought, limits: Limits): Promise<LookedBack> {
  const { journal, clock } = options;
  const { headSeq, oldestSeq } = await journal.size();
  const matches = matcher(options, sought, limits.largestBytes);
  const endMs = clock.monotonic() + TIME_MOST_MS;
  const found: Found[] = [];
  let lookedAt = 0;
  let lookedBackTo: string | null = null;
  let next = limits.before === null || limits.before > headSeq ? headSeq : limits.before - 1n;
  let step = Math.min(limits.limit, STEP_EVENTS);
  while (next >= oldestSeq && next > 0n) {
    const back = next - BigInt(step) + 1n;
    const first = back > oldestSeq ? back : oldestSeq;
    const range = await readRange(options, first, next);
    const [oldest] = range;
    if (oldest === undefined) next = 0n; // pruned meanwhile
    // Where events are large, fewer are read at once.
    step =
      oldest === undefined || oldest.seq > first
        ? Math.max(range.length, 1)
        : Math.min(step * 2, STEP_EVENTS);
    for (const event of range.toReversed()) {
      if (found.length >= limits.limit || (lookedAt > 0 && isSpent(lookedAt, clock.monotonic(), endMs)))
        return answer();
      next = event.seq - 1n;
      lookedAt += 1;
      lookedBackTo = event.receivedAt;
      const one = matches(event);
      if (one !== null) found.push(one);
      if (lookedAt % TURN_EVENTS === 0) await nextTurn();
    }
  }
  return answer();

  function answer(): LookedBack {
    const nextBefore = next >= oldestSeq && next > 0n ? Number(next + 1n) : null;
    return { found, looked_at: lookedAt, looked_back_to: lookedBackTo, next_before: nextBefore };
  }
}

function isSpent(lookedAt: number, nowMs: number, endMs: number): boolean {
  return lookedAt >= EVENTS_MOST || nowMs >= endMs;
}

/** Events of a range of places, in order. Large ones come in several answers, of which only the newer part is kept. */
async function readRange(
  { journal }: AdminOptions,
  first: bigint,
  last: bigint,
): Promise<readonly AuditEvent[]> {
  const kept: AuditEvent[] = [];
  let bytes = 0;
  for (let after = first - 1n; after < last;) {
    const read = await journal.read(after, { maxEvents: Number(last - after), maxBytes: STEP_BYTES });
    const end = read.at(-1);
    if (end === undefined) break;
    for (const event of read) {
      if (event.seq > last) return kept;
      kept.push(event);
      bytes += sizeOf(event);
      while (bytes > STEP_BYTES && kept.length > 1) {
        const oldest = kept.shift();
        if (oldest !== undefined) bytes -= sizeOf(oldest);
      }
    }
    after = end.seq;
  }
  return kept;
}

/** Whether an event fits, as cheaply as can be told; what is secret in it is never compared. */
function matcher(
  options: AdminOptions,
  sought: Sought,
  largestBytes: number,
): (event: AuditEvent) => Found | null {
  const view = options.view();
  const text = sought.text?.toLowerCase() ?? null;
  const { who, type, outcome, severity, source } = sought;
  return (event) => {
    if (source !== null && event.source !== source) return null;
    const isNamed = text !== null && event.id.toLowerCase().includes(text);
    // Its text may be made each time that it is asked for.
    const { original } = event;
    // Most events end here, before anything is made of them.
    if (text !== null && !isNamed && !says(original, text)) return null;
    const bytes = event.utf8?.length ?? Buffer.byteLength(original);
    if (bytes > largestBytes) {
      const fits = isNamed || [text, who, type, outcome, severity].every((one) => one === null);
      return fits ? { event: { ...event, bytes, original: null }, summary: null } : null;
    }
    const whole = { ...event, bytes, original };
    const read: Understood = view.understand(whole);
    const { summary } = read;
    const fits =
      (text === null || isNamed || says(read.text, text)) &&
      holds(summary.who, who) &&
      holds(summary.eventType, type) &&
      (outcome === null || summary.outcome === outcome) &&
      (severity === null || summary.severity === severity);
    return fits ? { event: whole, summary } : null;
  };
}

function holds(text: string, part: string | null): boolean {
  return part === null || text.toLowerCase().includes(part.toLowerCase());
}

/** Whether JSON text holds a text in lower case, however its characters are written. */
function says(document: string, part: string): boolean {
  const lower = document.toLowerCase();
  if (lower.includes(part)) return true;
  if (!lower.includes('\\')) return false;
  return lower
    .replaceAll(/\\u([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))
    .toLowerCase()
    .replaceAll(/\\(["\\/])/g, '$1')
    .includes(part);
}
