import { describe, expect, it } from 'vitest';

import { readAhead } from '../../src/pipeline/read-ahead.ts';
import { sinkStatus } from '../../src/pipeline/status.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import { listLog, stageJournal } from './pieces.ts';

const clock = simulatedClock(() => 0.5);
const stage = stageJournal();
const quiet = new AbortController().signal;
const append = (from: number, to: number): Promise<unknown> =>
  stage.journal.append('platform', harvest(newEvents(from, to)));

function ahead(limits: { maxEvents?: number; maxBytes?: number; share?: () => number } = {}) {
  const { maxEvents = 10, maxBytes = 1e6, share = () => 1 } = limits;
  const reading = readAhead({
    journal: stage.journal,
    outlet: { share },
    batch: { maxEvents, maxBytes, maxWaitMs: 5000 },
    clock,
    log: listLog([]),
    status: sinkStatus('splunk', 'confirmed', 0),
    patienceMs: null,
    finishing: () => false,
  });
  const read = async (position: bigint, waitForMore = false) =>
    (await elapse(reading.read(position, waitForMore, quiet))).map(({ seq }) => Number(seq));
  return { reading, read };
}

describe('what did not fit a batch', () => {
  it('is in the next one, with what comes behind it', async () => {
    await append(1, 15);
    const { reading, read } = ahead();
    const events = await elapse(reading.read(0n, false, quiet));
    reading.keep(4n, events.slice(4));
    expect(await read(4n)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  it('is read again from another place than the one it was kept for', async () => {
    await append(1, 15);
    const { reading, read } = ahead();
    const events = await elapse(reading.read(0n, false, quiet));
    reading.keep(4n, events.slice(4));
    expect(await read(2n)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('is no reason for more than the receiver asks for', async () => {
    await append(1, 15);
    let share = 1;
    const { reading, read } = ahead({ share: () => share });
    const events = await elapse(reading.read(0n, false, quiet));
    reading.keep(2n, events.slice(2));
    share = 0.3;
    expect(await read(2n)).toEqual([3, 4, 5]);
  });

  it('ends the batch where what came behind it was pruned', async () => {
    await append(1, 20);
    const { reading, read } = ahead();
    const events = await elapse(reading.read(0n, false, quiet));
    reading.keep(4n, events.slice(4));
    await stage.journal.moveCursor('other', 20n, []);
    await stage.journal.prune(['other'], '2027-01-01T00:00:00Z', 0n);
    await append(21, 22);
    expect(await read(4n)).toEqual([5, 6, 7, 8, 9, 10]);
    reading.keep(10n, []);
    expect(await read(10n)).toEqual([21, 22]);
  });
});

it('waits for no more where the bytes fill the batch', async () => {
  await append(1, 3);
  const { read } = ahead({ maxBytes: 1 });
  const before = clock.monotonic();
  expect(await read(0n, true)).toEqual([1]);
  expect(clock.monotonic()).toBe(before);
});
