import { describe, expect, it } from 'vitest';

import { NO_HEARTBEATS } from '../../src/pipeline/heartbeat.ts';
import { NOTHING_REPLAYED, replay } from '../../src/pipeline/replay.ts';
import type { ReplayProgress, ReplaySink } from '../../src/pipeline/replay.ts';
import { installations, memorySink, never } from './proving.ts';
import type { Installation, MemorySink } from './proving.ts';

const install = installations();
const save = async (): Promise<void> => {};

async function delivered(
  askable = true,
  heartbeats: ReplaySink['heartbeats'] = NO_HEARTBEATS,
): Promise<{ its: Installation; memory: MemorySink; run: Run }> {
  const its = await install();
  const memory = memorySink(askable);
  const to = { ...its.sink(memory), heartbeats };
  await its.poll();
  await its.deliver('memory', to);
  memory.batches.length = 0;
  const run: Run = (changes = {}, from = NOTHING_REPLAYED, keep = save, signal = never) => {
    const params = { sink: 'memory', source: null, window: its.range(), ids: null, force: false, ...changes };
    return replay(its.jobs(new Map([['memory', to]])), params, from, keep, signal);
  };
  return { its, memory, run };
}

type Run = (
  changes?: { readonly force?: boolean; readonly ids?: readonly string[]; readonly sink?: string },
  from?: ReplayProgress,
  keep?: (progress: ReplayProgress) => Promise<void>,
  signal?: AbortSignal,
) => Promise<ReplayProgress>;

describe('a replay', () => {
  it('sends only what the receiver does not prove to hold, within its limits', async () => {
    const { memory, run } = await delivered();
    const gone = [...memory.copies.keys()].filter((_id, index) => index % 2 === 0);
    for (const id of gone) memory.copies.delete(id);
    const end = await run();
    expect(memory.batches.flat().toSorted()).toEqual(gone.toSorted());
    expect(memory.batches.every((batch) => batch.length <= 100)).toBe(true);
    expect(end).toMatchObject({ sent: gone.length, present: memory.copies.size - gone.length, share: 1 });
  });

  it('sends everything by force, or where the receiver cannot be asked', async () => {
    const { memory, run } = await delivered();
    expect(await run({ force: true })).toMatchObject({ sent: memory.copies.size, present: 0 });
    const mute = await delivered(false);
    expect(await mute.run()).toMatchObject({ sent: mute.memory.copies.size, present: 0 });
  });

  it('turns what is refused into dead letters, and takes away those of what is taken now', async () => {
    const { its, memory, run } = await delivered();
    const [bad = '', other = ''] = memory.copies.keys();
    memory.copies.delete(bad);
    memory.copies.delete(other);
    memory.refuses.set(bad, 'too long');
    const cursor = await its.journal.cursor('memory');
    expect(await run()).toMatchObject({ sent: 1, refused: 1 });
    const letters = await its.journal.deadLetters({ owner: 'memory', limit: 10 });
    expect(letters).toMatchObject([{ event: { id: bad }, reason: 'too long', state: 'open' }]);
    expect(await its.journal.cursor('memory')).toBe(cursor);
    memory.refuses.clear();
    await run();
    expect(await its.journal.deadLetters({ owner: 'memory', limit: 10 })).toEqual([]);
  });

  it('has a heartbeat name the dead letters that are taken now, and nothing that was named before', async () => {
    const told: unknown[] = [];
    const { its, memory, run } = await delivered(true, {
      record: async (landed, write) => {
        told.push(...landed().taken);
        await write({ segment: 'kept' });
      },
    });
    const [bad = '', other = ''] = memory.copies.keys();
    memory.copies.delete(bad);
    memory.refuses.set(bad, 'too long');
    await run();
    const [letter] = await its.journal.deadLetters({ owner: 'memory', limit: 1 });
    expect(told).toEqual([]);
    memory.refuses.clear();
    memory.copies.delete(other);
    expect(await run()).toMatchObject({ sent: 2 });
    expect(told).toMatchObject([{ seq: Number(letter?.event?.seq) }]);
    expect(await its.journal.segment('memory')).toEqual({ segment: 'kept' });
    expect(await its.journal.deadLetters({ owner: 'memory', limit: 1 })).toEqual([]);
  });

  it('sends only the ids that were named', async () => {
    const { memory, run } = await delivered();
    const [one = ''] = memory.copies.keys();
    expect(await run({ ids: [one], force: true })).toMatchObject({ sent: 1 });
    expect(memory.batches).toEqual([[one]]);
  });

  it('goes on where it was left, with at most one page sent twice', async () => {
    const { memory, run } = await delivered();
    const stop = new AbortController();
    let left = NOTHING_REPLAYED;
    const keep = async (progress: ReplayProgress): Promise<void> => {
      left = progress;
      if (progress.sent > 150) stop.abort(new Error('crash'));
    };
    await expect(run({ force: true }, NOTHING_REPLAYED, keep, stop.signal)).rejects.toThrow('crash');
    const end = await run({ force: true }, left);
    expect(end.sent).toBe(memory.copies.size);
    expect([...memory.copies.values()].every((copies) => copies === 2)).toBe(true);
  });

  it('refuses a sink that is not there', async () => {
    const { run } = await delivered();
    await expect(run({ sink: 'nobody' })).rejects.toMatchObject({ kind: 'config' });
  });
});
