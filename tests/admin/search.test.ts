import { describe, expect, it } from 'vitest';

import { readEvent, readEvents } from '../../src/admin/event-reader.ts';
import { rememberedIds } from '../../src/admin/journey.ts';
import type { KnownId } from '../../src/checkpoint/journal.ts';
import { createSeries } from '../../src/admin/series.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aLetter, anEvent, createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

interface Page {
  readonly events: readonly {
    readonly seq: number;
    readonly who: string | null;
    readonly what: string | null;
  }[];
  readonly looked_at: number;
  readonly next_before: number | null;
}

async function look(room: Room, query: string): Promise<Page> {
  const { body } = await readEvents(room.options, new URLSearchParams(`format=&${query}`));
  return JSON.parse(String(body)) as Page;
}

const seqs = ({ events }: Page): number[] => events.map(({ seq }) => seq);

function fill(room: Room, count: number, fields: (seq: number) => Record<string, unknown>): void {
  for (let seq = 1; seq <= count; seq += 1)
    room.events.push(anEvent(seq, START_MS - (count - seq) * 1_000, fields(seq)));
}

describe('looking through the journal', () => {
  it('shows the newest events in order of the time at which they happened', async () => {
    const room = createRoom();
    room.events.push(anEvent(1, START_MS), anEvent(2, START_MS - 60_000), anEvent(3, START_MS - 30_000));
    expect(seqs(await look(room, ''))).toEqual([1, 3, 2]);
  });

  it('says who did what to what, from where, and how it ended', async () => {
    const room = createRoom();
    room.events.push(
      anEvent(1, START_MS, {
        user: { id: 'u1', email: 'ana@acme.example' },
        is_success: false,
        user_ip_address: '203.0.113.7',
        entity_display_name: 'nightly',
      }),
    );
    const { events } = await look(room, '');
    expect(events).toMatchObject([
      {
        event_type: 'user_login',
        who: 'ana@acme.example',
        what: 'User Login',
        on: 'nightly',
        outcome: 'failure',
        address: '203.0.113.7',
        severity: expect.any(String) as string,
      },
    ]);
  });

  it('finds by text, id, person, type and outcome, whatever the case', async () => {
    const room = createRoom();
    fill(room, 40, (seq) => ({
      user: { email: `p${seq % 4}@acme.example` },
      is_success: seq % 10 !== 0,
      note: seq === 7 ? 'Zürich "north"' : '',
    }));
    const fold = room.events[6]?.original.replace('ü', '\\u00fc') ?? '';
    room.events[6] = { ...(room.events[6] as AuditEvent), original: fold };
    expect(seqs(await look(room, 'text=zÜrich'))).toEqual([7]);
    expect(seqs(await look(room, 'text=%22north%22'))).toEqual([7]);
    expect(seqs(await look(room, `text=${room.events[11]?.id.toUpperCase()}`))).toEqual([12]);
    expect(seqs(await look(room, 'who=P1@acme&limit=3'))).toEqual([37, 33, 29]);
    expect(seqs(await look(room, 'outcome=failure'))).toEqual([40, 30, 20, 10]);
    expect(seqs(await look(room, 'type=LOGIN&limit=2'))).toEqual([40, 39]);
    expect(seqs(await look(room, 'text=nothing-has-this'))).toEqual([]);
  });

  it('pages without a gap or a repeat', async () => {
    const room = createRoom();
    fill(room, 700, () => ({}));
    const seen: number[] = [];
    let before: number | null = 701;
    while (before !== null) {
      const page: Page = await look(room, `limit=100&before=${before}`);
      seen.push(...seqs(page));
      before = page.next_before;
    }
    expect(seen).toEqual(Array.from({ length: 700 }, (_, at) => 700 - at));
  });

  it('passes over nothing where events are large, and holds few of them at once', async () => {
    const room = createRoom();
    fill(room, 60, (seq) => ({ text: 'x'.repeat(200_000), place: `place-${seq}-` }));
    expect(seqs(await look(room, 'text=place-3-'))).toEqual([3]);
    const page = await look(room, 'text=nowhere');
    expect([page.looked_at, page.next_before]).toEqual([60, null]);
  });

  it('ends when its time is over, and says where to go on', async () => {
    const room = createRoom();
    fill(room, 600, () => ({}));
    let asked = 0;
    const clock = { ...room.options.clock, monotonic: () => (asked += 1) * 100 };
    const { body } = await readEvents(
      { ...room.options, clock },
      new URLSearchParams('format=&text=nowhere'),
    );
    const page = JSON.parse(String(body)) as Page;
    expect(page.looked_at).toBeLessThan(30);
    expect(page.next_before).toBe(600 - page.looked_at + 1);
  });

  it('never compares what redaction takes out', async () => {
    const room = createRoom();
    fill(room, 2, () => ({ event_details: { api_token: 'hunter-secret-2' } }));
    expect(seqs(await look(room, 'text=hunter'))).toEqual([]);
    expect(seqs(await look(room, 'text=api_token'))).toEqual([2, 1]);
  });

  it('names an event that is too large to be read', async () => {
    const room = createRoom();
    fill(room, 1, () => ({ text: 'x'.repeat(400_000) }));
    expect((await look(room, 'text=xxxx')).events).toEqual([]);
    expect((await look(room, '')).events).toMatchObject([{ seq: 1, who: null, what: null }]);
  });
});

describe('the journey of an event', () => {
  async function journey(room: Room, series = createSeries()): Promise<Record<string, unknown>[]> {
    const { body } = await readEvent(room.options, series, new URLSearchParams('seq=5'));
    return (JSON.parse(String(body)) as { journey: { sinks: Record<string, unknown>[] } }).journey.sinks;
  }

  it('tells what became of it at each sink, and why', async () => {
    const room = createRoom();
    fill(room, 9, () => ({}));
    room.splunk.cursor = 9n;
    enterState(room.elastic, 'held', START_MS, { reason: 'no such index' });
    expect(await journey(room)).toMatchObject([
      { sink: 'splunk', fate: 'delivered', reason: null },
      { sink: 'elastic', fate: 'waiting', state: 'held', reason: 'no such index' },
    ]);
    const refused = room.events[4] as AuditEvent;
    room.letters.push(aLetter(1, refused, 'the mapping'), {
      ...aLetter(2, refused, 'not mine'),
      owner: 'elastic',
    });
    expect(await journey(room)).toMatchObject([
      { fate: 'dead_letter', state: 'open', reason: 'the mapping', by: refused.receivedAt },
      { fate: 'waiting' },
    ]);
  });

  it('tells what a sink leaves out', async () => {
    const room = createRoom();
    fill(room, 5, () => ({ unwanted: true }));
    room.splunk.cursor = 5n;
    expect(await journey(room)).toMatchObject([{ fate: 'filtered' }, { fate: 'waiting' }]);
  });

  it('tells between when a sink passed it, and nothing where nobody saw', async () => {
    const room = createRoom();
    fill(room, 9, () => ({}));
    const series = createSeries();
    room.elastic.cursor = 9n;
    for (const [at, cursor] of [
      [0, 2n],
      [5_000, 4n],
      [10_000, 4n],
      [15_000, 7n],
    ] as const) {
      room.splunk.cursor = cursor;
      series.sample(room.status, START_MS + at);
    }
    expect(await journey(room, series)).toMatchObject([
      {
        after: new Date(START_MS + 10_000).toISOString(),
        by: new Date(START_MS + 15_000).toISOString(),
      },
      { fate: 'delivered', after: null, by: null },
    ]);
  });

  it('has the event in every format', async () => {
    const room = createRoom();
    fill(room, 5, () => ({}));
    const { body } = await readEvent(room.options, createSeries(), new URLSearchParams('seq=5'));
    expect(JSON.parse(String(body))).toMatchObject({
      seq: 5,
      formats: [
        { format: 'raw', kind: 'json' },
        { format: 'cef', kind: 'text' },
      ],
    });
    await expect(readEvent(room.options, createSeries(), new URLSearchParams('seq=6'))).rejects.toMatchObject(
      { status: 404 },
    );
  });
});

describe('an id that the journal holds no event of', () => {
  it('is found among the ids that it remembers', async () => {
    const room = createRoom();
    fill(room, 9, () => ({}));
    room.events.splice(0, 3);
    const ids: KnownId[] = Array.from({ length: 7_000 }, (_, at) => ({
      id: `id-${at}`,
      kept: at % 2 === 0,
      createdNs: msToNs(START_MS),
      seq: at % 2 === 0 ? BigInt(at / 2 + 1) : null,
      hash: '',
    }));
    const journal = {
      ...room.options.journal,
      idsInWindow: async (_source: string, _window: unknown, after: { id: string } | null, limit: number) => {
        const from = after === null ? 0 : ids.findIndex(({ id }) => id === after.id) + 1;
        return ids.slice(from, from + limit);
      },
    };
    const options = { ...room.options, journal };
    const fate = async (id: string): Promise<unknown> => (await rememberedIds(options, id)).found;
    expect(await fate('id-2')).toMatchObject([{ fate: 'pruned', seq: 2, source: 'platform' }]);
    expect(await fate('id-6001')).toMatchObject([{ fate: 'left_out', seq: null }]);
    expect(await fate('id-16')).toMatchObject([{ fate: 'held', seq: 9 }]);
    expect(await rememberedIds(options, 'nobody')).toEqual({ found: [], looked_at: 7_000, whole: true });
  });
});
