import { describe, expect, it } from 'vitest';

import type { Json } from '../../src/model/event.ts';
import {
  NOTHING_READ,
  backfill,
  readBackfillProgress,
  writeBackfillProgress,
} from '../../src/pipeline/backfill.ts';
import type { BackfillProgress } from '../../src/pipeline/backfill.ts';
import { installations, memorySink, never } from './proving.ts';
import type { Installation } from './proving.ts';

const install = installations();
const save = async (): Promise<void> => {};

function whole(its: Installation, sink: string | null = null) {
  return { source: null, sink, windows: [its.range()] };
}

const idsOf = (its: Installation): string[] =>
  its.platform
    .visibleEvents()
    .flatMap(({ id }) => (id === null ? [] : [id]))
    .toSorted();

async function held({ journal }: Installation): Promise<string[]> {
  const events = await journal.read(0n, { maxEvents: 100_000, maxBytes: 1e9 });
  return events.map(({ id }) => id).toSorted();
}

describe('a backfill', () => {
  it('appends what the journal lacks and leaves the live progress alone', async () => {
    const its = await install({ rate: 10 });
    const range = its.range();
    const first = await backfill(its.jobs(), whole(its), NOTHING_READ, save, never);
    expect(await held(its)).toEqual(idsOf(its));
    expect(first).toMatchObject({ appended: idsOf(its).length, repeated: 0, share: 1 });
    expect(await its.journal.progress('platform')).toBeNull();
    expect(await its.journal.coverage('platform', range)).not.toEqual([]);
    const again = await backfill(its.jobs(), whole(its), NOTHING_READ, save, never);
    expect(again.appended).toBe(0);
    expect(again.repeated).toBeGreaterThanOrEqual(first.appended);
  });

  it('goes on after a crash with the windows that were left', async () => {
    const its = await install({ rate: 60 });
    const crash = new AbortController();
    let left: BackfillProgress | null = null;
    its.clock.advance(0);
    const impatient = { ...its.jobs(), clock: { ...its.clock, monotonic: ticking() } };
    const saved = async (progress: BackfillProgress): Promise<void> => {
      left = readBackfillProgress(JSON.parse(JSON.stringify(writeBackfillProgress(progress))) as Json);
      if (progress.events > 4500) crash.abort(new Error('crash'));
    };
    await expect(backfill(impatient, whole(its), NOTHING_READ, saved, crash.signal)).rejects.toThrow('crash');
    const from = left as BackfillProgress | null;
    if (from === null) throw new Error('nothing was saved');
    expect(from.share).toBeGreaterThan(0.1);
    expect(from.share).toBeLessThan(0.9);
    await its.reopen();
    const before = its.http.asked.length;
    const end = await backfill(its.jobs(), whole(its), from, save, never);
    expect(await held(its)).toEqual(idsOf(its));
    expect(end.appended).toBe(idsOf(its).length);
    expect(its.http.asked.length - before).toBeLessThan(before);
  });

  it('asks for nothing while the journal is full', async () => {
    const its = await install({ rate: 10 });
    await its.reopen(1000);
    await expect(backfill(its.jobs(), whole(its), NOTHING_READ, save, never)).rejects.toMatchObject({
      kind: 'transient',
    });
    expect(its.http.asked).toEqual([]);
  });

  it('sends the range to a sink again when one is named, without what is on its way anyhow', async () => {
    const its = await install();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.poll();
    await its.deliver('memory', to);
    const delivered = memory.copies.size;
    memory.copies.clear();
    const [late] = its.platform.insert([{ createdAt: new Date(its.clock.now() - 3_600_000).toISOString() }]);
    const end = await backfill(
      its.jobs(new Map([['memory', to]])),
      whole(its, 'memory'),
      NOTHING_READ,
      save,
      never,
    );
    expect(end).toMatchObject({ appended: expect.any(Number) as number, stage: 'replay' });
    expect(end.replay).toMatchObject({ sent: delivered, windows: 1 });
    expect(memory.copies.has(late ?? '')).toBe(false);
    expect(end.replay.pending).toBe(end.appended);
    await its.deliver('memory', to);
    expect(memory.copies.get(late ?? '')).toBe(1);
  });

  it('sends to the named sink also what was pruned, which only the reading can bring', async () => {
    const its = await install();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.poll();
    await its.deliver('memory', to);
    const delivered = new Map(memory.copies);
    memory.copies.clear();
    await its.journal.prune(['memory'], '2100-01-01T00:00:00Z', 0n);
    expect((await its.journal.size()).events).toBe(0);
    const jobs = its.jobs(new Map([['memory', to]]));
    const end = await backfill(jobs, whole(its, 'memory'), NOTHING_READ, save, never);
    expect(end).toMatchObject({ appended: 0, replay: { sent: delivered.size, looked: delivered.size } });
    expect(memory.copies).toEqual(delivered);
    const again = await backfill(jobs, whole(its, 'memory'), NOTHING_READ, save, never);
    expect(again.replay).toMatchObject({ sent: 0, present: delivered.size });
    const [letter] = await its.journal.deadLetters({ owner: 'memory', limit: 1 });
    expect(letter).toBeUndefined();
  });

  it('refuses a source that is not there', async () => {
    const its = await install();
    const params = { ...whole(its), source: 'nobody' };
    await expect(backfill(its.jobs(), params, NOTHING_READ, save, never)).rejects.toMatchObject({
      kind: 'config',
    });
  });
});

/** So fast a clock that each harvest is saved. */
function ticking(): () => number {
  let now = 0;
  return () => (now += 2000);
}
