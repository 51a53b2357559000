import type { Journal } from '../../src/checkpoint/journal.ts';
import type { NewEvent } from '../../src/model/event.ts';
import { harvest, newEvent, newEvents } from '../contract/journal.ts';

/** Events appended by `fill`; the first 150 are pruned. */
export const FILLED = 600;

/** Puts something into every part of a journal. */
export async function fill(journal: Journal): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    const startNs = BigInt(round) * 10n ** 14n;
    await journal.append('platform', {
      ...harvest(newEvents(1 + round * 100, (round + 1) * 100)),
      progress: { frontier: String(round) },
      malformed: round === 0 ? [{ reason: 'no JSON', bytes: Buffer.from([0xff, 0x00, 0x7b]) }] : [],
      coverage: [{ startNs, endNs: startNs + 10n ** 12n, status: 'read', serverCount: 100 }],
    });
  }
  // One that the filters left out, one whose id is another's, and an id that is no UUID.
  await journal.append('platform', harvest([{ ...newEvent(700), wanted: false }]));
  await journal.append(
    'second',
    harvest([odd(newEvent(1)), { ...odd(newEvent(5000)), id: 'zero\0 and é' }]),
    ['platform'],
  );
  const events = await journal.read(0n, { maxEvents: 7, maxBytes: 1e6 });
  await journal.moveCursor(
    'splunk',
    7n,
    events
      .slice(0, 6)
      .map((event) => ({ event, reason: 'refused', attempts: 2, sent: `<14>1 ${event.id}\0é` })),
  );
  const letters = await journal.deadLetters({ owner: 'splunk', limit: 9 });
  await journal.discardDeadLetters({ ids: letters.slice(0, 1).map(({ id }) => id), limit: 1 }, 'seen');
  await journal.recordRetried(
    letters.slice(-1).map(({ id }) => id),
    [],
  );
  await journal.keepSegment('splunk', { first: 1 });
  await journal.addFindings('platform', [
    { kind: 'late_event', summary: 'late', eventId: 'one', detail: { by: 7 } },
    { kind: 'fewer_on_server', summary: 'gone', window: { startNs: 5n, endNs: 9n } },
  ]);
  const [finding] = await journal.findings({ unacknowledgedOnly: true, kinds: ['late_event'], limit: 1 });
  await journal.acknowledge([finding?.id ?? 0n], 'known');
  const job = await journal.addJob('backfill', { source: 'platform', sink: null, windows: [] });
  await journal.updateJob(job, 'done', { events: 3 });
  await journal.moveCursor('splunk', 300n, []);
  await journal.moveCursor('elastic', 150n, []);
  await journal.prune(['splunk', 'elastic'], '2027-01-01T00:00:00Z', 0n);
}

export function odd(event: NewEvent): NewEvent {
  return { ...event, eventType: 'odd', original: event.original.replace('sync.run', 'odd') };
}
