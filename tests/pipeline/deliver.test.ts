import { describe, expect, it } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { untilAborted } from '../../src/model/abort.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { deliver } from '../../src/pipeline/deliver.ts';
import type { DeliverContext } from '../../src/pipeline/deliver.ts';
import { NO_HEARTBEATS } from '../../src/pipeline/heartbeat.ts';
import { createOutlet } from '../../src/pipeline/outlet.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import type { Prepare } from '../../src/pipeline/prepare.ts';
import { sinkStatus } from '../../src/pipeline/status.ts';
import type { SinkStatus } from '../../src/pipeline/status.ts';
import type { Fate } from '../../src/sinks/sink.ts';
import { makeItem } from '../contract/items.ts';
import { harvest, newEvent, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import {
  DELIVERED,
  fakeSink,
  idOf,
  listLog,
  MINUTE,
  plain,
  SECOND,
  stageJournal,
  takeAll,
} from './pieces.ts';
import type { FakeSink, Line } from './pieces.ts';

const clock = simulatedClock(() => 0.5);
/** A loop with nothing to do looks around this often. */
const IDLE_MS = 30 * SECOND;
const quiet = new AbortController().signal;
const stage = stageJournal();
const idAt = (n: number): string => `event-${String(n).padStart(6, '0')}`;
const idsFrom = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => idAt(from + n));
const append = (from: number, to: number): Promise<unknown> =>
  stage.journal.append('platform', harvest(newEvents(from, to)));

interface Run {
  readonly status: SinkStatus;
  readonly lines: Line[];
  readonly done: Promise<void>;
}

function run(
  sink: FakeSink,
  changes: Partial<DeliverContext> = {},
  signal = quiet,
  patienceMs: number | null = null,
): Run {
  const status = sinkStatus('splunk', 'confirmed', clock.now());
  const lines: Line[] = [];
  const log = listLog(lines);
  const outlet = createOutlet({
    sink,
    clock,
    log,
    status,
    patienceMs,
    onMassRejection: 'hold',
    ...(changes.halting === undefined ? {} : { halting: changes.halting }),
  });
  const context: DeliverContext = {
    name: 'splunk',
    journal: stage.journal,
    outlet,
    prepare: plain,
    heartbeats: NO_HEARTBEATS,
    batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 0 },
    concurrent: 1,
    ahead: () => 0,
    aheadAtMost: 0,
    clock,
    log,
    status,
    patienceMs,
    finishing: () => true,
    halting: new AbortController().signal,
    ...changes,
  };
  const done = deliver(context, signal);
  done.catch(() => {});
  return { status, lines, done };
}

describe('progress', () => {
  it('is made by each batch of a long backlog', async () => {
    await append(1, 40);
    const sink = fakeSink(async (batch) => {
      await clock.sleep(5 * MINUTE);
      return takeAll(batch, quiet);
    });
    const { status, done } = run(sink, { batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 0 } });
    await elapse(clock.sleep(16 * MINUTE));
    expect(status).toMatchObject({ state: 'working', cursor: 30n });
    expect(clock.monotonic() - (status.progressedMs ?? -1)).toBeLessThanOrEqual(MINUTE);
    await elapse(done);
  });

  it('is made by settling and by having nothing to do, not by trying', async () => {
    let answers = false;
    const sink = fakeSink((batch) => {
      if (!answers) throw new ForwardError('transient', 'connection refused');
      return takeAll(batch, quiet);
    });
    const stop = new AbortController();
    const { status, done } = run(sink, { finishing: () => false }, stop.signal);
    await elapse(clock.sleep(20 * MINUTE));
    const idleMs = status.progressedMs ?? -1;
    expect(clock.monotonic() - idleMs).toBeLessThanOrEqual(IDLE_MS);
    await append(1, 5);
    await elapse(clock.sleep(20 * MINUTE));
    expect((status.progressedMs ?? -1) - idleMs).toBeLessThanOrEqual(IDLE_MS);
    expect(sink.batches.length).toBeGreaterThan(10);
    answers = true;
    await elapse(clock.sleep(2 * MINUTE));
    expect(status).toMatchObject({ state: 'idle', cursor: 5n });
    expect(clock.monotonic() - (status.progressedMs ?? -1)).toBeLessThanOrEqual(IDLE_MS);
    stop.abort(new Error('enough'));
    await elapse(done);
  });
});

describe('finishing', () => {
  it('drains the journal in order and within the limits of a batch', async () => {
    await append(1, 25);
    const sink = fakeSink();
    const { status, done } = run(sink);
    await elapse(done);
    expect(sink.taken).toEqual(idsFrom(1, 25));
    expect(sink.batches.map(({ items }) => items.length)).toEqual([10, 10, 5]);
    expect(await stage.journal.cursor('splunk')).toBe(25n);
    expect(status).toMatchObject({ state: 'stopped', cursor: 25n, delivered: 25, inFlight: 0 });
  });

  it('counts bytes of what is sent, and sends an event alone that is larger than a batch', async () => {
    await append(1, 6);
    const sink = fakeSink();
    const prepare: Prepare = (event) => {
      const made = plain(event);
      if (made.kind !== 'item') return made;
      return { ...made, item: { ...made.item, body: 'ß'.repeat(event.seq === 3n ? 1500 : 200) } };
    };
    await elapse(run(sink, { prepare, batch: { maxEvents: 10, maxBytes: 1000, maxWaitMs: 0 } }).done);
    expect(sink.batches.map(({ items }) => items.length)).toEqual([2, 1, 2, 1]);
    expect(sink.taken).toHaveLength(6);
  });

  it('reads no event twice, however few of what was read fit a batch', async () => {
    await append(1, 30);
    const sink = fakeSink();
    let read = 0;
    const journal: Journal = {
      ...stage.journal,
      read: async (...asked) => {
        const events = await stage.journal.read(...asked);
        read += events.length;
        return events;
      },
    };
    const prepare: Prepare = (event) => {
      const made = plain(event);
      return made.kind === 'item' ? { ...made, item: { ...made.item, body: 'x'.repeat(400) } } : made;
    };
    await elapse(
      run(sink, { journal, prepare, batch: { maxEvents: 10, maxBytes: 1000, maxWaitMs: 0 } }).done,
    );
    expect(sink.taken).toEqual(idsFrom(1, 30));
    expect(sink.batches).toHaveLength(15);
    expect(read).toBe(30);
  });

  it('counts what events take in memory, which may be far more than their text', async () => {
    await append(1, 6);
    const sink = fakeSink();
    const prepare: Prepare = (event) => {
      const made = plain(event);
      if (made.kind !== 'item') return made;
      return { ...made, item: { ...made.item, canonical: { ...made.item.canonical, weight: 1_500_000 } } };
    };
    await elapse(run(sink, { prepare }).done);
    expect(sink.batches.map(({ items }) => items.length)).toEqual([2, 2, 2]);
  });

  it('goes on where the last run stopped', async () => {
    await append(1, 10);
    await elapse(run(fakeSink()).done);
    await append(11, 12);
    await stage.reopen();
    const sink = fakeSink();
    await elapse(run(sink).done);
    expect(sink.taken).toEqual(idsFrom(11, 12));
  });
});

describe('a sink whose events were pruned', () => {
  const FUTURE = '2027-01-01T00:00:00Z';
  /** 30 events that another sink has, and nothing left of them. */
  async function allPruned(): Promise<void> {
    await append(1, 30);
    await stage.journal.moveCursor('other', 30n, []);
    await stage.journal.prune(['other'], FUTURE, 0n);
  }

  it('before it was new waits for the next one, and says what it does not get', async () => {
    await allPruned();
    const sink = fakeSink();
    const stop = new AbortController();
    const { lines, status, done } = run(sink, { finishing: () => false }, stop.signal);
    await elapse(clock.sleep(5 * SECOND));
    expect(status).toMatchObject({ state: 'idle', cursor: 30n });
    expect(lines).toMatchObject([{ level: 'info', fields: { pruned: 30 } }]);
    await append(31, 32);
    await elapse(clock.sleep(5 * SECOND));
    expect(sink.taken).toEqual(idsFrom(31, 32));
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('ends at once when it is to finish', async () => {
    await allPruned();
    await elapse(run(fakeSink()).done);
    expect(await stage.journal.cursor('splunk')).toBe(30n);
  });

  it('while it was away goes on after a finding and a warning with what to do', async () => {
    await append(1, 10);
    await elapse(run(fakeSink()).done);
    await append(11, 30);
    await stage.journal.moveCursor('other', 30n, []);
    await stage.journal.prune(['other'], FUTURE, 0n);
    await append(31, 33);
    const sink = fakeSink();
    const { lines, done } = run(sink);
    await elapse(done);
    expect(sink.taken).toEqual(idsFrom(31, 33));
    expect(lines).toMatchObject([
      {
        level: 'warn',
        fields: { events: 20, from_seq: 11, to_seq: 30, hint: expect.stringContaining('backfill') as string },
      },
    ]);
    expect(await stage.journal.findings({ unacknowledgedOnly: true, limit: 9 })).toMatchObject([
      { kind: 'pruned_before_delivery', source: 'splunk', detail: { events: 20 } },
    ]);
  });
});

describe('waiting', () => {
  it('collects a small batch for as long as allowed, and ends at once when aborted', async () => {
    const sink = fakeSink();
    const stop = new AbortController();
    const { status, done } = run(
      sink,
      { finishing: () => false, batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 5000 } },
      stop.signal,
    );
    await append(1, 2);
    await elapse(clock.sleep(2000));
    await append(3, 4);
    await elapse(clock.sleep(1000));
    expect(sink.batches).toEqual([]);
    await elapse(clock.sleep(4000));
    expect(sink.batches.map(({ items }) => items.length)).toEqual([4]);
    await append(5, 20);
    await elapse(clock.sleep(1000));
    expect(sink.batches.map(({ items }) => items.length)).toEqual([4, 10]); // a full batch waits for nothing
    stop.abort(new Error('enough'));
    await elapse(done);
    expect(status.state).toBe('stopped');
  });
});

describe('lanes', () => {
  it('move the cursor over a settled prefix only, and a crash between sends the open part again', async () => {
    await append(1, 30);
    const slow = Promise.withResolvers<undefined>();
    const sink = fakeSink(async (batch, signal) => {
      if (batch.items.some((item) => idOf(item) === idAt(1))) await untilAborted(slow.promise, signal);
      return takeAll(batch, signal);
    });
    const stop = new AbortController();
    const { status, done } = run(sink, { concurrent: 3, finishing: () => false }, stop.signal);
    await elapse(clock.sleep(5000));
    expect(sink.taken).toEqual(idsFrom(11, 30));
    expect(await stage.journal.cursor('splunk')).toBe(0n);
    expect(status).toMatchObject({ inFlight: 3, cursor: 0n });
    stop.abort(new Error('crash'));
    await elapse(done);
    expect(await stage.journal.cursor('splunk')).toBe(0n);
    const next = fakeSink();
    await elapse(run(next, { concurrent: 3 }).done);
    expect(new Set(next.taken)).toEqual(new Set(idsFrom(1, 30)));
    expect(await stage.journal.cursor('splunk')).toBe(30n);
  });

  it('are as many as allowed and no more', async () => {
    await append(1, 100);
    let running = 0;
    let most = 0;
    const sink = fakeSink(async (batch, signal) => {
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(100 + batch.items.length * (batch.attempt % 3), signal);
      running -= 1;
      return takeAll(batch, signal);
    });
    await elapse(run(sink, { concurrent: 4 }).done);
    expect(most).toBe(4);
    expect(new Set(sink.taken).size).toBe(100);
  });

  it('are more while a sink waits for the word of its receiver, for a backlog only', async () => {
    await append(1, 33);
    let ahead = 0;
    const begun: number[] = [];
    const sink = fakeSink(async (batch, signal) => {
      begun.push(batch.items.length);
      await clock.sleep(SECOND, signal);
      ahead = 2;
      return takeAll(batch, signal);
    });
    const stop = new AbortController();
    const { done } = run(sink, { ahead: () => ahead, finishing: () => false }, stop.signal);
    await elapse(clock.sleep(500));
    expect(begun).toEqual([10]);
    await elapse(clock.sleep(SECOND));
    expect(begun).toEqual([10, 10, 10]); // the last three are worth no request of their own
    await append(34, 36);
    await elapse(clock.sleep(SECOND));
    expect(begun).toEqual([10, 10, 10, 6]);
    await elapse(clock.sleep(SECOND));
    expect(sink.taken).toEqual(idsFrom(1, 36));
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('keep refusals of a later lane until the earlier one is settled', async () => {
    await append(1, 20);
    const slow = Promise.withResolvers<undefined>();
    const sink = fakeSink(async (batch) => {
      if (batch.items.some((item) => idOf(item) === idAt(1))) await slow.promise;
      return {
        fates: batch.items.map((item): Fate =>
          idOf(item) === idAt(15) ? { outcome: 'rejected', reason: 'no' } : DELIVERED,
        ),
      };
    });
    const { done } = run(sink, { concurrent: 2 });
    await elapse(clock.sleep(1000));
    expect(await stage.journal.deadLetters({ limit: 9 })).toEqual([]);
    slow.resolve(undefined);
    await elapse(done);
    expect(
      (await stage.journal.deadLetters({ limit: 9 })).map(({ event, reason }) => [event?.id, reason]),
    ).toEqual([[idAt(15), 'no']]);
  });
});

describe('an event that is not sent', () => {
  const prepare: Prepare = (event) => {
    if (event.seq % 3n === 0n) return { kind: 'filtered' };
    if (event.seq === 4n) return { kind: 'unrendered', reason: 'cannot be rendered' };
    return plain(event);
  };

  it('because of the filter is settled and counted; because of a fault it is a dead letter; the others go', async () => {
    await append(1, 12);
    const sink = fakeSink();
    const { status, done } = run(sink, { prepare });
    await elapse(done);
    expect(sink.taken).toEqual([1, 2, 5, 7, 8, 10, 11].map(idAt));
    expect(status).toMatchObject({ filtered: 4, rejected: 1, delivered: 7 });
    expect(await stage.journal.deadLetters({ limit: 9 })).toEqual([
      expect.objectContaining({ reason: 'cannot be rendered', attempts: 1, state: 'open' }) as unknown,
    ]);
    expect(await stage.journal.cursor('splunk')).toBe(12n);
  });

  it('moves the cursor also when nothing of a batch is sent', async () => {
    await append(1, 25);
    const sink = fakeSink();
    await elapse(run(sink, { prepare: () => ({ kind: 'filtered' }) }).done);
    expect(sink.batches).toEqual([]);
    expect(await stage.journal.cursor('splunk')).toBe(25n);
  });
});

describe('what reading made of events', () => {
  const prepareWith = (options: { readonly redact: boolean }, eventType: readonly string[] = []): Prepare =>
    createPrepare(
      createCanonicalize(),
      rawFormat.create(options),
      { eventType, status: [], severity: 'informational' },
      () => makeItem(1).origin,
    );
  /** One that is understood, one of a type that nobody has seen, with a secret and the SQL of a role. */
  const appendTwo = (): Promise<unknown> => {
    const odd = {
      id: idAt(2),
      event_type: 'quantum.flux',
      user: { email: 'ana@acme.example', roles: [{ name: 'analyst', permissions: ['SELECT 1'] }] },
      event_details: { password: 'hunter2', api_key: 'cq_0123' },
    };
    const items = [{ id: idAt(1), event_type: 'user_login' }, odd];
    const events = items.map((item, n) => newEvent(n + 1, { original: JSON.stringify(item) }));
    return stage.journal.append('platform', harvest(events));
  };

  it('is counted for each sink when it delivers them, and not again after a restart', async () => {
    await appendTwo();
    const first = run(fakeSink(), { prepare: prepareWith({ redact: true }) });
    await elapse(first.done);
    const counted = { unclassified: 1, redactedValues: 2, trimmedUserParts: 1 };
    expect(first.status).toMatchObject({ delivered: 2, ...counted });
    await stage.reopen();
    const second = run(fakeSink(), { prepare: prepareWith({ redact: true }) });
    await elapse(second.done);
    expect(second.status).toMatchObject({ delivered: 0, unclassified: 0, redactedValues: 0 });
  });

  it('says that nothing was taken out where a sink carries the very bytes', async () => {
    await appendTwo();
    const { status, done } = run(fakeSink(), { prepare: prepareWith({ redact: false }) });
    await elapse(done);
    expect(status).toMatchObject({ unclassified: 1, redactedValues: 0, trimmedUserParts: 0 });
  });

  it('is not counted for events that the sink does not want', async () => {
    await appendTwo();
    const { status, done } = run(fakeSink(), { prepare: prepareWith({ redact: true }, ['user_*']) });
    await elapse(done);
    expect(status).toMatchObject({ filtered: 1, unclassified: 0, redactedValues: 0, trimmedUserParts: 0 });
  });
});

describe('dead letters that an operator retries', () => {
  const refuse = (reason: string): FakeSink =>
    fakeSink((batch) => ({ fates: batch.items.map((): Fate => ({ outcome: 'rejected', reason })) }));

  async function letters(count: number, after = 0): Promise<void> {
    await append(after + 1, after + count);
    const events = await stage.journal.read(BigInt(after), { maxEvents: 1000, maxBytes: 1e9 });
    await stage.journal.moveCursor(
      'splunk',
      BigInt(after + count),
      events.map((event) => ({ event, reason: 'no', attempts: 1 })),
    );
    await stage.journal.retryDeadLetters({ limit: 1000 });
  }

  it('go through the sink within its limits, past its filter, and are gone', async () => {
    await letters(25);
    const sink = fakeSink();
    const stop = new AbortController();
    const prepare: Prepare = (event, options) =>
      options?.evenFiltered === true ? plain(event) : { kind: 'filtered' };
    const { done } = run(sink, { prepare, finishing: () => false }, stop.signal);
    await elapse(clock.sleep(10 * SECOND));
    expect(new Set(sink.taken)).toEqual(new Set(idsFrom(1, 25)));
    for (const { items } of sink.batches) expect(items.length).toBeLessThanOrEqual(10);
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map());
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('are all tried before one pass ends, however many, with and without a backlog', async () => {
    await letters(450);
    const { done } = run(fakeSink(), { batch: { maxEvents: 500, maxBytes: 1e6, maxWaitMs: 0 } });
    await elapse(done);
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map());
    await letters(450, 450);
    await append(901, 1500);
    const sink = fakeSink();
    await elapse(run(sink, { concurrent: 2 }).done);
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map());
    expect(new Set(sink.taken)).toEqual(new Set(idsFrom(451, 1500)));
    expect(sink.taken).toHaveLength(1050);
    const kinds = sink.batches.map(({ items }) =>
      Number(items[0]?.canonical.seq) <= 900 ? 'letters' : 'events',
    );
    expect(kinds.slice(0, 80).filter((kind) => kind === 'letters').length).toBeGreaterThan(20);
    expect(kinds.slice(0, 80).filter((kind) => kind === 'events').length).toBeGreaterThan(20);
  });

  it('have their turn while events never cease, within the lanes that are allowed', async () => {
    await letters(30);
    await append(31, 2000);
    let lanes = 0;
    let most = 0;
    const sink = fakeSink(async (batch, signal) => {
      lanes += 1;
      most = Math.max(most, lanes);
      await clock.sleep(SECOND, signal);
      lanes -= 1;
      return takeAll(batch, signal);
    });
    const stop = new AbortController();
    const { done } = run(sink, { concurrent: 2, finishing: () => false }, stop.signal);
    await elapse(clock.sleep(20 * SECOND));
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map());
    expect(await stage.journal.cursor('splunk')).toBeGreaterThan(100n);
    expect(most).toBe(2);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('and are refused again are open again, and never hold the sink', async () => {
    await letters(25);
    const sink = refuse('still no');
    const stop = new AbortController();
    const { status, done } = run(
      sink,
      { finishing: () => false, batch: { maxEvents: 100, maxBytes: 600, maxWaitMs: 0 } },
      stop.signal,
    );
    await elapse(clock.sleep(10 * SECOND));
    const after = await stage.journal.deadLetters({ limit: 100 });
    expect(after.map(({ state, reason, attempts }) => [state, reason, attempts])).toEqual(
      Array.from({ length: 25 }, () => ['open', 'still no', 2]),
    );
    expect(status.state).not.toBe('held');
    for (const { items } of sink.batches)
      expect(items.reduce((sum, item) => sum + item.body.length, 0)).toBeLessThanOrEqual(600);
    stop.abort(new Error('enough'));
    await elapse(done);
  });
});

describe('a journal that fails for a while', () => {
  const methods = ['begin', 'read', 'waitForNews', 'size', 'deadLetters', 'moveCursor'] as const;
  const faults = [
    ['it is busy', new ForwardError('transient', 'the journal is busy'), 'failing'],
    ['nobody foresaw it', new TypeError('too many open files'), 'held'],
  ] as const;
  it.each(methods.flatMap((method) => faults.map((fault) => [method, ...fault] as const)))(
    'is asked for %s again when %s, and every event sent once',
    async (method, _name, fault, said) => {
      await append(1, 10);
      let failures = 3;
      const asked = stage.journal[method].bind(stage.journal) as (...args: unknown[]) => Promise<unknown>;
      const journal = {
        ...stage.journal,
        [method]: (...args: unknown[]) => {
          failures -= 1;
          return failures >= 0 ? Promise.reject(fault) : asked(...args);
        },
      };
      const sink = fakeSink();
      // Only a loop that has more to wait for waits.
      let finishing = method !== 'waitForNews';
      const { lines, done } = run(sink, { journal, finishing: () => finishing });
      await elapse(clock.sleep(10 * MINUTE));
      finishing = true;
      await elapse(done);
      expect(sink.taken).toEqual(idsFrom(1, 10));
      expect(lines.map(({ text }) => text)).toEqual([said, 'works again']);
    },
  );
});

describe('a full disk at the commit', () => {
  it('repeats the commit, never the sending', async () => {
    await append(1, 10);
    let failures = 3;
    const journal: Journal = {
      ...stage.journal,
      moveCursor: async (...args) => {
        failures -= 1;
        if (failures >= 0) throw new ForwardError('transient', 'the disk is full');
        return stage.journal.moveCursor(...args);
      },
    };
    const sink = fakeSink();
    const { status, lines, done } = run(sink, { journal });
    await elapse(clock.sleep(100));
    expect(status).toMatchObject({ state: 'retrying', reason: 'the disk is full' });
    await elapse(done);
    expect(sink.batches).toHaveLength(1);
    expect(await stage.journal.cursor('splunk')).toBe(10n);
    expect(lines.map(({ text }) => text)).toEqual(['failing', 'works again']);
  });

  it('of another kind is not survived', async () => {
    await append(1, 10);
    const journal: Journal = {
      ...stage.journal,
      moveCursor: () => Promise.reject(new ForwardError('corrupt', 'broken')),
    };
    await expect(elapse(run(fakeSink(), { journal }).done)).rejects.toMatchObject({ kind: 'corrupt' });
  });
});

describe('halting', () => {
  it('sends nothing new, and waits for what is in flight', async () => {
    await append(1, 30);
    const halt = new AbortController();
    const sink = fakeSink(async (batch, signal) => {
      halt.abort(new Error('halted'));
      await clock.sleep(SECOND, signal);
      return takeAll(batch, signal);
    });
    await elapse(run(sink, { halting: halt.signal, finishing: () => false }).done);
    expect(sink.taken).toEqual(idsFrom(1, 10));
    expect(await stage.journal.cursor('splunk')).toBe(10n);
  });

  it.each(['denied', 'transient'] as const)(
    'lets go at once of what waits for another try after a failure that is %s',
    async (kind) => {
      await append(1, 10);
      const halt = new AbortController();
      const sink = fakeSink(() => {
        throw new ForwardError(kind, 'no', { retryAfterMs: 10 * MINUTE });
      });
      const { done } = run(sink, { halting: halt.signal, finishing: () => false });
      await elapse(clock.sleep(SECOND));
      halt.abort(new Error('halted'));
      const beganMs = clock.monotonic();
      await elapse(done);
      expect(clock.monotonic() - beganMs).toBeLessThan(SECOND);
      expect(await stage.journal.cursor('splunk')).toBe(0n);
    },
  );

  it('waits for a lane that sends beside one that waits, and never moves the cursor past what is not settled', async () => {
    await append(1, 20);
    const halt = new AbortController();
    const sink = fakeSink(async (batch, signal) => {
      await clock.sleep(SECOND, signal);
      if (batch.items[0]?.canonical.seq === 1n) throw new ForwardError('denied', 'no');
      halt.abort(new Error('halted'));
      await clock.sleep(SECOND, signal);
      return takeAll(batch, signal);
    });
    await elapse(run(sink, { concurrent: 2, halting: halt.signal, finishing: () => false }).done);
    expect(sink.taken).toEqual(idsFrom(11, 20));
    expect(await stage.journal.cursor('splunk')).toBe(0n);
  });
});

describe('what ends the loop', () => {
  it('is patience, with the cursor where it was', async () => {
    await append(1, 10);
    const down = fakeSink(() => {
      throw new ForwardError('transient', 'down');
    });
    await expect(elapse(run(down, {}, quiet, MINUTE).done)).rejects.toThrow('down');
    expect(await stage.journal.cursor('splunk')).toBe(0n);
  });
});

describe('what nobody foresaw', () => {
  it('in a sink holds it, with the cursor where it was, and it goes on when that is over', async () => {
    await append(1, 10);
    let broken = true;
    const odd = fakeSink((batch, signal) => {
      if (broken) throw new TypeError('the certificate does not match the key');
      return takeAll(batch, signal);
    });
    const { status, lines, done } = run(odd);
    await elapse(clock.sleep(MINUTE));
    expect(status).toMatchObject({
      state: 'held',
      reason: expect.stringContaining('match the key') as string,
    });
    expect(await stage.journal.cursor('splunk')).toBe(0n);
    broken = false;
    await elapse(done);
    expect(odd.taken).toEqual(idsFrom(1, 10));
    expect(lines[0]).toMatchObject({
      text: 'held',
      fields: { stack: expect.stringContaining('deliver.test.ts') as string },
    });
  });

  it('is also a sink that answers for too few events', async () => {
    await append(1, 10);
    let short = true;
    const sink = fakeSink((batch, signal) => (short ? { fates: [DELIVERED] } : takeAll(batch, signal)));
    const { status, done } = run(sink, { concurrent: 2 });
    await elapse(clock.sleep(MINUTE));
    expect(status).toMatchObject({
      state: 'held',
      reason: expect.stringContaining('1 fates for 10') as string,
    });
    short = false;
    await elapse(done);
    expect(await stage.journal.cursor('splunk')).toBe(10n);
  });

  it('ends one pass when patience does, like any other failure', async () => {
    await append(1, 10);
    const bug = fakeSink(() => {
      throw new TypeError('a bug');
    });
    await expect(elapse(run(bug, {}, quiet, MINUTE).done)).rejects.toThrow('a bug');
    const journal = { ...stage.journal, read: () => Promise.reject(new TypeError('no read')) };
    await expect(elapse(run(fakeSink(), { journal }, quiet, MINUTE).done)).rejects.toThrow('no read');
  });
});
