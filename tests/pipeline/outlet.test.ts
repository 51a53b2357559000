import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CanonicalEvent } from '../../src/formats/format.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { createOutlet } from '../../src/pipeline/outlet.ts';
import type { Outlet } from '../../src/pipeline/outlet.ts';
import { sinkStatus } from '../../src/pipeline/status.ts';
import type { SinkStatus } from '../../src/pipeline/status.ts';
import type { Batch, Fate, Item, Receipt } from '../../src/sinks/sink.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';
import { DELIVERED, fakeSink, listLog, MINUTE, SECOND, takeAll } from './pieces.ts';
import type { Answer, FakeSink, Line } from './pieces.ts';

const quiet = new AbortController().signal;
const clock = simulatedClock(() => 0.5);
const no: Fate = { outcome: 'rejected', reason: 'bad index' };

interface Setup {
  readonly sink: FakeSink;
  readonly status: SinkStatus;
  readonly lines: Line[];
  readonly outlet: Outlet;
}

function setUp(
  answer: Answer,
  options: { patienceMs?: number; onMassRejection?: 'dead_letter' } = {},
): Setup {
  const sink = fakeSink(answer);
  const status = sinkStatus('splunk', 'confirmed', clock.now());
  const lines: Line[] = [];
  const outlet = createOutlet({
    sink,
    clock,
    log: listLog(lines),
    status,
    patienceMs: options.patienceMs ?? null,
    onMassRejection: options.onMassRejection ?? 'hold',
  });
  return { sink, status, lines, outlet };
}

/** Answers in turn; the last one stays. */
function inTurn(...answers: readonly (Answer | Error)[]): Answer {
  let turn = 0;
  return (batch, signal) => {
    const answer = answers[Math.min(turn, answers.length - 1)];
    turn += 1;
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
    return answer(batch, signal);
  };
}

beforeEach(() => startSimulatedTime(0));
afterEach(() => stopSimulatedTime());

describe('several lanes', () => {
  it('show the one that waits, whatever the others do', async () => {
    const denied = new ForwardError('denied', '403 for this index', { hint: 'grant it' });
    let held = true;
    const { outlet, status } = setUp(async ({ items }) => {
      if (held && items.length === 2) throw denied;
      await clock.sleep(SECOND);
      return { fates: items.map(() => DELIVERED) };
    });
    const good = outlet.settle(makeItems(1), quiet);
    const bad = outlet.settle(makeItems(2), quiet);
    await elapse(good);
    expect(status).toMatchObject({ state: 'held', reason: '403 for this index', hint: 'grant it' });
    held = false;
    await elapse(bad);
    expect(status).toMatchObject({ state: 'working', reason: null });
  });
});

describe('a batch', () => {
  it('that is taken is settled and counted by fate', async () => {
    const { outlet, status } = setUp(() => ({ fates: [DELIVERED, { outcome: 'duplicate' }, no] }));
    const refusals = await elapse(outlet.settle(makeItems(3), quiet));
    expect(refusals).toEqual([expect.objectContaining({ reason: 'bad index', attempts: 1 })]);
    expect(status).toMatchObject({ delivered: 1, duplicates: 1, batches: 1, state: 'working' });
  });

  it('of nothing touches no receiver', async () => {
    const { outlet, sink } = setUp(takeAll);
    await elapse(outlet.settle([], quiet));
    expect(sink.batches).toEqual([]);
  });

  it('that is taken in part sends the rest again, and only the rest', async () => {
    const answer = inTurn(
      ({ items }) => ({
        fates: items.map((_, n): Fate => (n < 2 ? DELIVERED : { outcome: 'retry', reason: 'busy' })),
        retryAfterMs: 9000,
      }),
      takeAll,
    );
    const { outlet, sink } = setUp(answer);
    const items = makeItems(5);
    expect(await elapse(outlet.settle(items, quiet))).toEqual([]);
    expect(sink.batches.map((batch) => [batch.items.length, batch.attempt])).toEqual([
      [5, 1],
      [3, 2],
    ]);
    expect(sink.taken).toEqual(items.map((item) => item.canonical.id));
    expect(clock.monotonic()).toBeGreaterThanOrEqual(9000);
  });

  it('that is taken in part, with no answer for the rest, may have it twice', async () => {
    const { outlet, status } = setUp(
      inTurn(
        () => ({ fates: [DELIVERED, { outcome: 'retry', reason: 'no answer', unanswered: true }] }),
        () => ({ fates: [no] }),
      ),
    );
    expect(await elapse(outlet.settle(makeItems(2), quiet))).toMatchObject([{ unanswered: true }]);
    expect(status.possibleRepeats).toBe(1);
  });
});

describe('what reading made of an event', () => {
  /** An event of a type that says too little, with two secrets, and three parts of its user left out. */
  function anOdd(number: number, changes: Partial<CanonicalEvent> = {}): Item {
    const { canonical, ...rest } = makeItem(number);
    const classification = { ...canonical.classification, verb: 'unknown' };
    return { ...rest, canonical: { ...canonical, classification, redactions: 2, trimmed: 3, ...changes } };
  }
  const counted = (events: number): Partial<SinkStatus> => ({
    unclassified: events,
    redactedValues: 2 * events,
    trimmedUserParts: 3 * events,
  });

  it('is counted once the receiver has it: not at each try, and never for what it refuses', async () => {
    const lost = new ForwardError('transient', 'no answer', { ambiguous: true });
    const part: Answer = () => ({ fates: [DELIVERED, { outcome: 'retry', reason: 'busy' }, no] });
    const rest: Answer = () => ({ fates: [{ outcome: 'duplicate' }] });
    const { outlet, status } = setUp(inTurn(lost, part, lost, rest));
    const settling = outlet.settle([anOdd(1), anOdd(2), anOdd(3)], quiet);
    expect(status).toMatchObject(counted(0));
    await elapse(settling);
    expect(status).toMatchObject({ delivered: 1, duplicates: 1, ...counted(2) });
  });

  it('counts for a dead letter when a retry gets it through', async () => {
    const { outlet, status } = setUp(inTurn(() => ({ fates: [no] }), takeAll));
    await elapse(outlet.settle([anOdd(1)], quiet));
    expect(status).toMatchObject(counted(0));
    await elapse(outlet.settle([anOdd(1)], quiet, { refusedBefore: true }));
    expect(status).toMatchObject(counted(1));
  });

  it('counts nothing for an event that is understood, and of which nothing had to go', async () => {
    const { outlet, status } = setUp(takeAll);
    await elapse(outlet.settle(makeItems(3), quiet));
    expect(status).toMatchObject({ delivered: 3, ...counted(0) });
  });
});

describe('a failure', () => {
  it('that passes repeats the same batch, at the earliest after Retry-After', async () => {
    const busy = new ForwardError('transient', 'busy', { retryAfterMs: 20 * SECOND, ambiguous: true });
    const { outlet, sink, status } = setUp(inTurn(busy, busy, takeAll));
    await elapse(outlet.settle(makeItems(2), quiet));
    expect(sink.batches.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(40 * SECOND);
    expect(status).toMatchObject({ retries: { transient: 2, denied: 0 }, possibleRepeats: 2, delivered: 2 });
  });

  it('that stays is tried without end, never faster than the cap allows', async () => {
    const { outlet, sink } = setUp(inTurn(new ForwardError('transient', 'down')));
    const stop = new AbortController();
    const settling = outlet.settle(makeItems(1), stop.signal);
    settling.catch(() => {});
    await elapse(clock.sleep(60 * MINUTE));
    expect(sink.batches.length).toBeGreaterThan(100);
    expect(sink.batches.length).toBeLessThan(140);
    stop.abort(new Error('enough'));
    await expect(elapse(settling)).rejects.toThrow('enough');
  });

  it('denied holds: slow probes, nothing dropped, shown with its hint', async () => {
    const { outlet, sink, status } = setUp(
      inTurn(new ForwardError('denied', 'bad token', { hint: 'replace it' })),
    );
    const stop = new AbortController();
    const settling = outlet.settle(makeItems(1), stop.signal);
    settling.catch(() => {});
    await elapse(clock.sleep(60 * MINUTE));
    expect(sink.batches.length).toBeLessThan(30);
    expect(status).toMatchObject({ state: 'held', reason: 'bad token', hint: 'replace it' });
    expect(sink.refreshes).toBeGreaterThan((60 * 60) / 4);
    stop.abort(new Error('enough'));
    await expect(elapse(settling)).rejects.toThrow('enough');
  });

  it('denied ends within seconds once the secret was replaced', async () => {
    let good = false;
    const { outlet, sink } = setUp((batch, signal) => {
      if (!good) throw new ForwardError('denied', 'bad token');
      return takeAll(batch, signal);
    });
    const settling = outlet.settle(makeItems(1), quiet);
    await elapse(clock.sleep(30 * MINUTE));
    good = true;
    sink.secretReplaced = true;
    const before = clock.monotonic();
    await elapse(settling);
    expect(clock.monotonic() - before).toBeLessThanOrEqual(3 * SECOND);
  });

  it('denied ends for every lane once one of them is let in again', async () => {
    let tries = 0;
    const { outlet, sink } = setUp((batch, signal) => {
      tries += 1;
      if (tries <= 2) throw new ForwardError('denied', 'bad token', { retryAfterMs: 30 * MINUTE });
      return takeAll(batch, signal);
    });
    const answers = [false, false, false, true]; // only the lane that asks first is told, and once
    sink.credentialReplaced = () => answers.shift() ?? false;
    await elapse(Promise.all([outlet.settle(makeItems(1), quiet), outlet.settle(makeItems(1), quiet)]));
    expect(clock.monotonic()).toBeLessThan(10 * SECOND);
  });

  it.each(['transient', 'denied'] as const)('%s that outlasts the patience is thrown', async (kind) => {
    const { outlet } = setUp(inTurn(new ForwardError(kind, 'down')), { patienceMs: 5 * MINUTE });
    await expect(elapse(outlet.settle(makeItems(1), quiet))).rejects.toThrow('down');
    expect(clock.monotonic()).toBeLessThanOrEqual(5 * MINUTE);
  });

  it('that lasts as long as the process is thrown at once by a run that ends, and held by one that does not', async () => {
    const lasting = new ForwardError('denied', 'closed', { lasting: true });
    const { outlet } = setUp(inTurn(lasting), { patienceMs: 5 * MINUTE });
    await expect(elapse(outlet.settle(makeItems(1), quiet))).rejects.toThrow('closed');
    expect(clock.monotonic()).toBe(0);
    const daemon = setUp(inTurn(lasting, takeAll));
    expect(await elapse(daemon.outlet.settle(makeItems(1), quiet))).toEqual([]);
  });

  it('that nobody foresaw holds, and costs nothing', async () => {
    const short: Answer = () => ({ fates: [DELIVERED] });
    const bug = new TypeError('a bug');
    const { outlet, sink, status, lines } = setUp(inTurn(bug, short, bug, takeAll));
    expect(await elapse(outlet.settle(makeItems(2), quiet))).toEqual([]);
    expect(sink.batches.map(({ items }) => items.length)).toEqual([2, 2, 2, 2]);
    expect(status).toMatchObject({ delivered: 2, retries: { denied: 3, transient: 0 } });
    expect(lines[0]).toMatchObject({ text: 'held', fields: { error: 'unexpected error: a bug' } });
  });

  it('opens the gate for one lane at a time', async () => {
    let running = 0;
    let most = 0;
    let tries = 0;
    const { outlet } = setUp(async (batch, signal) => {
      tries += 1;
      const first = tries <= 3;
      if (first) throw new ForwardError('transient', 'down');
      running += 1;
      if (tries < 9) most = Math.max(most, running);
      await clock.sleep(100, signal);
      running -= 1;
      if (tries < 9) throw new ForwardError('transient', 'down');
      return takeAll(batch, signal);
    });
    await elapse(Promise.all([1, 2, 3].map((n) => outlet.settle(makeItems(1, {}, n), quiet))));
    expect(most).toBe(1);
  });
});

describe('the bytes sent', () => {
  it('are counted as they go over the wire, not as characters', async () => {
    const { outlet, status } = setUp(takeAll);
    const bodies = ['plain', 'grün', '😀'];
    const items = bodies.map((body, index) => ({ ...makeItem(index + 1), body }));
    await elapse(outlet.settle(items, quiet));
    expect(status.bytes).toBe(5 + 5 + 4);
  });
});

describe('refusals of nearly everything', () => {
  const refuse: Answer = ({ items }): Receipt => ({ fates: items.map(() => no) });

  it('hold, and none becomes a dead letter; the hold ends when the receiver takes them', async () => {
    const { outlet, sink, status } = setUp(inTurn(refuse, refuse, takeAll));
    const refusals = await elapse(outlet.settle(makeItems(20), quiet));
    expect(refusals).toEqual([]);
    expect(sink.taken).toHaveLength(20);
    expect(status).toMatchObject({ retries: { denied: 2, transient: 0 }, delivered: 20 });
  });

  it('keep what was taken, and hold with a hint for the rest', async () => {
    const mixed: Answer = ({ items }): Receipt => ({
      fates: items.map((_, n) => (n % 4 === 0 ? DELIVERED : no)),
    });
    const { outlet, sink, lines } = setUp(inTurn(mixed, takeAll));
    expect(await elapse(outlet.settle(makeItems(20), quiet))).toEqual([]);
    expect(sink.batches.map((batch: Batch) => batch.items.length)).toEqual([20, 15]);
    expect(lines[0]).toMatchObject({
      text: 'held',
      fields: { hint: expect.stringContaining('on_mass_rejection') as string },
    });
  });

  it('become dead letters when the operator said so', async () => {
    const { outlet } = setUp(refuse, { onMassRejection: 'dead_letter' });
    expect(await elapse(outlet.settle(makeItems(20), quiet))).toHaveLength(20);
  });

  it('stand for events that were refused before', async () => {
    const { outlet, status } = setUp(refuse);
    expect(await elapse(outlet.settle(makeItems(20), quiet, { refusedBefore: true }))).toHaveLength(20);
    expect(status.state).toBe('working');
    expect(await elapse(outlet.settle(makeItems(1), quiet))).toHaveLength(1); // and say nothing about the next one
  });
});

describe('a receiver near its limit', () => {
  it('gets less at a time, and more again later', async () => {
    const { outlet } = setUp(
      inTurn((batch) => ({ fates: batch.items.map(() => DELIVERED), slowDown: true }), takeAll),
    );
    await elapse(outlet.settle(makeItems(1), quiet));
    expect(outlet.share()).toBe(0.5);
    await elapse(clock.sleep(MINUTE));
    expect(outlet.share()).toBe(1);
    const always = setUp((batch) => ({ fates: batch.items.map(() => DELIVERED), slowDown: true }));
    for (let round = 0; round < 20; round += 1) await elapse(always.outlet.settle(makeItems(1), quiet));
    expect(always.outlet.share()).toBe(1 / 64);
  });

  it('is quoted once, on one line', async () => {
    const { outlet, lines, status } = setUp((batch) => ({
      fates: batch.items.map(() => DELIVERED),
      notice: 'a\nb',
    }));
    await elapse(outlet.settle(makeItems(1), quiet));
    await elapse(outlet.settle(makeItems(1), quiet));
    expect(lines.map(({ text }) => text)).toEqual(['a b']);
    expect(status.notice).toBe('a\nb');
  });
});
