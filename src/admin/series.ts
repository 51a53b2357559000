import type { Status } from '../pipeline/status.ts';

/** What happened in one minute. */
interface Minute {
  /** Where it begins, milliseconds since 1970. */
  readonly startMs: number;
  /** Events new to the journal, by source. */
  readonly appended: Record<string, number>;
  /** Events settled, delivered or refused, by sink. */
  readonly settled: Record<string, number>;
  /** The longest visibility lag seen, milliseconds; null when no event came. */
  visibilityLagMs: number | null;
}

/** A bounded memory of what the counters did: for the charts and the live rates. */
export interface Series {
  /** Looks at the counters; meant to be called every few seconds. */
  sample(status: Status, nowMs: number): void;
  /** Minutes since `fromMs`, oldest first; the last one is still running. */
  minutes(fromMs: number): readonly Minute[];
  /** Events per minute over the last minute. */
  rate(kind: 'source' | 'sink', name: string): number;
  /** When a sink passed an event, as far as samples tell; null where it has not, or none of them saw its cursor move there. */
  passed(sink: string, seq: bigint): Passed | null;
}

/** Milliseconds since 1970. */
export interface Passed {
  /** Null: before the first sample. */
  readonly afterMs: number | null;
  readonly byMs: number;
}

export const SERIES_MINUTES = 360;
const MINUTE_MS = 60_000;
/** Samples that live rates are computed over. */
const RATE_WINDOW_MS = 60_000;
/** Of each sink: at a sample every five seconds, nearly three hours without a pause. */
const MARKS_LIMIT = 2_000;

/** Where a cursor was first seen, in samples: the first of a sink says only that it was there before. */
interface Mark {
  readonly atMs: number;
  readonly cursor: bigint;
  /** The sample before; null for the first one ever. */
  readonly afterMs: number | null;
}

interface Sample {
  readonly atMs: number;
  readonly counters: ReadonlyMap<string, number>;
}

export function createSeries(): Series {
  const ring: Minute[] = [];
  let samples: Sample[] = [];
  const marks = new Map<string, Mark[]>();

  function mark({ sinks }: Status, atMs: number): void {
    const afterMs = samples.at(-1)?.atMs ?? null;
    for (const [name, { cursor, progressedMs }] of sinks) {
      if (progressedMs === null) continue; // it has not asked where it was
      const known = marks.get(name) ?? [];
      const last = known.at(-1);
      if (last !== undefined && cursor <= last.cursor) continue;
      known.push({ atMs, cursor, afterMs: last === undefined ? null : afterMs });
      if (known.length > MARKS_LIMIT) known.shift();
      marks.set(name, known);
    }
  }

  /** The running minute; a clock that jumps backwards counts into the newest one. */
  function minuteAt(nowMs: number): Minute {
    const startMs = nowMs - (nowMs % MINUTE_MS);
    const last = ring.at(-1);
    if (last !== undefined && last.startMs >= startMs) return last;
    const minute: Minute = {
      startMs,
      appended: Object.create(null) as Record<string, number>,
      settled: Object.create(null) as Record<string, number>,
      visibilityLagMs: null,
    };
    ring.push(minute);
    if (ring.length > SERIES_MINUTES) ring.shift();
    return minute;
  }

  return {
    sample(status, nowMs) {
      const minute = minuteAt(nowMs);
      mark(status, nowMs);
      const before = samples.at(-1)?.counters;
      const counters = countersOf(status);
      for (const [key, value] of counters) {
        // A reload begins its counters at zero again.
        const last = before?.get(key) ?? 0;
        const grown = value >= last ? value - last : value;
        const name = key.slice(key.indexOf('/') + 1);
        const into = key.startsWith('source/') ? minute.appended : minute.settled;
        into[name] = (into[name] ?? 0) + grown;
        if (grown > 0 && key.startsWith('source/')) {
          const source = status.sources.get(name);
          // The first poll finds what happened while we were away: that is no lag of the Platform.
          const lag = source === undefined || source.polls === 0 ? null : source.visibilityLagMs;
          if (lag !== null) minute.visibilityLagMs = Math.max(minute.visibilityLagMs ?? 0, lag);
        }
      }
      samples = [...samples, { atMs: nowMs, counters }].filter(
        (sample) => sample.atMs > nowMs - RATE_WINDOW_MS && sample.atMs <= nowMs,
      );
    },
    minutes: (fromMs) => ring.filter((minute) => minute.startMs + MINUTE_MS > fromMs),
    rate(kind, name) {
      const first = samples[0];
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
      const key = `${kind}/${name}`;
      const grown = (last.counters.get(key) ?? 0) - (first.counters.get(key) ?? 0);
      return (Math.max(grown, 0) * MINUTE_MS) / (last.atMs - first.atMs);
    },
    passed(sink, seq) {
      const found = marks.get(sink)?.find(({ cursor }) => cursor >= seq);
      if (found === undefined) return null;
      // The oldest mark that is left: what lies before it was forgotten, or happened before us.
      const isOldest = marks.get(sink)?.[0] === found;
      return { afterMs: isOldest ? null : found.afterMs, byMs: found.atMs };
    },
  };
}

function countersOf(status: Status): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  for (const [name, source] of status.sources) counters.set(`source/${name}`, source.appended);
  for (const [name, sink] of status.sinks) {
    counters.set(`sink/${name}`, sink.delivered + sink.duplicates + sink.rejected);
  }
  return counters;
}
