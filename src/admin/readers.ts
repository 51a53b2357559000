import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Window } from '../model/event.ts';
import { describe } from '../model/errors.ts';
import { msToNs, parseTime } from '../model/time.ts';
import type { DeadLetterFilter, DeadLetterGlimpse, Glimpse } from '../checkpoint/journal.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import { describeCoverage } from './coverage.ts';
import { buildStatus, lettersDocument, shortfallDocuments } from './document.ts';
import { liveness, readiness } from './health.ts';
import type { Health } from './health.ts';
import { liveVerdict } from './live-verdict.ts';
import type { AdminOptions } from './options.ts';
import { SERIES_MINUTES } from './series.ts';
import type { Series } from './series.ts';
import { survey, total } from './survey.ts';

/** One thing that can be asked for with GET. */
export interface Reader {
  /** Its answer is what events say, and nothing else. */
  readonly showsEvents: boolean;
  /** `mayReadEvents`: the asker may see what events say. */
  read(query: URLSearchParams, mayReadEvents: boolean): Promise<Answer>;
}

export type Readers = ReadonlyMap<string, Reader>;

const EVENTS_LIMIT = 100;
const EVENTS_DEFAULT = 20;
const LETTERS_LIMIT = 200;
const LETTERS_DEFAULT = 50;
/** An event that says more than this is named, and not rendered: a request must not take the memory or the time of others. Bytes. */
const RENDERED_LIMIT_BYTES = 256 * 1024;
/** A rendered event longer than this is cut for showing. Characters. */
const SHOWN_LIMIT = 16_384;
const COVERAGE_DEFAULT_MS = 86_400_000;
/** Longer than any audit horizon. */
const COVERAGE_LIMIT_MS = 400 * 86_400_000;
const MINUTE_MS = 60_000;

/** Everything that answers GET, by path; the page's files and the metrics apart. */
export function readers(options: AdminOptions, series: Series): Readers {
  const { clock } = options;
  const open = (read: Reader['read']): Reader => ({ showsEvents: false, read });
  let turn: Promise<unknown> = Promise.resolve();
  /** One at a time: what they read is bounded for each, and many may ask at once. */
  const inTurn =
    (read: Reader['read']): Reader['read'] =>
    (query, mayReadEvents) => {
      const answer = turn.then(() => read(query, mayReadEvents));
      turn = answer.catch(() => {});
      return answer;
    };
  return new Map<string, Reader>([
    ['/healthz', open(async () => healthAnswer(liveness(options.view(), clock.now())))],
    ['/readyz', open(() => readReadiness(options))],
    [
      '/api/status',
      open(async (_, mayReadEvents) => {
        const access = {
          writable: options.token !== undefined,
          reloadable: options.reload !== undefined,
          events_readable: mayReadEvents,
          formats: options.view().formats,
        };
        return json({ ...(await buildStatus(options, series)), access });
      }),
    ],
    ['/api/config', open(async () => json({ config: options.view().effectiveConfig }))],
    ['/api/coverage', open((query) => readCoverage(options, query))],
    ['/api/series', open(async (query) => readSeries(options, series, query))],
    ['/api/dead-letters', open(inTurn((query, mayReadEvents) => readLetters(options, query, mayReadEvents)))],
    ['/api/events', { showsEvents: true, read: inTurn((query) => readEvents(options, query)) }],
  ]);
}

function healthAnswer(health: Health, more: object = {}): Answer {
  return json({ status: health.ok ? 'ok' : 'failing', ...health, ...more }, health.ok ? 200 : 503);
}

/** Whether everything flows, and beside it whether everything is where it should be. */
async function readReadiness(options: AdminOptions): Promise<Answer> {
  const { limits } = options;
  const seen = await survey(options);
  const now = liveVerdict(seen);
  return healthAnswer(readiness(seen, limits), {
    verdict: now.verdict,
    summary: now.summary,
    sinks: shortfallDocuments(now),
    dead_letters: lettersDocument(seen),
    findings_open: total(seen.findings.map(({ count }) => count)),
  });
}

async function readCoverage(options: AdminOptions, query: URLSearchParams): Promise<Answer> {
  const view = options.view();
  const name = query.get('source') ?? [...view.sources.keys()][0] ?? '';
  const source = view.sources.get(name);
  if (source === undefined) throw new Refused(404, 'there is no source of that name');
  const nowMs = options.clock.now();
  const endNs = readTime(query, 'to') ?? msToNs(nowMs);
  const startNs = readTime(query, 'from') ?? endNs - msToNs(COVERAGE_DEFAULT_MS);
  if (startNs > endNs || endNs - startNs > msToNs(COVERAGE_LIMIT_MS)) {
    throw new Refused(400, 'from must be before to, and at most 400 days before');
  }
  const window: Window = { startNs, endNs };
  const state = source.source.state();
  const stored = await options.journal.coverage(name, window);
  return json({ source: name, ...describeCoverage(stored, window, state) });
}

function readTime(query: URLSearchParams, key: string): bigint | null {
  const text = query.get(key);
  if (text === null) return null;
  const time = parseTime(text);
  if (time === null) throw new Refused(400, `${key} must be an RFC 3339 time`);
  return time;
}

function readSeries(options: AdminOptions, series: Series, query: URLSearchParams): Answer {
  const minutes = readCount(query, 'minutes', 120, SERIES_MINUTES);
  const shown = series.minutes(options.clock.now() - minutes * MINUTE_MS).map((minute) => ({
    at: new Date(minute.startMs).toISOString(),
    appended: minute.appended,
    settled: minute.settled,
    visibility_lag_seconds: minute.visibilityLagMs === null ? null : minute.visibilityLagMs / 1000,
  }));
  return json({ minutes: shown });
}

async function readEvents(options: AdminOptions, query: URLSearchParams): Promise<Answer> {
  const view = options.view();
  const format = query.get('format') ?? view.formats[0] ?? '';
  if (!view.formats.includes(format)) {
    throw new Refused(400, 'there is no format of that name', `one of ${view.formats.join(', ')}`);
  }
  const limit = readCount(query, 'limit', EVENTS_DEFAULT, EVENTS_LIMIT);
  const events: object[] = [];
  for (const event of await options.journal.newest(limit, RENDERED_LIMIT_BYTES)) {
    events.push({ ...identity(event), ...render(options, event, format) });
    await nextTurn();
  }
  return json({ format, events });
}

function identity(event: Glimpse): object {
  const { seq, source, id, createdAt, receivedAt } = event;
  return { seq: Number(seq), source, id, created_at: createdAt, received_at: receivedAt };
}

/** An event that its format cannot render is shown with the reason, and costs the others nothing. */
function render(options: AdminOptions, event: Glimpse, format: string): object {
  const { original } = event;
  if (original === null)
    return { kind: 'text', text: `${event.bytes} bytes are too large to be shown here`, cut: true };
  try {
    const { text, kind } = options.view().preview({ ...event, original }, format);
    return { kind, text: cut(text), cut: text.length > SHOWN_LIMIT };
  } catch (error) {
    return { kind: 'text', text: `cannot be rendered: ${describe(error)}`, cut: false };
  }
}

async function readLetters(
  options: AdminOptions,
  query: URLSearchParams,
  mayReadEvents: boolean,
): Promise<Answer> {
  const owner = query.get('owner');
  const after = query.get('after');
  if (after !== null && !/^\d{1,18}$/.test(after))
    throw new Refused(400, 'after must be the id of a dead letter');
  const filter: DeadLetterFilter = {
    ...(owner === null ? {} : { owner }),
    ...(after === null ? {} : { after: BigInt(after) }),
    states: ['open', 'retrying'],
    limit: readCount(query, 'limit', LETTERS_DEFAULT, LETTERS_LIMIT),
  };
  const letters = await options.journal.glanceAtDeadLetters(filter, SHOWN_LIMIT * 4);
  return json({ dead_letters: letters.map((letter) => describeLetter(letter, mayReadEvents)) });
}

function describeLetter(letter: DeadLetterGlimpse, mayReadEvents: boolean): object {
  const { id, owner, side, event, reason, attempts, firstAt, lastAt, state } = letter;
  return {
    id: id.toString(),
    owner,
    side,
    state,
    reason,
    attempts,
    first_at: firstAt,
    last_at: lastAt,
    event_id: event?.id ?? null,
    created_at: event?.createdAt ?? null,
    bytes: letter.size,
    content: mayReadEvents ? cut(letter.content.toString('utf8')) : null,
  };
}

function cut(text: string): string {
  return text.slice(0, SHOWN_LIMIT).toWellFormed();
}

function readCount(query: URLSearchParams, key: string, fallback: number, most: number): number {
  const text = query.get(key);
  if (text === null) return fallback;
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1)
    throw new Refused(400, `${key} must be a number from 1 to ${most}`);
  return Math.min(Number(text), most);
}
