import type { NewEvent } from '../../../src/model/event.ts';
import type { Harvest } from '../../../src/sources/source.ts';

export const ROUND_EVENTS = 40;

/** Imported by the process that is killed, so it must not pull in the test runner. */
export function newEvents(round: number): NewEvent[] {
  return Array.from({ length: ROUND_EVENTS }, (_, index) => ({
    id: `round-${round}-${index}`,
    createdAt: '2026-03-01T12:00:00Z',
    createdNs: BigInt(round * ROUND_EVENTS + index),
    original: JSON.stringify({ round, index, text: 'x'.repeat(1000) }),
    eventType: 'sync.run',
    wanted: true,
  }));
}

/** Everything that a harvest can carry, so that half a transaction would show. */
export function harvest(round: number, events: NewEvent[]): Harvest {
  const startNs = BigInt(round) * 10n ** 13n; // far enough apart that no two windows are joined
  return {
    purpose: 'live',
    events,
    malformed: [{ reason: 'no id', bytes: Buffer.from(`round ${round}`) }],
    coverage: [{ startNs, endNs: startNs + 1n, status: 'read', serverCount: ROUND_EVENTS }],
    findings: [{ kind: 'gap', eventId: `round-${round}`, summary: 'a gap' }],
    progress: round,
  };
}
