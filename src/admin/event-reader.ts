import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Glimpse } from '../checkpoint/journal.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import { eventJourney } from './journey.ts';
import { lookBack } from './look-back.ts';
import type { Found, Sought } from './look-back.ts';
import type { AdminOptions } from './options.ts';
import { readCount, readSeq, readText } from './query.ts';
import { render, RENDERED_LIMIT_BYTES, wholeOf } from './shown-event.ts';
import type { Series } from './series.ts';

const EVENTS_LIMIT = 100;
const EVENTS_DEFAULT = 20;

/**
 * The newest events that fit, newest first, from before `before` on. It looks at a bounded part of the journal and says at which;
 * `next_before` is where to go on, null at its old end. Each one as `format` renders it, unless that is empty.
 */
export async function readEvents(options: AdminOptions, query: URLSearchParams): Promise<Answer> {
  const { formats } = options.view();
  const format = (query.get('format') ?? formats[0] ?? '') || null;
  if (format !== null && !formats.includes(format))
    throw new Refused(400, 'unknown format', `expected one of ${formats.join(', ')}`);
  const before = readSeq(query, 'before');
  const { found, ...looked } = await lookBack(options, soughtIn(query), {
    before,
    limit: readCount(query, 'limit', EVENTS_DEFAULT, EVENTS_LIMIT),
    largestBytes: RENDERED_LIMIT_BYTES,
  });
  const events: object[] = [];
  for (const one of found.toSorted(byTime)) {
    events.push({ ...row(one), ...(format === null ? {} : render(options, one.event, format)) });
    if (format !== null) await nextTurn();
  }
  return json({ format, events, ...looked });
}

function soughtIn(query: URLSearchParams): Sought {
  return {
    text: readText(query, 'text'),
    who: readText(query, 'who'),
    type: readText(query, 'type'),
    outcome: readText(query, 'outcome'),
    severity: readText(query, 'severity'),
    source: readText(query, 'source'),
  };
}

/** The journal's order is that of arrival; people look for the time at which it happened. */
function byTime({ event: a }: Found, { event: b }: Found): number {
  return b.createdAt.localeCompare(a.createdAt, 'en') || Number(b.seq - a.seq);
}

function row({ event, summary }: Found): object {
  const { seq, source, id, createdAt, receivedAt, bytes } = event;
  return {
    seq: Number(seq),
    source,
    id,
    created_at: createdAt,
    received_at: receivedAt,
    bytes,
    event_type: summary?.eventType ?? null,
    who: summary?.who ?? null,
    what: summary?.what ?? null,
    on: summary?.on ?? null,
    outcome: summary?.outcome ?? null,
    address: summary?.address ?? null,
    severity: summary?.severity ?? null,
  };
}

/** One event in every format, and where it has got to. */
export async function readEvent(
  options: AdminOptions,
  series: Series,
  query: URLSearchParams,
): Promise<Answer> {
  const seq = readSeq(query, 'seq');
  if (seq === null || seq < 1n) throw new Refused(400, 'seq must be the number of an event');
  const glimpse = await options.journal.firstAfter(seq - 1n);
  if (glimpse?.seq !== seq) throw new Refused(404, 'the journal has no event of that number (any more)');
  const event = await withOriginal(options, glimpse);
  const whole = wholeOf(event);
  const summary = whole === null ? null : options.view().understand(whole).summary;
  const formats: object[] = [];
  for (const name of options.view().formats) {
    formats.push({ format: name, ...render(options, event, name) });
    await nextTurn();
  }
  return json({
    ...row({ event, summary }),
    journey: await eventJourney(options, series, event),
    formats,
  });
}

async function withOriginal({ journal }: AdminOptions, glimpse: Glimpse): Promise<Glimpse> {
  if (glimpse.bytes > RENDERED_LIMIT_BYTES) return glimpse;
  const [event] = await journal.read(glimpse.seq - 1n, { maxEvents: 1, maxBytes: RENDERED_LIMIT_BYTES });
  return { ...glimpse, original: event?.original ?? null };
}
