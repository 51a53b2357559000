import { eventsAfter } from '../checkpoint/journal.ts';
import type { HeartbeatFigures } from '../pipeline/heartbeat.ts';
import type { SinkStatus, SourceStatus } from '../pipeline/status.ts';
import type { Verdict } from '../pipeline/verdict.ts';
import type { SourceState } from '../sources/source.ts';
import { oldestUndelivered } from './document.ts';
import { liveVerdict } from './live-verdict.ts';
import type { SinkView, StatusOptions } from './options.ts';
import { survey } from './survey.ts';
import type { Survey } from './survey.ts';

/** Everything read for one scrape. */
export interface Scrape extends Pick<Survey, 'nowMs' | 'size' | 'letters' | 'findings' | 'replicas'> {
  readonly version: string;
  readonly startedMs: number;
  readonly stopping: boolean;
  readonly verdict: Verdict['verdict'];
  readonly sources: readonly { readonly loop: SourceStatus; readonly state: SourceState | null }[];
  readonly sinks: readonly SinkScrape[];
  readonly droppedLogLines: number;
}

export interface SinkScrape {
  readonly loop: SinkStatus;
  readonly view: SinkView | undefined;
  readonly ageSeconds: number | null;
  readonly waitingSeconds: number | null;
  readonly undelivered: number;
  /** Undefined where no heartbeat is configured. */
  readonly heartbeat: HeartbeatFigures | undefined;
}

export async function scrape(options: StatusOptions): Promise<Scrape> {
  const { journal } = options;
  const seen = await survey(options);
  const { view, size, nowMs } = seen;
  const sinks = [...(view.status?.sinks.values() ?? [])].map(async (loop): Promise<SinkScrape> => ({
    loop,
    view: view.sinks.get(loop.name),
    ...(await oldestUndelivered(journal, cursorOf(seen, loop), nowMs)),
    undelivered: eventsAfter(size, cursorOf(seen, loop)),
    heartbeat: seen.heartbeats.get(loop.name),
  }));
  return {
    ...seen,
    version: options.version,
    startedMs: view.status?.startedMs ?? nowMs,
    stopping: view.status?.stopping ?? false,
    verdict: liveVerdict(seen).verdict,
    sources: [...(view.status?.sources.values() ?? [])].map((loop) => ({
      loop,
      state: view.sources.get(loop.name)?.source.state() ?? null,
    })),
    sinks: await Promise.all(sinks),
    droppedLogLines: options.droppedLogLines?.() ?? 0,
  };
}

function cursorOf({ cursors }: Survey, loop: SinkStatus): bigint {
  return cursors.get(loop.name) ?? loop.cursor;
}
