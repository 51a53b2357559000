import { expect, it } from 'vitest';

import { parseTime } from '../../../src/model/time.ts';
import type { NewEvent } from '../../../src/model/event.ts';
import { harvest } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const directory = stateDirectories();

function shown(createdAt: string, changes: Record<string, unknown> = {}): NewEvent {
  const item = { id: 'an-event', event_type: 'login', created_at: createdAt, details: { n: 1 }, ...changes };
  return {
    id: 'an-event',
    createdAt,
    createdNs: parseTime(createdAt) ?? 0n,
    eventType: item.event_type,
    original: JSON.stringify(item),
    wanted: true,
  };
}

const window = (at: string) => ({ startNs: parseTime(at) ?? 0n, endNs: parseTime(at) ?? 0n });

it.each([
  ['2026-03-01T15:00:00.123456Z', '2026-03-01T12:00:00.123456Z'],
  ['2026-03-01T00:15:07Z', '2026-02-28T18:30:07Z'],
  ['2026-03-01T02:00:00.5Z', '2026-03-01T12:45:00.5Z'],
  ['2026-03-01T15:00:00.25Z', '2026-03-01T15:00:00.25+03:00'],
  ['2026-03-01T15:00:00+01:00', '2026-03-01T13:30:00+01:00'],
])(
  'an event shown at %s and then at %s is one event, and lies where it is shown now',
  async (before, after) => {
    const journal = await directory().open();
    await journal.append('p', harvest([shown(before)]));
    const result = await journal.append('p', harvest([shown(after)]));
    expect(result).toMatchObject({ appended: 0, repeated: 1, shared: 0, revised: [] });
    const held = journal.held('p');
    expect([await held.count(window(before)), await held.count(window(after))]).toEqual([0, 1]);
    expect(await held.known([shown(after)])).toEqual(['an-event']);
    expect(await journal.findings({ unacknowledgedOnly: true, limit: 9 })).toMatchObject([
      { kind: 'times_moved' },
    ]);
    expect((await journal.verifyChain(new AbortController().signal)).intact).toBe(true);
    expect(await journal.append('p', harvest([shown(after)]))).toMatchObject({ repeated: 1, revised: [] });
  },
);

it.each([
  ['another text', '2026-03-01T12:00:00Z', { details: { n: 2 } }],
  ['another type', '2026-03-01T12:00:00Z', { event_type: 'logout' }],
  ['no time zone apart', '2026-03-01T14:50:00Z', {}],
  ['further apart than zones are', '2026-03-03T15:00:00Z', {}],
])('an event of the same id with %s is another one', async (_name, at, changes) => {
  const journal = await directory().open();
  await journal.append('p', harvest([shown('2026-03-01T15:00:00Z')]));
  expect(await journal.append('p', harvest([shown(at, changes)]))).toMatchObject({ appended: 1, shared: 1 });
});
