import { describe, expect, it } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { startDaemon } from '../../src/pipeline/daemon.ts';
import type { Daemon, DaemonParts, SinkPart } from '../../src/pipeline/daemon.ts';
import { createOriginOf } from '../../src/pipeline/origin.ts';
import type { Harvest, Source } from '../../src/sources/source.ts';
import { makeItem } from '../contract/items.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import { DELIVERED, fakeSink, listLog, MINUTE, SECOND, stageJournal, takeAll } from './pieces.ts';
import type { FakeSink, Line } from './pieces.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const clock = simulatedClock(() => 0.5);
const stage = stageJournal();

function source(...polls: readonly (readonly Harvest[])[]): Source {
  let turn = 0;
  return {
    async *poll(_held, _progress, signal) {
      signal.throwIfAborted();
      turn += 1;
      yield* polls[turn - 1] ?? [];
    },
    async *read() {},
    count: async () => null,
    check: async () => ({ items: [] }),
    state: () => ({
      frontierNs: null,
      targetNs: null,
      openWindows: 0,
      pendingReconcile: 0,
      clockSkewMs: null,
      requests: 0,
      overlapMs: 0,
      troubles: [],
    }),
    origin: () => ({ product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2' }),
    credentialReplaced: () => false,
    close: async () => {},
  };
}

function part(sink: FakeSink): SinkPart {
  return {
    sink,
    format: { name: 'raw', kind: 'text', render: (event) => event.id },
    batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 0 },
    where: { eventType: [], status: [], severity: 'informational' },
    concurrent: 1,
    rateLimit: null,
    onMassRejection: 'hold',
  };
}

function start(
  sources: Record<string, Source>,
  sinks: Record<string, FakeSink>,
  changes: Partial<DaemonParts> = {},
  ofSinks: Partial<SinkPart> = {},
): { daemon: Daemon; lines: Line[] } {
  const lines: Line[] = [];
  const sourceParts = new Map(
    Object.entries(sources).map(([name, one]) => [
      name,
      { source: one, schedule: { everyMs: 15 * SECOND }, auditHorizonMs: 30 * 24 * 60 * MINUTE },
    ]),
  );
  const daemon = startDaemon({
    journal: stage.journal,
    sources: sourceParts,
    sinks: new Map(Object.entries(sinks).map(([name, sink]) => [name, { ...part(sink), ...ofSinks }])),
    canonicalize: (event) => {
      const { canonical } = makeItem(Number(event.seq), { id: event.id });
      return { ...canonical, seq: event.seq, source: event.source };
    },
    originOf: createOriginOf(sourceParts, { labels: {}, forwarderVersion: '0' }),
    retentionMs: 24 * 60 * MINUTE,
    clock,
    log: listLog(lines),
    patienceMs: null,
    ...changes,
  });
  daemon.done.catch(() => {});
  return { daemon, lines };
}

const down = (): FakeSink =>
  fakeSink(() => {
    throw new ForwardError('denied', 'bad token');
  });

describe('one pass', () => {
  it('reads everything, delivers it to every sink, and ends', async () => {
    const one = fakeSink();
    const two = fakeSink();
    const { daemon } = start(
      { platform: source([harvest(newEvents(1, 25))]) },
      { one, two },
      { patienceMs: 5 * MINUTE },
    );
    const end = await elapse(daemon.done);
    expect(end).toEqual({
      failures: [],
      undelivered: new Map([
        ['one', 0n],
        ['two', 0n],
      ]),
      interrupted: false,
    });
    expect(one.taken).toHaveLength(25);
    expect(two.taken).toEqual(one.taken);
    expect(one.batches[0]?.items[0]?.origin.instance).toBe('acme.example');
  });

  it('gives a sink up that stays down, without the others, and says what it did not get', async () => {
    const good = fakeSink();
    const { daemon } = start(
      { platform: source([harvest(newEvents(1, 25))]) },
      { bad: down(), good },
      { patienceMs: 5 * MINUTE },
    );
    const end = await elapse(daemon.done);
    expect(end.failures.map(({ name }) => name)).toEqual(['bad']);
    expect(end.undelivered).toEqual(
      new Map([
        ['bad', 25n],
        ['good', 0n],
      ]),
    );
    expect(good.taken).toHaveLength(25);
  });

  it('ends although the journal is full for a sink that stays down', async () => {
    const journal: Journal = {
      ...stage.journal,
      size: async () => ({ ...(await stage.journal.size()), usedBytes: 9, limitBytes: 9 }),
    };
    await stage.journal.append('platform', harvest(newEvents(1, 5)));
    const { daemon } = start({ platform: source([]) }, { bad: down() }, { journal, patienceMs: 5 * MINUTE });
    const end = await elapse(daemon.done);
    expect(end.failures.map(({ name }) => name).toSorted()).toEqual(['bad', 'platform']);
    expect(clock.monotonic()).toBeLessThan(30 * MINUTE);
  });
});

describe('stopping', () => {
  it('reads no more and drains what is at hand', async () => {
    const slow = fakeSink(async (batch, signal) => {
      await clock.sleep(10 * SECOND, signal);
      return { fates: batch.items.map(() => DELIVERED) };
    });
    const { daemon } = start(
      { platform: source([harvest(newEvents(1, 30))], [harvest(newEvents(31, 60))]) },
      { slow },
    );
    await elapse(clock.sleep(5 * SECOND));
    daemon.stop();
    const end = await elapse(daemon.done);
    expect(end.undelivered).toEqual(new Map([['slow', 0n]]));
    expect(slow.taken).toHaveLength(30);
    expect(daemon.status.stopping).toBe(true);
  });

  it('at once ends also while a sink is held, and keeps everything', async () => {
    const { daemon } = start({ platform: source([harvest(newEvents(1, 30))]) }, { bad: down() });
    await elapse(clock.sleep(10 * MINUTE));
    expect(daemon.status.sinks.get('bad')?.state).toBe('held');
    daemon.stop();
    await elapse(clock.sleep(MINUTE));
    const before = clock.monotonic();
    daemon.abort();
    const end = await elapse(daemon.done);
    expect(clock.monotonic() - before).toBeLessThan(SECOND);
    expect(end).toEqual({ failures: [], undelivered: new Map([['bad', 30n]]), interrupted: true });
  });
});

describe('a stop while another replica lives', () => {
  /** Every lease is wanted by the other one from some moment on. */
  function shared(want: AbortSignal): Journal {
    const { journal } = stage;
    return {
      ...journal,
      claim: async (duty, signal) => {
        if (want.aborted) await clock.sleep(MINUTE, signal);
        return { ...(await journal.claim(duty, signal)), wanted: want };
      },
      replicas: async () => [
        {
          name: 'other/1',
          self: false,
          startedAt: '',
          seenAt: '',
          alive: true,
          version: '0',
          fingerprint: '',
          duties: [],
        },
      ],
    };
  }

  it.each([
    ['and takes the sink over', true],
    ['and leaves the sink here', false],
  ])('%s: lets go of what waits for another try, and waits for what is being sent', async (_, takesOver) => {
    const want = new AbortController();
    const busy = fakeSink(async (batch, signal) => {
      await clock.sleep(SECOND, signal);
      const first = batch.items[0]?.canonical.seq;
      if (first === 1n) throw new ForwardError('transient', 'down');
      if (first === 21n) await clock.sleep(2 * SECOND, signal);
      return takeAll(batch, signal);
    });
    const { daemon, lines } = start(
      { platform: source([harvest(newEvents(1, 30))]) },
      { busy },
      { journal: shared(want.signal) },
      { concurrent: 4 },
    );
    await elapse(clock.sleep(SECOND / 2));
    if (takesOver) want.abort(new ForwardError('lease_lost', 'another replica takes over'));
    await elapse(clock.sleep(SECOND));
    daemon.stop();
    expect(await elapse(daemon.done)).toMatchObject({ failures: [], interrupted: true });
    expect(busy.taken).toHaveLength(20);
    expect(JSON.stringify(lines)).not.toContain('halted');
    expect(daemon.status.sinks.get('busy')?.state).toBe('stopped');
  });
});

describe('an abort', () => {
  it('ends the run also when a part does not heed it', async () => {
    const never = new Promise<never>(() => {});
    const deaf: Source = {
      ...source(),
      async *poll() {
        yield harvest(newEvents(1, 3));
        await never;
      },
    };
    const good = fakeSink();
    const { daemon } = start({ deaf }, { stuck: fakeSink(() => never), good });
    await elapse(clock.sleep(MINUTE));
    const before = clock.monotonic();
    daemon.stop();
    daemon.abort();
    const end = await elapse(daemon.done);
    expect(clock.monotonic() - before).toBeLessThan(5 * SECOND);
    expect(end).toMatchObject({ failures: [], interrupted: true });
    expect(good.taken).toHaveLength(3);
  });
});

describe('one pass that is stopped', () => {
  const slowly = (): FakeSink =>
    fakeSink(async (batch, signal) => {
      await clock.sleep(10 * SECOND, signal);
      return { fates: batch.items.map(() => DELIVERED) };
    });
  const read = (): Source => source([harvest(newEvents(1, 30))]);

  it('was interrupted when a sink is behind', async () => {
    const { daemon } = start({ platform: read() }, { slow: slowly() }, { patienceMs: 5 * MINUTE });
    await elapse(clock.sleep(15 * SECOND));
    daemon.stop();
    daemon.abort();
    const end = await elapse(daemon.done);
    expect(end).toEqual({ failures: [], undelivered: new Map([['slow', 20n]]), interrupted: true });
  });

  it('was interrupted when the source is behind, whatever the sinks have', async () => {
    const behind: Source = {
      ...read(),
      async *poll(_held, _progress, signal) {
        yield harvest(newEvents(1, 30));
        await clock.sleep(60 * MINUTE, signal);
      },
    };
    const { daemon } = start({ platform: behind }, { good: fakeSink() }, { patienceMs: 5 * MINUTE });
    await elapse(clock.sleep(SECOND));
    daemon.stop();
    const end = await elapse(daemon.done);
    expect(end).toEqual({ failures: [], undelivered: new Map([['good', 0n]]), interrupted: true });
  });

  it('was not when it still delivered everything', async () => {
    const { daemon } = start({ platform: read() }, { slow: slowly() }, { patienceMs: 5 * MINUTE });
    await elapse(clock.sleep(15 * SECOND));
    daemon.stop();
    const end = await elapse(daemon.done);
    expect(end).toEqual({ failures: [], undelivered: new Map([['slow', 0n]]), interrupted: false });
  });
});

describe('no sink waits for another', () => {
  it('while one is held', async () => {
    const good = fakeSink();
    const { daemon } = start(
      { platform: source([harvest(newEvents(1, 30))], [harvest(newEvents(31, 40))]) },
      { bad: down(), good },
    );
    await elapse(clock.sleep(MINUTE));
    expect(good.taken).toHaveLength(40);
    daemon.abort();
    await elapse(daemon.done);
  });
});

describe('what nobody foresaw', () => {
  const odd = (): FakeSink =>
    fakeSink(() => {
      throw new TypeError('key values mismatch');
    });

  it('in one sink holds it alone, and is shown', async () => {
    const good = fakeSink();
    const bad = odd();
    const { daemon, lines } = start(
      { platform: source([harvest(newEvents(1, 5))], [harvest(newEvents(6, 9))]) },
      { bad, good },
    );
    await elapse(clock.sleep(10 * MINUTE));
    expect(good.taken).toHaveLength(9);
    expect(bad.batches.length).toBeGreaterThan(3);
    const reason = expect.stringContaining('key values mismatch') as string;
    expect(daemon.status.sinks.get('bad')).toMatchObject({ state: 'held', reason });
    daemon.abort();
    expect(await elapse(daemon.done)).toMatchObject({
      failures: [],
      undelivered: new Map([
        ['bad', 5n + 4n],
        ['good', 0n],
      ]),
    });
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is said also where the loop ends by then', async () => {
    const fake = fakeSink();
    let isLate = false;
    const ahead = (): number => {
      if (isLate) throw new RangeError('no such channel');
      return 0;
    };
    const { daemon, lines } = start(
      { platform: source([harvest(newEvents(1, 5))]) },
      { late: { ...fake, ahead } },
    );
    await elapse(clock.sleep(MINUTE));
    isLate = true;
    daemon.halt();
    await elapse(daemon.done);
    const said = lines.filter(({ fields }) => JSON.stringify(fields).includes('no such channel'));
    expect(said.map(({ text }) => text)).toEqual(['failed at its end']);
    expect(daemon.status.sinks.get('late')).toMatchObject({ state: 'stopped' });
  });

  it('in one source holds it alone, and it goes on when that is over', async () => {
    let broken = true;
    const flaky: Source = {
      ...source(),
      async *poll() {
        if (broken) throw new RangeError('no such certificate');
        yield harvest(newEvents(1, 3));
      },
    };
    const good = fakeSink();
    const { daemon } = start({ flaky, platform: source([harvest(newEvents(4, 9))]) }, { good });
    await elapse(clock.sleep(MINUTE));
    expect(good.taken).toHaveLength(6);
    expect(daemon.status.sources.get('flaky')).toMatchObject({
      state: 'held',
      reason: expect.stringContaining('no such certificate') as string,
    });
    broken = false;
    await elapse(clock.sleep(5 * MINUTE));
    expect(good.taken).toHaveLength(9);
    daemon.abort();
    await elapse(daemon.done);
  });

  it('in a loop itself begins it again, and no other', async () => {
    const good = fakeSink();
    let broken = true;
    const loose = fakeSink((batch, signal) => {
      if (broken) throw new ForwardError('denied', 'bad token');
      return takeAll(batch, signal);
    });
    loose.credentialReplaced = () => {
      if (broken) throw new TypeError('not even this');
      return false;
    };
    const { daemon, lines } = start(
      { platform: source([harvest(newEvents(1, 5))], [harvest(newEvents(6, 9))]) },
      { loose, good },
    );
    await elapse(clock.sleep(MINUTE));
    expect(good.taken).toHaveLength(9);
    expect(daemon.status.sinks.get('loose')).toMatchObject({ state: 'held' });
    expect(lines.some(({ fields }) => String(fields['next']).startsWith('the loop begins again'))).toBe(true);
    broken = false;
    await elapse(clock.sleep(10 * MINUTE));
    expect(loose.taken).toHaveLength(9);
    daemon.abort();
    await elapse(daemon.done);
  });

  it('in the jobs and the upkeep is shown, and everything else goes on', async () => {
    const journal: Journal = {
      ...stage.journal,
      jobs: () => Promise.reject(new TypeError('jobs')),
      prune: () => Promise.reject(new TypeError('prune')),
    };
    const good = fakeSink();
    const { daemon } = start({ platform: source([harvest(newEvents(1, 5))]) }, { good }, { journal });
    await elapse(clock.sleep(MINUTE));
    expect(good.taken).toHaveLength(5);
    expect(daemon.status.own).toMatchObject({
      jobs: { state: 'held', reason: 'unexpected error: jobs' },
      upkeep: { state: 'held', reason: 'unexpected error: prune' },
    });
    daemon.abort();
    expect((await elapse(daemon.done)).failures).toEqual([]);
  });
});

describe('a fault', () => {
  it('of the journal itself ends the run with its reason, also when the journal can tell nothing any more', async () => {
    const journal: Journal = {
      ...stage.journal,
      size: () => Promise.reject(new ForwardError('corrupt', 'the journal is broken')),
    };
    const { daemon } = start({ platform: source([]) }, { good: fakeSink() }, { journal });
    const end = await elapse(daemon.done);
    expect(end.failures.length).toBeGreaterThan(0);
    expect(end.failures.every(({ error }) => error.message === 'the journal is broken')).toBe(true);
    expect(end.undelivered).toEqual(new Map());
  });
});
