import { expect, it, vi } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { loopStatus } from '../../src/pipeline/status.ts';
import { keepUp } from '../../src/pipeline/upkeep.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import { listLog, MINUTE, stageJournal } from './pieces.ts';
import type { Line } from './pieces.ts';

const DAY = 24 * 60 * MINUTE;
const clock = simulatedClock(() => 0.5);
const stage = stageJournal();

async function keepUpFor(
  ms: number,
  journal: Journal,
  retentionMs: number,
  sinks: readonly string[] = ['splunk'],
): Promise<Line[]> {
  const lines: Line[] = [];
  const status = loopStatus(clock.now());
  const stop = new AbortController();
  const done = keepUp(
    { journal, sinks, retentionMs, horizonMs: 30 * DAY, clock, log: listLog(lines), status },
    stop.signal,
  );
  done.catch(() => {});
  await elapse(clock.sleep(ms));
  stop.abort(new Error('enough'));
  await elapse(done);
  return lines;
}

/** That much later, with one pruning on the way. */
async function pass(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await keepUpFor(5 * MINUTE, stage.journal, MINUTE);
}

/** The real journal, full as long as it holds more events than that. */
function fullAbove(events: number): Journal {
  return {
    ...stage.journal,
    size: async () => {
      const size = await stage.journal.size();
      return { ...size, usedBytes: size.events, limitBytes: events };
    },
  };
}

it('lets go of what every sink has once its retention is over, and of nothing else', async () => {
  await stage.journal.append('platform', harvest(newEvents(1, 10)));
  await stage.journal.moveCursor('splunk', 6n, []);
  await keepUpFor(9 * MINUTE, stage.journal, 5 * MINUTE);
  expect(await stage.journal.size()).toMatchObject({ events: 10 });
  await keepUpFor(11 * MINUTE, stage.journal, 5 * MINUTE);
  expect(await stage.journal.size()).toMatchObject({ events: 4, oldestSeq: 7n });
});

it('cuts the retention short while the journal is full: polling must not stop for events that every sink has', async () => {
  await stage.journal.append('platform', harvest(newEvents(1, 10)));
  await elapse(clock.sleep(60 * MINUTE));
  await stage.journal.append('platform', harvest(newEvents(11, 20)));
  await stage.journal.moveCursor('splunk', 20n, []);
  const lines = await keepUpFor(6000, fullAbove(20), 7 * DAY);
  expect(await stage.journal.size()).toMatchObject({ events: 10, oldestSeq: 11n }); // no more than it takes
  expect(lines.map(({ level, fields }) => [level, fields['events']])).toEqual([['warn', 10]]);
});

it('never lets go of what a sink has not', async () => {
  await stage.journal.append('platform', harvest(newEvents(1, 20)));
  await stage.journal.moveCursor('splunk', 3n, []);
  await keepUpFor(30 * MINUTE, fullAbove(10), 7 * DAY);
  expect(await stage.journal.size()).toMatchObject({ events: 17, oldestSeq: 4n });
});

it('keeps what a removed sink has not got for seven days after its removal, but not for a full journal', async () => {
  const both = ['splunk', 'removed'];
  await stage.journal.append('platform', harvest(newEvents(1, 10)));
  await stage.journal.moveCursor('removed', 4n, []);
  await stage.journal.moveCursor('splunk', 10n, []);
  await keepUpFor(5 * MINUTE, stage.journal, MINUTE, both);
  await pass(6 * DAY);
  expect(await stage.journal.size()).toMatchObject({ events: 6, oldestSeq: 5n });
  await pass(DAY);
  expect(await stage.journal.size()).toMatchObject({ events: 0 });
  await stage.journal.append('platform', harvest(newEvents(11, 20)));
  await stage.journal.moveCursor('splunk', 20n, []);
  await keepUpFor(5 * MINUTE, stage.journal, MINUTE, both);
  await keepUpFor(6000, fullAbove(5), MINUTE);
  expect(await stage.journal.size()).toMatchObject({ events: 0 });
  expect(await stage.journal.prunedUndelivered()).toEqual(new Map([['removed', 16]]));
});

it('keeps the ids of what a backfill brought for a whole horizon after it came, but not for a full journal', async () => {
  const past = harvest(newEvents(1, 5).map((event) => ({ ...event, createdNs: 1_000_000_000n })));
  const again = async (): Promise<number> => (await stage.journal.append('platform', past)).appended;
  expect(await again()).toBe(5);
  await stage.journal.moveCursor('splunk', 5n, []);
  await pass(29 * DAY);
  expect(await stage.journal.size()).toMatchObject({ events: 0 });
  expect(await again()).toBe(0);
  await pass(2 * DAY);
  expect(await again()).toBe(5);
  await stage.journal.moveCursor('splunk', 10n, []);
  await pass(DAY);
  expect(await again()).toBe(0);
  await keepUpFor(6000, fullAbove(0), MINUTE);
  expect(await again()).toBe(5);
});

it('says what holds it through the next try', async () => {
  const states: string[] = [];
  const status = loopStatus(clock.now());
  const size = async (): Promise<never> => {
    states.push(status.state);
    throw new TypeError('odd');
  };
  const stop = new AbortController();
  const parts = { journal: { ...stage.journal, size }, sinks: [], retentionMs: DAY, horizonMs: DAY };
  const done = keepUp({ ...parts, clock, log: listLog([]), status }, stop.signal);
  await elapse(clock.sleep(MINUTE));
  stop.abort(new Error('enough'));
  await elapse(done);
  expect(states.slice(0, 3)).toEqual(['working', 'held', 'held']);
});

it('survives a busy journal and what nobody foresaw, not a broken one', async () => {
  const faults = [new ForwardError('transient', 'busy'), new TypeError('odd')];
  let left: Error[] = [...faults];
  const prune = (...args: Parameters<Journal['prune']>): Promise<number> => {
    const fault = left.shift();
    return fault === undefined ? stage.journal.prune(...args) : Promise.reject(fault);
  };
  const lines = await keepUpFor(60 * MINUTE, { ...stage.journal, prune }, DAY);
  expect(lines.map(({ text }) => text)).toEqual(['failing', 'held', 'works again']);
  left = [...faults, new ForwardError('corrupt', 'no')];
  await expect(keepUpFor(60 * MINUTE, { ...stage.journal, prune }, DAY)).rejects.toMatchObject({
    kind: 'corrupt',
  });
});
