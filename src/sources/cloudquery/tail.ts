import type { Json } from '../../model/event.ts';

/**
 * How late events become visible, learned from those that a later poll found in a span already read, so that the overlap
 * can follow a tail that grows. A histogram over powers of two of a second; old observations fade.
 */
export interface Tail {
  /** `lateMs`: now minus created_at of each event found late. `onTime`: how many new events were not late. */
  observe(lateMs: readonly number[], onTime: number): void;
  /** The lag that 99.9 % of the events stay under, milliseconds; 0 before anything was observed. */
  p999Ms(): number;
  write(): Json;
}

const BUCKETS = 20; // up to 2^19 s, six days
const FADE_AFTER = 100_000;
const MARGIN = 3;
const OVERLAP_LIMIT_MS = 24 * 3_600_000;

export function createTail(saved: Json): Tail {
  let counts = readCounts(saved);
  return {
    observe(lateMs, onTime) {
      counts[0] = (counts[0] ?? 0) + onTime;
      for (const ms of lateMs) {
        const bucket = Math.min(Math.max(Math.ceil(Math.log2(Math.max(ms, 1) / 1000)), 0) + 1, BUCKETS - 1);
        counts[bucket] = (counts[bucket] ?? 0) + 1;
      }
      if (sum(counts) > FADE_AFTER) counts = counts.map((count) => count / 2);
    },
    p999Ms() {
      const total = sum(counts);
      if (total === 0) return 0;
      let above = 0;
      for (let bucket = BUCKETS - 1; bucket > 0; bucket -= 1) {
        above += counts[bucket] ?? 0;
        if (above > total / 1000) return 1000 * 2 ** (bucket - 1);
      }
      return 0;
    },
    write: () => counts.map((count) => Math.round(count * 1000) / 1000),
  };
}

/** The overlap to read by: three times the tail, never less than configured, never more than a day. */
export function learnedOverlapMs(configuredMs: number, tail: Tail): number {
  return Math.max(configuredMs, Math.min(tail.p999Ms() * MARGIN, OVERLAP_LIMIT_MS));
}

function readCounts(saved: Json): number[] {
  const empty = Array.from({ length: BUCKETS }, () => 0);
  if (!Array.isArray(saved)) return empty;
  return empty.map((_, index) => {
    const count: unknown = saved[index];
    return typeof count === 'number' && Number.isFinite(count) && count >= 0 ? count : 0;
  });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
