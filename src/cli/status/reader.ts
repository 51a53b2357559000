import { buildStatus } from '../../admin/document.ts';
import type { StatusDocument } from '../../admin/document-shape.ts';
import { READINESS_LIMITS } from '../../admin/options.ts';
import type { AdminView, SinkView, SourceView } from '../../admin/options.ts';
import type { Journal, StoredCoverage } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { silentLog } from '../../model/log.ts';
import { msToNs } from '../../model/time.ts';
import { nextPollMs } from '../run/admin-view.ts';
import { buildParts } from '../build-parts.ts';
import { coverageBar, coveredUpTo } from './coverage-bar.ts';
import { fetchFromDaemon } from '../daemon-answer.ts';
import { withJournal } from '../session.ts';
import { placeOfState, runningOn } from '../state.ts';
import type { Terminal } from '../terminal.ts';
import { version } from '../version.ts';

/** What `status` shows: the document, where it comes from, and the last day of each source as a bar. */
export interface StatusPicture {
  readonly from: 'daemon' | 'journal';
  /** Why it comes from the journal. Null when the daemon itself answered. */
  readonly note: string | null;
  /** Whether a daemon holds the state directory, also when it does not say how it is. */
  readonly running: boolean;
  readonly document: StatusDocument;
  /** By source. */
  readonly bars: ReadonlyMap<string, string>;
}

const BAR_CELLS = 48;
export const BAR_SPAN_MS = 86_400_000;

/** Asks the daemon; where none answers, reads the journal itself. */
export async function readStatus(config: Config, terminal: Terminal): Promise<StatusPicture> {
  const answer = await askDaemon(config, terminal);
  if (!(answer instanceof ForwardError)) {
    const bars = await withJournal(config, terminal, (journal) => readBars(config, journal, terminal)).catch(
      (error: unknown) => {
        if (error instanceof ForwardError) return new Map<string, string>(); // the daemon's own word is enough
        throw error;
      },
    );
    return { from: 'daemon', note: null, running: true, document: answer, bars };
  }
  const holder = await runningOn(config, terminal);
  const note = noteOf(config, holder, answer);
  return withJournal(config, terminal, async (journal) => ({
    from: 'journal',
    note,
    running: holder !== null,
    document: await guestDocument(config, journal, holder === null ? null : note, terminal),
    bars: await readBars(config, journal, terminal),
  }));
}

/** What the running daemon says; a ForwardError when nobody answers. */
export async function askDaemon(config: Config, terminal: Terminal): Promise<StatusDocument | ForwardError> {
  const answer = await fetchFromDaemon(config, '/api/status', terminal);
  if (answer instanceof ForwardError) return answer;
  const { url, status, body } = answer;
  if (status !== 200) return new ForwardError('denied', `${url.href} answered ${status}`);
  return readDocument(body, url);
}

/** Something else may listen there: only what looks like our document is believed. */
function readDocument(body: Buffer, url: URL): StatusDocument | ForwardError {
  try {
    const document = JSON.parse(body.toString('utf8')) as Partial<StatusDocument> | null;
    const lists = [document?.sources, document?.sinks, document?.findings, document?.reasons];
    if (lists.every(Array.isArray) && typeof document?.journal === 'object')
      return document as StatusDocument;
  } catch {
    // no JSON: the same answer as for JSON of another shape
  }
  return new ForwardError('denied', `${url.href} is not an auditferry: it answers something else`);
}

function noteOf(config: Config, holder: string | null, error: ForwardError): string {
  if (holder === null) return `no daemon runs on ${placeOfState(config)}; this is what its journal holds`;
  return `a daemon runs (${holder}), but does not say how it is: ${describe(error)}; this is what its journal holds`;
}

/**
 * The same document without a daemon: loops are not running, and what only a loop knows is empty. `unheard`: why a daemon
 * that does run could not be asked.
 */
async function guestDocument(
  config: Config,
  journal: Journal,
  unheard: string | null,
  terminal: Terminal,
): Promise<StatusDocument> {
  const parts = await buildParts(config, silentLog);
  try {
    const sources = new Map<string, SourceView>();
    for (const [name, { source, schedule }] of parts.sources) {
      const startNs = source.startNs?.(await journal.progress(name)) ?? null;
      const frontierNs = await readUpTo(journal, name, startNs, terminal);
      const state = { ...source.state(), frontierNs };
      sources.set(name, {
        source: { state: () => state, origin: () => source.origin() },
        nextPollMs: (fromMs) => nextPollMs(schedule, fromMs),
      });
    }
    const sinks = new Map<string, SinkView>();
    for (const [name, { sink, format, batch, concurrent, rateLimit }] of parts.sinks) {
      const type = config.sinks.get(name)?.type ?? '';
      sinks.set(name, { type, delivery: sink.delivery, format: format.name, batch, concurrent, rateLimit });
    }
    const view: AdminView = {
      status: null,
      sources,
      sinks,
      effectiveConfig: null,
      formats: [],
      preview: nothingShown,
      understand: nothingShown,
      renderFor: () => null,
      heartbeatMs: config.heartbeat?.everyMs ?? null,
    };
    const { clock } = terminal;
    const document = await buildStatus({
      journal,
      clock,
      version,
      limits: READINESS_LIMITS,
      view: () => view,
    });
    if (unheard === null) return document;
    const attention = document.attention.map((item) =>
      item.parts.includes('daemon') ? { ...item, label: 'not heard', cause: unheard, hint: null } : item,
    );
    const ready = { ok: false, reasons: [{ part: 'daemon', text: unheard }], notes: [] };
    return { ...document, ready, attention };
  } finally {
    await parts.close();
  }
}

function nothingShown(): never {
  throw new Error('without a daemon no event is shown');
}

async function readBars(
  config: Config,
  journal: Journal,
  terminal: Terminal,
): Promise<ReadonlyMap<string, string>> {
  const bars = new Map<string, string>();
  for (const name of config.sources.keys()) {
    const spans = await coverageOf(journal, name, terminal);
    if (spans.length > 0) bars.set(name, coverageBar(spans, barWindow(spans, terminal), BAR_CELLS));
  }
  return bars;
}

/**
 * Up to where a source has read without a gap over the last day; for one that stopped earlier, where its reading ended. What a backfill read
 * from before its `startNs` is no part of that.
 */
async function readUpTo(
  journal: Journal,
  source: string,
  startNs: bigint | null,
  terminal: Terminal,
): Promise<bigint | null> {
  const spans = await coverageOf(journal, source, terminal);
  const recent = coveredUpTo(spans.filter(({ endNs }) => startNs === null || endNs > startNs));
  if (recent !== null) return recent;
  const ever = await journal.coverage(source, { ...lastDay(terminal), startNs: 0n });
  return ever.at(-1)?.endNs ?? null;
}

function coverageOf(
  journal: Journal,
  source: string,
  terminal: Terminal,
): Promise<readonly StoredCoverage[]> {
  return journal.coverage(source, lastDay(terminal));
}

/** The seconds since the last poll are no gap: the bar ends where the reading ends, unless that is long ago. */
function barWindow(spans: readonly StoredCoverage[], terminal: Terminal): Window {
  const day = lastDay(terminal);
  const readNs = coveredUpTo(spans);
  const recent = readNs !== null && day.endNs - readNs < msToNs(BAR_SPAN_MS / BAR_CELLS);
  return recent ? { ...day, endNs: readNs } : day;
}

function lastDay(terminal: Terminal): Window {
  const nowMs = terminal.clock.now();
  return { startNs: msToNs(nowMs - BAR_SPAN_MS), endNs: msToNs(nowMs) };
}
