import { describe, expect, it } from 'vitest';

import type { Journal, JournalSize } from '../../src/checkpoint/journal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Finding, Json, MalformedItem } from '../../src/model/event.ts';
import { collect } from '../../src/pipeline/collect.ts';
import type { CollectContext } from '../../src/pipeline/collect.ts';
import { sourceStatus } from '../../src/pipeline/status.ts';
import type { SourceStatus } from '../../src/pipeline/status.ts';
import type { Harvest, Source, SourceState, Trouble } from '../../src/sources/source.ts';
import { harvest, newEvent, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import { listLog, MINUTE, SECOND, stageJournal } from './pieces.ts';
import type { Line } from './pieces.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const clock = simulatedClock(() => 0.5);
const stage = stageJournal();

interface FakeSource extends Source {
  /** When each poll began, and from which progress. */
  readonly polls: { atMs: number; progress: Json | null }[];
  secretReplaced: boolean;
  pending: number;
  /** Replaces what it says of itself. */
  said: Partial<SourceState>;
  troubles: Trouble[];
  standing: Finding[];
}

/** A source whose nth poll yields what it is told to; the last one stays. */
function fakeSource(...polls: readonly (() => Iterable<Harvest>)[]): FakeSource {
  const source: FakeSource = {
    polls: [],
    secretReplaced: false,
    pending: 0,
    said: {},
    troubles: [],
    standing: [],
    async *poll(held, progress, signal) {
      signal.throwIfAborted();
      source.polls.push({ atMs: clock.monotonic(), progress });
      for (const one of polls[Math.min(source.polls.length, polls.length) - 1]?.() ?? []) {
        await held.doubt(one, async () => false);
        yield one;
      }
    },
    async *read() {},
    count: async () => null,
    check: async () => ({ items: [] }),
    state: (): SourceState => ({
      frontierNs: null,
      targetNs: null,
      openWindows: source.troubles.length,
      pendingReconcile: source.pending,
      clockSkewMs: null,
      requests: 0,
      overlapMs: 0,
      troubles: source.troubles,
      standing: source.standing,
      ...source.said,
    }),
    origin: () => ({ product: CLOUDQUERY, instance: 'x', apiVersion: 'v2' }),
    credentialReplaced: () => source.secretReplaced,
    close: async () => {},
  };
  return source;
}

interface Run {
  readonly status: SourceStatus;
  readonly lines: Line[];
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

function run(source: Source, changes: Partial<CollectContext> = {}): Run {
  const status = sourceStatus('platform', clock.now());
  const lines: Line[] = [];
  const stop = new AbortController();
  const context: CollectContext = {
    name: 'platform',
    source,
    journal: stage.journal,
    beside: ['platform'],
    schedule: { everyMs: 20 * SECOND },
    clock,
    log: listLog(lines),
    status,
    patienceMs: null,
    ...changes,
  };
  const done = collect(context, stop.signal);
  done.catch(() => {});
  return { status, lines, stop, done };
}

const failing = (error: Error) => (): Iterable<Harvest> => {
  throw error;
};
const sized = (size: () => Partial<JournalSize>): Journal => ({
  ...stage.journal,
  size: async () => ({ ...(await stage.journal.size()), ...size() }),
});

describe('progress', () => {
  /** Polls for twenty minutes after a good start; how long ago it then last made progress, and its status. */
  async function afterTwentyMinutes(
    source: FakeSource,
    atFirst: Partial<SourceState>,
  ): Promise<{ agoMs: number; status: SourceStatus }> {
    Object.assign(source.said, atFirst);
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(20 * MINUTE));
    const agoMs = clock.monotonic() - (status.progressedMs ?? -1);
    const seen = { ...status };
    stop.abort(new Error('enough'));
    await elapse(done);
    return { agoMs, status: seen };
  }

  it('is made by a poll that finds nothing new, as long as the frontier moves', async () => {
    const source = fakeSource(() => {
      source.said = { frontierNs: BigInt(clock.now()) };
      return [harvest([])];
    });
    const { agoMs, status } = await afterTwentyMinutes(source, {});
    expect(agoMs).toBeLessThan(MINUTE);
    expect(clock.monotonic() - (status.caughtUp?.atMs ?? -1)).toBeLessThan(MINUTE);
  });

  it.each([
    ['each poll fails', failing(new ForwardError('transient', '503')), { frontierNs: 7n }],
    ['each poll is denied', failing(new ForwardError('denied', '401')), { frontierNs: 7n }],
    ['the frontier stands still', () => [harvest([])], { frontierNs: 7n }],
    ['windows stay open', failing(new ForwardError('transient', '504')), { frontierNs: 7n, openWindows: 3 }],
    [
      'every window fails although polls end well',
      () => [],
      { frontierNs: 7n, troubles: [{ window: { startNs: 0n, endNs: 7n }, reason: '502', sinceMs: 0 }] },
    ],
  ])('is not made while %s', async (_name, poll: () => Iterable<Harvest>, said) => {
    const source = fakeSource(() => [harvest(newEvents(1, 2))], poll);
    const { agoMs, status } = await afterTwentyMinutes(source, said);
    expect(agoMs).toBeGreaterThan(19 * MINUTE);
    const left = 'openWindows' in said || 'troubles' in said;
    expect(status.caughtUp === null).toBe(left); // with nothing left open the first poll had read everything
    expect(source.polls.length).toBeGreaterThan(2);
  });

  it('keeps a failure shown through the next try, since it began', async () => {
    const startMs = clock.now();
    const source = fakeSource(failing(new ForwardError('transient', '503', { hint: 'wait' })));

    const { status, stop, done } = run(source);
    const states = new Set<string>();
    for (let look = 0; look < 200; look += 1) {
      await elapse(clock.sleep(SECOND));
      states.add(`${status.state} ${status.reason ?? ''} ${status.sinceMs - startMs}`);
    }
    expect([...states]).toEqual(['retrying 503 0']);
    expect(status.retries.transient).toBeGreaterThan(3);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('is made by events that are read while windows are open', async () => {
    let number = 0;
    const source = fakeSource(() => {
      number += 1;
      return [harvest([newEvent(number)])];
    });
    const { agoMs, status } = await afterTwentyMinutes(source, {
      frontierNs: 7n,

      troubles: [],
    });
    expect(agoMs).toBeLessThan(MINUTE);
    expect(status.state).not.toBe('retrying');
  });
});

describe('polling', () => {
  it('commits every harvest, hands the committed progress to the next poll, and keeps the interval', async () => {
    const source = fakeSource(
      () => [harvest(newEvents(1, 3), { progress: 'one' }), harvest(newEvents(3, 5), { progress: 'two' })],
      () => [harvest([newEvent(6, { wanted: false })], { progress: 'three', purpose: 'reconcile' })],
      () => [],
    );
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(65 * SECOND));
    stop.abort(new Error('enough'));
    await elapse(done);
    expect(source.polls.map(({ progress }) => progress)).toEqual([null, 'two', 'three', 'three']);
    expect(source.polls.map(({ atMs }) => atMs)).toEqual([0, 19_000, 38_000, 57_000]);
    expect(status).toMatchObject({
      state: 'stopped',
      polls: 4,
      appended: 5,
      repeated: 1,
      filtered: 1,
      reconciled: 0,
    });
    expect(await stage.journal.size()).toMatchObject({ headSeq: 5n });
  });

  it('reports findings, and events whose bytes changed', async () => {
    const altered = newEvent(1, { original: '{"id":"event-000001","forged":true}' });
    const finding = { kind: 'gap', summary: 'nothing was read' };
    const source = fakeSource(() => [harvest(newEvents(1, 1)), harvest([altered], { findings: [finding] })]);
    const { status, lines, done } = run(source, { patienceMs: MINUTE });
    await elapse(done);
    expect(status).toMatchObject({ revised: 1, findings: 1 });
    const kinds = (await stage.journal.findings({ unacknowledgedOnly: true, limit: 9 })).map(
      ({ kind }) => kind,
    );
    expect(kinds.toSorted()).toEqual(['altered_event', 'gap']);
    expect(lines.some(({ text }) => text === 'nothing was read')).toBe(true);
  });

  it('says a finding once in the log, however many polls give it', async () => {
    const finding = { kind: 'stray_row', eventId: 'one', summary: 'listed elsewhere' };
    const source = fakeSource(() => [harvest([], { findings: [finding] })]);
    const { lines, stop, done } = run(source);
    await elapse(clock.sleep(2 * MINUTE));
    stop.abort(new Error('enough'));
    await elapse(done);
    expect(source.polls.length).toBeGreaterThan(2);
    expect(lines.filter(({ text }) => text === finding.summary)).toHaveLength(1);
  });

  it('goes on without a pause while closed windows are due', async () => {
    const source = fakeSource(() => {
      source.pending = source.polls.length < 3 ? 1 : 0;
      return [];
    });
    await elapse(run(source, { patienceMs: MINUTE }).done);
    expect(source.polls.map(({ atMs }) => atMs)).toEqual([0, 0, 0]);
  });
});

describe('a failure', () => {
  it('that passes is repeated from what was committed, without end and without hurry', async () => {
    const cut = (): Iterable<Harvest> =>
      (function* () {
        yield harvest(newEvents(1, 2), { progress: 'half' });
        throw new ForwardError('transient', 'reset');
      })();
    const source = fakeSource(cut);
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(60 * MINUTE));
    expect(source.polls.length).toBeGreaterThan(100);
    expect(source.polls.length).toBeLessThan(140);
    expect(source.polls.slice(1).every(({ progress }) => progress === 'half')).toBe(true);
    expect(status).toMatchObject({ state: 'retrying', reason: 'reset', appended: 2 });
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('waits for as long as the Platform asked', async () => {
    const source = fakeSource(
      failing(new ForwardError('transient', '429', { retryAfterMs: 30 * MINUTE })),
      () => [],
    );
    const { stop, done } = run(source);
    await elapse(clock.sleep(40 * MINUTE));
    expect(source.polls[1]?.atMs).toBeGreaterThanOrEqual(30 * MINUTE);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('denied holds with slow probes until the key is replaced, then goes on within seconds', async () => {
    const denied = failing(new ForwardError('denied', '401', { hint: 'replace the key' }));
    const source = fakeSource(...Array.from({ length: 50 }, () => denied));
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(60 * MINUTE));
    const probes = source.polls.length;
    expect(probes).toBeGreaterThan(8);
    expect(probes).toBeLessThan(30);
    expect(status).toMatchObject({ state: 'held', hint: 'replace the key' });
    expect(status.heldMs).toBeGreaterThan(50 * MINUTE);
    source.secretReplaced = true;
    await elapse(clock.sleep(3 * SECOND));
    expect(source.polls.length).toBeGreaterThan(probes);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('that nobody foresaw is held, and shown, and tried again', async () => {
    const source = fakeSource(failing(new TypeError('a bug')));
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(10 * MINUTE));
    expect(status).toMatchObject({ state: 'held', reason: 'unexpected error: a bug' });
    expect(source.polls.length).toBeGreaterThan(3);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('that passes says nothing about the key, and does not ask for another one', async () => {
    const source = fakeSource(failing(new ForwardError('transient', '503')));
    let asked = 0;
    source.credentialReplaced = () => (asked += 1) > 0;
    const { stop, done } = run(source);
    await elapse(clock.sleep(5 * MINUTE));
    expect(asked).toBe(0);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it.each([new ForwardError('corrupt', 'broken'), new ForwardError('config', 'wrong')])(
    'that no waiting can fix is thrown: %s',
    async (error) => {
      const source = fakeSource(failing(error));
      await expect(elapse(run(source).done)).rejects.toBe(error);
      expect(source.polls).toHaveLength(1);
    },
  );

  it('that outlasts the patience is thrown', async () => {
    const source = fakeSource(failing(new ForwardError('transient', 'down')));
    await expect(elapse(run(source, { patienceMs: 5 * MINUTE }).done)).rejects.toThrow('down');
    expect(clock.monotonic()).toBeLessThanOrEqual(5 * MINUTE);
  });

  it('of the journal commits nothing, and the same is read again', async () => {
    let full = true;
    const journal: Journal = {
      ...stage.journal,
      append: async (...args) => {
        if (!full) return stage.journal.append(...args);
        full = false;
        throw new ForwardError('transient', 'the disk is full');
      },
    };
    const source = fakeSource(() => [harvest(newEvents(1, 3))]);
    await elapse(run(source, { journal, patienceMs: MINUTE }).done);
    expect(source.polls.map(({ progress }) => progress)).toEqual([null, null]);
    expect(await stage.journal.size()).toMatchObject({ headSeq: 3n });
  });
});

describe('a window that fails', () => {
  const window = { startNs: 1n, endNs: 2n };
  const trouble = (nextTryMs?: number): Trouble => ({
    window,
    reason: 'answered 500',
    hint: 'look there',
    sinceMs: 0,
    ...(nextTryMs === undefined ? {} : { nextTryMs }),
  });
  const unreadable: Finding = { kind: 'unreadable_window', window, summary: 'it cannot be read' };

  it('keeps no poll waiting, and is tried again when it is due, also between rare polls', async () => {
    const source = fakeSource(() => {
      if (source.polls.length < 5) source.troubles = [trouble(clock.now() + 30 * SECOND)];
      else source.troubles = [];
      return [];
    });
    const { status, stop, done } = run(source, { schedule: { everyMs: 10 * MINUTE } });
    await elapse(clock.sleep(20 * MINUTE));
    expect(source.polls.slice(0, 5).map(({ atMs }) => atMs)).toEqual([0, 30_000, 60_000, 90_000, 120_000]);
    expect(source.polls[5]?.atMs).toBeGreaterThan(10 * MINUTE);
    expect(status.retries).toEqual({ transient: 0, denied: 0 });
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('that is to be narrowed at once does not wait for the next poll', async () => {
    const source = fakeSource(() => {
      source.troubles = source.polls.length < 3 ? [trouble()] : [];
      return [];
    });
    await elapse(run(source, { patienceMs: MINUTE }).done);
    expect(source.polls.map(({ atMs }) => atMs)).toEqual([0, 0, 0]);
  });

  it('ends a single run as a failure once patience is over, and not before', async () => {
    const source = fakeSource(() => {
      source.troubles = [trouble(clock.now() + 10 * SECOND)];
      return [];
    });
    const { done } = run(source, { patienceMs: 5 * MINUTE });
    await expect(elapse(done)).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/could not be read: answered 500/) as string,
      hint: 'look there',
    });
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5 * MINUTE);
    expect(clock.monotonic()).toBeLessThan(6 * MINUTE);
  });

  it('is a finding that is said once and settles itself, also after a restart', async () => {
    const open = async (): Promise<string[]> =>
      (await stage.journal.findings({ unacknowledgedOnly: true, limit: 9 })).map(({ kind }) => kind);
    const source = fakeSource(() => [harvest([])]);
    source.standing = [unreadable];
    const first = run(source);
    await elapse(clock.sleep(2 * MINUTE));
    expect(await open()).toEqual(['unreadable_window']);
    expect(first.lines.filter(({ text }) => text === unreadable.summary)).toHaveLength(1);
    first.stop.abort(new Error('enough'));
    await elapse(first.done);
    source.standing = [];
    await stage.journal.addFindings('other', [unreadable]);
    await stage.journal.addFindings('platform', [{ kind: 'gap', summary: 'stays' }]);
    const second = run(source);
    await elapse(clock.sleep(MINUTE));
    expect((await open()).toSorted()).toEqual(['gap', 'unreadable_window']);
    expect(second.lines.some(({ text }) => text === 'a finding is settled')).toBe(true);
    second.stop.abort(new Error('enough'));
    await elapse(second.done);
  });
});

describe('items that cannot be read', () => {
  const item = (n: number): MalformedItem => ({
    reason: 'the item has no created_at',
    bytes: Buffer.from(`{"id":"event-${String(n).padStart(6, '0')}","createdAt":"x"}`),
  });
  const items = (from: number, to: number): MalformedItem[] =>
    Array.from({ length: to - from + 1 }, (_, index) => item(from + index));
  const letters = async (): Promise<number> => (await stage.journal.deadLetterCounts()).get('platform') ?? 0;

  it('are set aside while others can', async () => {
    const source = fakeSource(() => [
      harvest(newEvents(1, 20), { malformed: items(101, 107) }),
      harvest(newEvents(21, 21), { malformed: items(108, 108) }),
      harvest([], { malformed: items(109, 112) }),
    ]);
    await elapse(run(source, { patienceMs: MINUTE }).done);
    expect(await letters()).toBe(12);
  });

  it('all of them hold the source: nothing is set aside or marked as read, and it goes on by itself', async () => {
    let renamed = true;
    const source = fakeSource(() =>
      renamed
        ? [harvest([], { malformed: items(1, 30), progress: 'read' })]
        : [harvest(newEvents(1, 30), { progress: 'read' })],
    );
    const { status, lines, stop, done } = run(source);
    await elapse(clock.sleep(10 * MINUTE));
    expect(status).toMatchObject({
      state: 'held',
      reason: expect.stringMatching(/nearly nothing can be read.*no created_at/) as string,
    });
    expect(lines.some(({ text }) => text === 'held')).toBe(true);
    expect(await letters()).toBe(0);
    expect(await stage.journal.progress('platform')).toBeNull();
    renamed = false;
    await elapse(clock.sleep(10 * MINUTE));
    expect(status).toMatchObject({ state: 'idle', appended: 30 });
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('one by one in a quiet log hold it as well', async () => {
    const source = fakeSource(
      ...Array.from({ length: 20 }, (_, n) => () => [harvest([], { malformed: items(1, n + 1) })]),
    );
    const { status, stop, done } = run(source);
    await elapse(clock.sleep(10 * MINUTE));
    expect(status.state).toBe('held');
    expect(await letters()).toBe(5);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('prove nothing when they are read again, also after a restart', async () => {
    const source = fakeSource(
      () => [harvest(newEvents(1, 20), { malformed: items(101, 108) })],
      () => [harvest([], { malformed: items(101, 108) })],
    );
    for (let restarts = 0; restarts < 2; restarts += 1) {
      const { status, stop, done } = run(source);
      await elapse(clock.sleep(5 * MINUTE));
      expect(status.state).toBe('idle');
      stop.abort(new Error('enough'));
      await elapse(done);
    }
    expect(await letters()).toBe(8);
  });

  it('are dead letters no more once they can be read, in other bytes or the same', async () => {
    const same = newEvent(3);
    await stage.journal.append(
      'platform',
      harvest([], { malformed: [item(1), item(2), { reason: 'no', bytes: Buffer.from(same.original) }] }),
    );
    await stage.journal.append('other', harvest([], { malformed: [item(1)] }));
    const source = fakeSource(() => [harvest([newEvent(1), same])]);
    await elapse(run(source, { patienceMs: MINUTE }).done);
    expect(await stage.journal.deadLetterCounts()).toEqual(
      new Map([
        ['platform', 1],
        ['other', 1],
      ]),
    );
  });
});

describe('a full journal', () => {
  it('is looked for before a poll and after what was read, not after each harvest that holds nothing', async () => {
    let asked = 0;
    const journal = sized(() => {
      asked += 1;
      return {};
    });
    const source = fakeSource(() => [harvest(newEvents(1, 3)), harvest([]), harvest([])]);
    const { stop } = run(source, { journal });
    await elapse(clock.sleep(SECOND));
    stop.abort();
    expect(asked).toBe(2);
  });

  it('stops asking, also in the middle of a poll, and goes on when there is room', async () => {
    let usedBytes = 0;
    const source = fakeSource(
      () => [harvest(newEvents(1, 1), { progress: 1 }), harvest(newEvents(2, 2), { progress: 2 })],
      () => [],
    );
    const journal: Journal = {
      ...sized(() => ({ usedBytes, limitBytes: 100 })),
      append: async (...args) => {
        usedBytes = 100;
        return stage.journal.append(...args);
      },
    };
    const { status, lines, stop, done } = run(source, { journal });
    await elapse(clock.sleep(10 * MINUTE));
    expect(await stage.journal.size()).toMatchObject({ headSeq: 1n });
    expect(status.state).toBe('waiting_for_space');
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    usedBytes = 0;
    await elapse(clock.sleep(3 * SECOND));
    expect(await stage.journal.size()).toMatchObject({ headSeq: 2n });
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it.each([
    [0, 'no event is left in it', 'raise state.max_size, or shorten audit_horizon of the sources'],
    [7, 'until the sinks have caught up', 'fix the sink that is behind, or raise state.max_size'],
  ])('with %i events says what it is full of', async (events, reason, hint) => {
    const journal = sized(() => ({ usedBytes: 100, limitBytes: 100, events }));
    const { status, stop, done } = run(
      fakeSource(() => []),
      { journal },
    );
    await elapse(clock.sleep(SECOND));
    expect(status).toMatchObject({ state: 'waiting_for_space', hint });
    expect(status.reason).toContain(reason);
    stop.abort(new Error('enough'));
    await elapse(done);
  });

  it('is not waited for beyond patience: a single run must end', async () => {
    const journal = sized(() => ({ usedBytes: 100, limitBytes: 100 }));
    const source = fakeSource(() => []);
    const { done } = run(source, { journal, patienceMs: 5 * MINUTE });
    await expect(elapse(done)).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('journal is full') as string,
    });
    expect(source.polls).toEqual([]);
    expect(clock.monotonic()).toBeLessThan(15 * MINUTE);
  });
});

describe('an abort', () => {
  it('ends the loop wherever it waits', async () => {
    const waits: [string, FakeSource, Partial<CollectContext>][] = [
      ['between polls', fakeSource(() => []), {}],
      ['in a hold', fakeSource(failing(new ForwardError('denied', '401'))), {}],
      ['for space', fakeSource(() => []), { journal: sized(() => ({ usedBytes: 1, limitBytes: 1 })) }],
    ];
    for (const [, source, changes] of waits) {
      const { status, stop, done } = run(source, changes);
      await elapse(clock.sleep(100));
      stop.abort(new Error('enough'));
      const before = clock.monotonic();
      await elapse(done);
      expect(clock.monotonic()).toBe(before);
      expect(status.state).toBe('stopped');
    }
  });
});
