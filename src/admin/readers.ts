import { ForwardError } from '../model/errors.ts';
import type { Window } from '../model/event.ts';
import { msToNs } from '../model/time.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import { describeCoverage } from './coverage.ts';
import { buildStatus, lettersDocument, shortfallDocuments } from './document.ts';
import { readEvent, readEvents } from './event-reader.ts';
import { liveness, readiness, withoutJournal } from './health.ts';
import type { Health } from './health.ts';
import { rememberedIds } from './journey.ts';
import { exportLetters, readGroups, readLetters } from './letter-reader.ts';
import { liveVerdict, verdictWithoutJournal } from './live-verdict.ts';
import type { AdminOptions } from './options.ts';
import { readCount, readText, readTime } from './query.ts';
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
  const closed = (read: Reader['read']): Reader => ({ showsEvents: true, read: inTurn(read) });
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
    [
      '/api/dead-letters/groups',
      open(inTurn((query, mayReadEvents) => readGroups(options, query, mayReadEvents))),
    ],
    ['/api/dead-letters/export', closed((query) => exportLetters(options, query))],
    ['/api/events', closed((query) => readEvents(options, query))],
    ['/api/event', closed((query) => readEvent(options, series, query))],
    ['/api/known-ids', closed((query) => readKnownIds(options, query))],
  ]);
}

function healthAnswer(health: Health, more: object = {}): Answer {
  return json({ status: health.ok ? 'ok' : 'failing', ...health, ...more }, health.ok ? 200 : 503);
}

/** Whether everything flows, and beside it whether everything is where it should be. */
async function readReadiness(options: AdminOptions): Promise<Answer> {
  const { limits } = options;
  const seen = await survey(options).catch((error: unknown) => {
    if (error instanceof ForwardError) return error;
    throw error;
  });
  // Neither read nor sent is anything while the journal cannot be asked.
  if (seen instanceof ForwardError) {
    const { verdict, summary } = verdictWithoutJournal(seen);
    return healthAnswer(withoutJournal(seen), { verdict, summary });
  }
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

async function readKnownIds(options: AdminOptions, query: URLSearchParams): Promise<Answer> {
  const id = readText(query, 'id');
  if (id === null) throw new Refused(400, 'id is missing');
  return json({ id, ...(await rememberedIds(options, id)) });
}
