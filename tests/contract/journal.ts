import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { eventsAfter } from '../../src/checkpoint/journal.ts';
import type { DeadLetterFilter, Journal } from '../../src/checkpoint/journal.ts';
import type { Clock } from '../../src/model/clock.ts';
import { eventIdOf } from '../../src/model/event-id.ts';
import type { AuditEvent, NewEvent, Window } from '../../src/model/event.ts';
import { formatTime, NS_PER_SECOND, parseTime } from '../../src/model/time.ts';
import type { Harvest } from '../../src/sources/source.ts';

/** A clock that moves only when a test says so. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** How many sleeps are going on. */
  sleeping(): number;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly clock: ManualClock;
  /** Closes the journal and opens it again on the same content. */
  reopen(): Promise<Journal>;
  /** A second view beside the first one, as a command has it. */
  guest(): Promise<Journal>;
  end(): Promise<void>;
}

export const LIMIT_BYTES = 64 * 1024 * 1024;
export const START_MS = Date.parse('2026-03-01T12:00:00Z');
export const START_NS = BigInt(START_MS) * 1_000_000n;
export const EVERYTHING: Window = { startNs: 0n, endNs: 2n ** 63n - 1n };
const FULL_READ = { maxEvents: 10_000, maxBytes: 1e9 };
const signal = new AbortController().signal;

export function manualClock(): ManualClock {
  let now = START_MS;
  const sleepers = new Set<{ due: number; wake: () => void }>();
  return {
    now: () => now,
    monotonic: () => now - START_MS,
    random: () => 0.5,
    sleeping: () => sleepers.size,
    advance: (ms) => {
      now += ms;
      for (const sleeper of sleepers) if (sleeper.due <= now) sleeper.wake();
    },
    sleep: (ms, abort) =>
      new Promise((resolve, reject) => {
        abort?.throwIfAborted();
        const sleeper = {
          due: now + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        abort?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(abort.reason as Error);
        });
      }),
  };
}

/** Event number n: created n seconds after the start. */
export function newEvent(n: number, changes: Partial<NewEvent> = {}): NewEvent {
  const createdNs = START_NS + BigInt(n) * NS_PER_SECOND;
  const id = `event-${String(n).padStart(6, '0')}`;
  const createdAt = formatTime(createdNs);
  const original = JSON.stringify({ id, created_at: createdAt, event_type: 'sync.run', n });
  return { id, createdAt, createdNs, original, eventType: 'sync.run', wanted: true, ...changes };
}

export function newEvents(from: number, to: number): NewEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => newEvent(from + index));
}

export function harvest(events: readonly NewEvent[], changes: Partial<Harvest> = {}): Harvest {
  return {
    purpose: 'live',
    events,
    malformed: [],
    coverage: [],
    findings: [],
    progress: { at: 'here' },
    ...changes,
  };
}

/** An event as what it says: a journal may make its text when it is asked for. */
function plain({ seq, source, id, createdAt, original, receivedAt }: AuditEvent): AuditEvent {
  return { seq, source, id, createdAt, original, receivedAt };
}

function seconds(start: number, end: number): Window {
  return {
    startNs: START_NS + BigInt(start) * NS_PER_SECOND,
    endNs: START_NS + BigInt(end) * NS_PER_SECOND,
  };
}

/** Text of so many characters that a journal which compresses cannot make smaller than half. */
export function incompressible(characters: number): string {
  return randomBytes(characters / 2).toString('hex');
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const every = (changes: Partial<DeadLetterFilter> = {}): DeadLetterFilter => ({ limit: 100, ...changes });

/** What every journal promises, whatever it keeps its content in. */
export function journalContract(name: string, open: () => Promise<OpenedJournal>): void {
  describe(`${name} keeps the journal's contract:`, () => {
    let opened: OpenedJournal;
    let journal: Journal;
    const eventsHeld = (): Promise<readonly { id: string }[]> => journal.read(0n, FULL_READ);
    const idsHeld = async (): Promise<string[]> => (await eventsHeld()).map(({ id }) => id);
    const reopen = async (): Promise<void> => {
      journal = await opened.reopen();
    };
    beforeEach(async () => {
      opened = await open();
      journal = opened.journal;
    });
    afterEach(() => opened.end());

    describe('append', () => {
      it('keeps events byte for byte, in order, over a restart', async () => {
        const odd = newEvent(2, {
          id: 'nul\u0000 and ünï 🛰',
          original: '{"big":12345678901234567890, "t":"a\\u0000ß\u2028🛰"}',
        });
        const first = newEvent(1, { createdAt: '2026-03-01T12:00:01.123456789Z' });
        await journal.append('platform', harvest([first, odd]));
        opened.clock.advance(1500);
        await journal.append('other', harvest([newEvent(1)]));
        await reopen();
        expect((await journal.read(0n, FULL_READ)).map(plain)).toEqual([
          {
            seq: 1n,
            source: 'platform',
            id: first.id,
            createdAt: first.createdAt,
            original: first.original,
            receivedAt: '2026-03-01T12:00:00.000Z',
          },
          {
            seq: 2n,
            source: 'platform',
            id: odd.id,
            createdAt: odd.createdAt,
            original: odd.original,
            receivedAt: '2026-03-01T12:00:00.000Z',
          },
          {
            seq: 3n,
            source: 'other',
            id: newEvent(1).id,
            createdAt: newEvent(1).createdAt,
            original: newEvent(1).original,
            receivedAt: '2026-03-01T12:00:01.500Z',
          },
        ]);
      });

      it('drops repeats by id, also inside one harvest', async () => {
        expect(await journal.append('platform', harvest([newEvent(1), newEvent(2), newEvent(1)]))).toEqual({
          appended: 2,
          repeated: 1,
          filtered: 0,
          malformed: 0,
          revised: [],
          shared: 0,
        });
        await reopen();
        expect(await journal.append('platform', harvest(newEvents(1, 3)))).toMatchObject({
          appended: 1,
          repeated: 2,
        });
        expect(await idsHeld()).toEqual(newEvents(1, 3).map(({ id }) => id));
      });

      it('keeps the same id of two sources apart', async () => {
        await journal.append('a', harvest([newEvent(1)]));
        expect(await journal.append('b', harvest([newEvent(1)]))).toMatchObject({ appended: 1, repeated: 0 });
      });

      it('reports other bytes under a known id and keeps the first ones', async () => {
        await journal.append('platform', harvest([newEvent(1)]));
        const altered = newEvent(1, { original: '{"id":"event-000001","altered":true}' });
        const { revised, appended, repeated } = await journal.append('platform', harvest([altered]));
        expect({ appended, repeated }).toEqual({ appended: 0, repeated: 1 });
        expect(revised).toEqual([
          {
            id: altered.id,
            createdAt: altered.createdAt,
            heldHash: sha256(newEvent(1).original),
            seenHash: sha256(altered.original),
            held: newEvent(1).original,
            seen: altered.original,
          },
        ]);
        expect((await journal.newest(1))[0]?.original).toBe(newEvent(1).original);
      });

      it('remembers the ids that filters left out, and appends them when they are wanted later', async () => {
        const left = newEvent(1, { wanted: false });
        expect(await journal.append('platform', harvest([left, left]))).toMatchObject({
          appended: 0,
          filtered: 1,
          repeated: 1,
        });
        expect(await idsHeld()).toEqual([]);
        expect(await journal.held('platform').count(EVERYTHING)).toBe(1);
        expect(await journal.append('platform', harvest([newEvent(1)]))).toMatchObject({
          appended: 1,
          filtered: 0,
        });
        expect(await journal.append('platform', harvest([left]))).toMatchObject({ repeated: 1, revised: [] });
        expect(await idsHeld()).toEqual([left.id]);
        expect(await journal.held('platform').count(EVERYTHING)).toBe(1);
        const altered = newEvent(2, { wanted: false });
        await journal.append('platform', harvest([altered]));
        const { revised } = await journal.append(
          'platform',
          harvest([newEvent(2, { original: '{"now":"other"}' })]),
        );
        expect(revised).toMatchObject([{ id: altered.id, held: null, seen: '{"now":"other"}' }]);
        expect((await journal.newest(1))[0]?.original).toBe('{"now":"other"}');
        expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 2 });
      });

      it('replaces progress, per source, and leaves it as it is for null', async () => {
        expect(await journal.progress('platform')).toBeNull();
        await journal.append('platform', harvest([], { progress: { frontier: '1', open: [1, 2] } }));
        await journal.append('platform', harvest([newEvent(1)], { progress: null }));
        await journal.append('other', harvest([], { progress: 'mine' }));
        await reopen();
        expect(await journal.progress('platform')).toEqual({ frontier: '1', open: [1, 2] });
        expect(await journal.progress('other')).toBe('mine');
      });

      it('takes nothing of a harvest that it cannot take whole', async () => {
        await journal.append('platform', harvest([newEvent(1)]));
        const backwards = {
          startNs: START_NS + 1n,
          endNs: START_NS,
          status: 'read' as const,
          serverCount: null,
        };
        const broken = harvest(newEvents(2, 50), {
          progress: 'lost',
          coverage: [backwards],
          malformed: [{ reason: 'no', bytes: Buffer.from('x') }],
        });
        await expect(journal.append('platform', broken)).rejects.toThrow(/ends before it starts/);
        expect(await idsHeld()).toEqual([newEvent(1).id]);
        expect(await journal.progress('platform')).toEqual({ at: 'here' });
        expect(await journal.deadLetters(every())).toEqual([]);
        expect(await journal.append('platform', harvest(newEvents(2, 50)))).toMatchObject({ appended: 49 });
        expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 50 });
      });

      it('counts event types over all new ids', async () => {
        const filtered = newEvent(5, { eventType: 'login', wanted: false });
        await journal.append(
          'platform',
          harvest([newEvent(3), newEvent(1), newEvent(2, { eventType: 'login' })]),
        );
        await journal.append('platform', harvest([filtered, newEvent(3), { ...filtered, wanted: true }]));
        expect(await journal.eventTypes()).toEqual([
          {
            source: 'platform',
            eventType: 'login',
            count: 2,
            firstNs: newEvent(2).createdNs,
            lastNs: newEvent(5).createdNs,
          },
          {
            source: 'platform',
            eventType: 'sync.run',
            count: 2,
            firstNs: newEvent(1).createdNs,
            lastNs: newEvent(3).createdNs,
          },
        ]);
      });
    });

    describe('known ids', () => {
      it('counts and names them by window, both ends inclusive', async () => {
        await journal.append('platform', harvest([...newEvents(1, 9), newEvent(10, { wanted: false })]));
        await journal.append('other', harvest([newEvent(5)]));
        const held = journal.held('platform');
        expect(await held.count(seconds(3, 10))).toBe(8);
        expect(await held.count({ startNs: newEvent(3).createdNs + 1n, endNs: newEvent(4).createdNs })).toBe(
          1,
        );
        expect(await held.count({ startNs: -(2n ** 80n), endNs: 2n ** 80n })).toBe(10);
        expect(await held.known([newEvent(3), newEvent(3, { id: 'nobody' }), newEvent(10)])).toEqual([
          newEvent(3).id,
          null,
          newEvent(10).id,
        ]);
        expect(await held.missing(seconds(3, 6), new Set([newEvent(4).id]), 2)).toEqual([
          newEvent(3).id,
          newEvent(5).id,
        ]);
        expect(await held.missing(seconds(3, 4), new Set([newEvent(3).id, newEvent(4).id]), 9)).toEqual([]);
        const known = (n: number, seq: bigint | null): object => ({
          id: newEvent(n).id,
          kept: seq !== null,
          createdNs: newEvent(n).createdNs,
          seq,
          hash: sha256(newEvent(n).original),
        });
        expect(await journal.idsInWindow('platform', seconds(8, 10), newEvent(8), 10)).toEqual([
          known(9, 9n),
          known(10, null),
        ]);
        expect(await journal.idsInWindow('platform', EVERYTHING, null, 3)).toHaveLength(3);
      });

      it('are counted where their events were left out or pruned', async () => {
        await journal.append('platform', harvest([...newEvents(1, 9), newEvent(10, { wanted: false })]));
        await journal.append('another', harvest([newEvent(11), newEvent(12, { wanted: false })]));
        await journal.moveCursor('splunk', 4n, []);
        expect(await journal.absentInWindow('platform', EVERYTHING)).toEqual({ leftOut: 1, pruned: 0 });
        await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
        const { oldestSeq } = await journal.size();
        expect(oldestSeq).toBe(5n);
        expect(await journal.absentInWindow('platform', EVERYTHING)).toEqual({ leftOut: 1, pruned: 4 });
        expect(await journal.absentInWindow('platform', seconds(3, 8))).toEqual({ leftOut: 0, pruned: 2 });
        expect(await journal.absentInWindow('nobody', EVERYTHING)).toEqual({ leftOut: 0, pruned: 0 });
      });
    });

    describe('events that share an id', () => {
      const first = newEvent(1);
      const later = newEvent(9, { id: first.id });
      const other = newEvent(1, { eventType: 'login' });
      const all = [first, later, other];
      const fresh = { appended: 3, repeated: 0, revised: [], shared: 2 };
      const again = { appended: 0, repeated: 3, revised: [], shared: 0 };

      it('are all kept, the first under the id and each other under one of its own, in any order and over restarts', async () => {
        expect(await journal.append('platform', harvest(all))).toMatchObject(fresh);
        const kept = await idsHeld();
        expect(kept[0]).toBe(first.id);
        expect(new Set(kept).size).toBe(3);
        for (const id of kept.slice(1)) expect(id).toMatch(new RegExp(`^${first.id}#[0-9a-f]{32}$`));
        await reopen();
        expect(await journal.append('platform', harvest(all.toReversed()))).toMatchObject(again);
        expect(await journal.held('platform').known(all)).toEqual(kept);
        const guest = await opened.guest();
        expect(await guest.held('platform').known([other, newEvent(3, { id: first.id }), first])).toEqual([
          kept[2],
          null,
          first.id,
        ]);
        await guest.close();
        expect(await idsHeld()).toEqual(kept);
        expect(await journal.held('platform').count(seconds(1, 9))).toBe(3);
        expect(await journal.held('platform').count(seconds(2, 9))).toBe(1);
        expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 3 });
      });

      it('are one finding, which stays acknowledged', async () => {
        await journal.append('platform', harvest(all));
        const [finding, ...more] = await journal.findings({ unacknowledgedOnly: true, limit: 9 });
        expect(more).toEqual([]);
        expect(finding).toMatchObject({ source: 'platform', kind: 'shared_id', seen: 1 });
        expect(finding?.detail).toMatchObject({
          events: 2,
          named: [{ id: first.id, created_at: later.createdAt }, { event_type: 'login' }],
        });
        await journal.acknowledge([finding?.id ?? 0n], 'known');
        await journal.append('platform', harvest(all));
        await journal.append('platform', harvest([newEvent(20, { id: first.id })]));
        expect(await journal.findings({ unacknowledgedOnly: true, limit: 9 })).toEqual([]);
        expect(await journal.findings({ unacknowledgedOnly: false, limit: 9 })).toMatchObject([{ seen: 2 }]);
      });

      it('are found again after the first one was pruned and forgotten', async () => {
        await journal.append('platform', harvest(all));
        await journal.moveCursor('splunk', 3n, []);
        await journal.prune(['splunk'], '2027-01-01T00:00:00Z', later.createdNs);
        const [, kept] = await journal.held('platform').known([first, later]);
        expect(kept).toMatch(/#/);
        expect(await journal.append('platform', harvest([later]))).toMatchObject({
          appended: 0,
          repeated: 1,
        });
      });

      it('are one event where only the bytes, or what is below the second, differ', async () => {
        const fine = newEvent(1, { createdNs: first.createdNs + 123_456_000n });
        await journal.append('platform', harvest([fine]));
        const seen = [first, { ...fine, original: '{"other":"bytes"}' }];
        expect(await journal.append('platform', harvest(seen))).toMatchObject({
          appended: 0,
          repeated: 2,
          shared: 0,
        });
        const beside = newEvent(1, { createdNs: first.createdNs + 500_000_000n });
        expect(await journal.append('platform', harvest([beside]))).toMatchObject({ appended: 1, shared: 1 });
      });

      it('and one second are told apart, and each found again by a time cut to seconds', async () => {
        const at = (ns: bigint) => newEvent(7, { id: first.id, createdNs: newEvent(7).createdNs + ns });
        const three = [at(200_000_000n), at(400_000_000n), at(600_000_000n)];
        expect(await journal.append('platform', harvest([first, ...three]))).toMatchObject({ appended: 4 });
        expect(await journal.append('platform', harvest(three.toReversed()))).toMatchObject({ repeated: 3 });
        expect(await journal.append('platform', harvest([at(0n)]))).toMatchObject({
          appended: 0,
          repeated: 1,
        });
      });

      it('are left out, and appended when they are wanted later, under the same id', async () => {
        const left = { ...later, wanted: false };
        expect(await journal.append('platform', harvest([first, left]))).toMatchObject({
          appended: 1,
          filtered: 1,
        });
        const [id] = await journal.held('platform').known([later]);
        expect(await journal.append('platform', harvest([later]))).toMatchObject({ appended: 1, shared: 0 });
        expect(await idsHeld()).toEqual([first.id, id]);
      });

      it('are kept apart where their sources go to the same sinks, and only there', async () => {
        const both = ['a', 'b'];
        await journal.append('a', harvest([first, newEvent(2, { wanted: false })]), both);
        const mine = [first, newEvent(2), newEvent(3)];
        expect(await journal.append('b', harvest(mine), both)).toMatchObject({ appended: 3, shared: 0 });
        expect(await journal.append('b', harvest(mine), both)).toMatchObject({ appended: 0, repeated: 3 });
        const [, one, ...others] = await idsHeld();
        expect(one).toMatch(new RegExp(`^${first.id}#[0-9a-f]{32}$`));
        expect(others).toEqual([newEvent(2).id, newEvent(3).id]);
        // Filters of `a` are widened: the id has reached the sinks for an event of `b` by now.
        expect(await journal.append('a', harvest([newEvent(2)]), both)).toMatchObject({ appended: 1 });
        expect(await journal.append('a', harvest([newEvent(2)]), both)).toMatchObject({ repeated: 1 });
        expect(new Set(await idsHeld()).size).toBe(5);
        expect(await journal.append('renamed', harvest([first]), ['renamed'])).toMatchObject({ appended: 1 });
        expect((await idsHeld()).at(-1)).toBe(first.id);
        expect(await journal.findings({ unacknowledgedOnly: false, limit: 9 })).toEqual([]);
        expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 6 });
      });
    });

    describe('cursors', () => {
      it('start at 0, move forward only, and survive a restart', async () => {
        await journal.append('platform', harvest(newEvents(1, 5)));
        expect(await journal.cursor('splunk')).toBe(0n);
        await journal.moveCursor('splunk', 3n, []);
        await journal.moveCursor('splunk', 3n, []);
        await expect(journal.moveCursor('splunk', 2n, [])).rejects.toThrow(/cannot move back/);
        await expect(journal.moveCursor('splunk', 6n, [])).rejects.toThrow(/no such event/);
        await reopen();
        expect(await journal.cursor('splunk')).toBe(3n);
        expect(await journal.cursor('elastic')).toBe(0n);
        expect((await journal.read(3n, FULL_READ)).map(({ seq }) => seq)).toEqual([4n, 5n]);
      });

      it('keep what a heartbeat will tell, in the same step and over a restart', async () => {
        await journal.append('platform', harvest(newEvents(1, 5)));
        expect(await journal.segment('splunk')).toBeNull();
        await journal.moveCursor('splunk', 3n, [], { events: 3 });
        await expect(journal.moveCursor('splunk', 9n, [], { events: 9 })).rejects.toThrow(/no such event/);
        await reopen();
        expect(await journal.segment('splunk')).toEqual({ events: 3 });
        await journal.moveCursor('splunk', 4n, []);
        expect(await journal.segment('splunk')).toEqual({ events: 3 });
        await journal.recordRetried([], [], { sink: 'splunk', segment: { events: 4 } });
        expect(await journal.segment('splunk')).toEqual({ events: 4 });
        await journal.keepSegment('splunk', { events: 0 });
        expect(await journal.segment('splunk')).toEqual({ events: 0 });
        expect(await journal.segment('elastic')).toBeNull();
      });

      it('the head is the newest event, and another with each one', async () => {
        const none = await journal.head();
        expect(none.seq).toBe(0n);
        await journal.append('platform', harvest(newEvents(1, 5)));
        const { seq, hash } = await journal.head();
        expect(seq).toBe(5n);
        expect(hash).toBe((await journal.verifyChain(signal)).head);
        expect(hash).not.toBe(none.hash);
      });

      const begun = (seq: bigint, isNew: boolean, pruned: object | null): object => ({ seq, isNew, pruned });
      const FUTURE = '2027-01-01T00:00:00Z';

      it('of a new sink begin with what the journal holds, which is no finding', async () => {
        expect(await journal.begin('first')).toEqual(begun(0n, true, null));
        await journal.append('platform', harvest(newEvents(1, 5)));
        await journal.moveCursor('first', 5n, []);
        expect(await journal.prune(['first'], FUTURE, 0n)).toBe(5);
        const pruned = {
          fromSeq: 1n,
          toSeq: 5n,
          events: 5,
          window: { startNs: newEvent(1).createdNs, endNs: newEvent(5).createdNs },
        };
        expect(await journal.begin('second')).toEqual(begun(5n, true, pruned));
        expect(await journal.begin('second')).toEqual(begun(5n, false, null));
        expect(await journal.findings({ unacknowledgedOnly: false, limit: 9 })).toEqual([]);
        expect(await journal.prunedUndelivered()).toEqual(new Map());
      });

      it('pass what was pruned while a sink was away only with a finding, one for each gap', async () => {
        await journal.append('platform', harvest(newEvents(1, 10)));
        await journal.begin('never sent');
        await journal.moveCursor('away', 4n, []);
        await journal.moveCursor('splunk', 10n, []);
        await journal.prune(['splunk'], FUTURE, 0n);
        await reopen();
        const waiting = new Map([
          ['away', 6],
          ['never sent', 10],
        ]);
        expect(await journal.prunedUndelivered()).toEqual(waiting); // before anybody passes it
        expect(await journal.begin('away')).toMatchObject({
          seq: 10n,
          isNew: false,
          pruned: { fromSeq: 5n, toSeq: 10n, window: { startNs: newEvent(5).createdNs } },
        });
        expect(await journal.begin('away')).toEqual(begun(10n, false, null));
        await journal.append('platform', harvest(newEvents(11, 13)));
        await journal.moveCursor('splunk', 13n, []);
        await journal.prune(['splunk'], FUTURE, newEvent(50).createdNs);
        await journal.moveCursor('away', 13n, []); // also a loop that never begins
        await journal.begin('never sent');
        await reopen();
        const findings = await journal.findings({ unacknowledgedOnly: true, limit: 9 });
        expect(findings.map(({ source, detail }) => [source, detail]).toSorted()).toEqual([
          ['away', { sink: 'away', from_seq: 11, to_seq: 13, events: 3 }],
          ['away', { sink: 'away', from_seq: 5, to_seq: 10, events: 6 }],
          ['never sent', { sink: 'never sent', from_seq: 1, to_seq: 13, events: 13 }],
        ]);
        expect(findings.every(({ kind, seen }) => kind === 'pruned_before_delivery' && seen === 1)).toBe(
          true,
        );
        const lost = new Map([
          ['away', 9],
          ['never sent', 13],
        ]);
        expect(await journal.prunedUndelivered()).toEqual(lost);
        await journal.acknowledge(
          findings.map(({ id }) => id),
          'sent again',
        );
        expect(await journal.prunedUndelivered()).toEqual(new Map());
      });

      it('bounds a read by events and by bytes, but gives at least one', async () => {
        await journal.append('platform', harvest(newEvents(1, 9)));
        const size = Buffer.byteLength(newEvent(1).original);
        const read = async (maxEvents: number, maxBytes: number): Promise<number> =>
          (await journal.read(0n, { maxEvents, maxBytes })).length;
        expect(await read(4, 1e9)).toBe(4);
        expect(await read(100, 3 * size)).toBe(3);
        expect(await read(100, 3 * size - 1)).toBe(2);
        expect(await read(100, 1)).toBe(1);
        expect((await journal.newest(2)).map(({ seq }) => seq)).toEqual([9n, 8n]);
      });

      it('reads no more large events at once than memory holds, but every one in the end', async () => {
        const large = (n: number) => newEvent(n, { original: JSON.stringify({ n, text: 'x'.repeat(12e6) }) });
        await journal.append('platform', harvest([1, 2, 3].map(large)));
        const events = await journal.read(0n, FULL_READ);
        const rejected = events.map((event) => ({ event, reason: 'no', attempts: 1 }));
        await journal.moveCursor('splunk', 3n, rejected);
        const window = async (after: bigint) => journal.readWindow(null, seconds(0, 9), after, 100);
        const letters = async (after: bigint) => journal.deadLetters({ owner: 'splunk', after, limit: 100 });
        expect((await window(0n)).map(({ seq }) => seq)).toEqual([1n, 2n]);
        expect((await window(2n)).map(({ original }) => original.length)).toEqual([
          events[2]?.original.length,
        ]);
        expect((await letters(0n)).map(({ event }) => event?.seq)).toEqual([1n, 2n]);
        expect(await letters((await letters(0n))[1]?.id ?? 0n)).toHaveLength(1);
      });

      it('lets events and dead letters be looked at without what they hold', async () => {
        await journal.append('platform', harvest([newEvent(1), newEvent(2, { original: 'x'.repeat(5000) })]));
        const [event] = await journal.read(1n, FULL_READ);
        if (event === undefined) throw new Error('the event is gone');
        const { original, ...told } = plain(event);
        const place = { ...told, createdNs: parseTime(event.createdAt) };
        expect(await journal.newest(1, 4999)).toEqual([{ ...place, bytes: 5000, original: null }]);
        expect(await journal.newest(1, 5000)).toEqual([{ ...place, bytes: 5000, original }]);
        expect(await journal.firstAfter(1n)).toEqual({ ...place, bytes: 5000, original: null });
        expect(await journal.firstAfter(2n)).toBeNull();
        await journal.moveCursor('splunk', 2n, [{ event, reason: 'no', attempts: 1 }]);
        const [letter] = await journal.glanceAtDeadLetters({ owner: 'splunk', limit: 9 }, 3);
        expect(letter).toMatchObject({ event: told, content: Buffer.from('xxx'), size: 5000, reason: 'no' });
        expect(letter?.event).not.toHaveProperty('original');
      });

      it('reads a window of events in journal order, of one source or all', async () => {
        await journal.append('platform', harvest([newEvent(4), newEvent(2), newEvent(3), newEvent(1)]));
        await journal.append('other', harvest([newEvent(2)]));
        await journal.append('other', harvest([newEvent(3, { wanted: false })], { progress: null }));
        const seqs = async (source: string | null, after: bigint, max: number): Promise<bigint[]> =>
          (await journal.readWindow(source, seconds(2, 3), after, max)).map(({ seq }) => seq);
        expect(await seqs('platform', 0n, 10)).toEqual([2n, 3n]);
        expect(await seqs(null, 0n, 10)).toEqual([2n, 3n, 5n]);
        expect(await seqs(null, 2n, 1)).toEqual([3n]);
      });
    });

    describe('waiting', () => {
      it('resolves at once when there is something, and on append without any time passing', async () => {
        await journal.append('platform', harvest([newEvent(1)]));
        await journal.waitForEvents(0n, 60_000, signal);
        let woken = false;
        const waiting = journal.waitForEvents(1n, 60_000, signal).then(() => (woken = true));
        await journal.append('platform', harvest([newEvent(1), newEvent(2, { wanted: false })]));
        await journal.cursor('splunk');
        expect(woken).toBe(false);
        await journal.append('platform', harvest([newEvent(3)]));
        await waiting;
        expect(opened.clock.sleeping()).toBe(0);
      });

      it('waits for what a read would find: not for events that were pruned', async () => {
        await journal.append('platform', harvest(newEvents(1, 3)));
        await journal.prune([], '2027-01-01T00:00:00Z', 0n);
        let woken = false;
        const waiting = journal.waitForEvents(0n, 60_000, signal).then(() => (woken = true));
        await journal.cursor('splunk');
        expect(woken).toBe(false);
        expect(eventsAfter(await journal.size(), 0n)).toBe(0);
        await journal.append('platform', harvest([newEvent(4)]));
        await waiting;
        expect(await journal.read(0n, FULL_READ)).toMatchObject([{ seq: 4n }]);
        expect(eventsAfter(await journal.size(), 0n)).toBe(1);
      });

      it('resolves after the timeout and rejects with the reason of an abort', async () => {
        const waiting = journal.waitForEvents(0n, 60_000, signal);
        opened.clock.advance(60_000);
        await waiting;
        const stop = new AbortController();
        const aborted = journal.waitForEvents(0n, 60_000, stop.signal);
        stop.abort(new Error('stopping'));
        await expect(aborted).rejects.toThrow('stopping');
        await expect(journal.waitForEvents(0n, 60_000, stop.signal)).rejects.toThrow('stopping');
        expect(opened.clock.sleeping()).toBe(0);
      });

      it('hears of what a command of this process left, also while nobody was waiting', async () => {
        const first = await journal
          .addJob('backfill', null)
          .then(() => journal.waitForNews(0, null, 60_000, signal));
        let woken = 0;
        const waiting = journal.waitForNews(first, null, 60_000, signal).then((news) => (woken = news));
        await journal.append('platform', harvest([newEvent(1)]));
        await journal.cursor('splunk');
        expect(woken).toBe(0); // events do not matter to it
        await journal.tellNews();
        expect(await waiting).not.toBe(first);
        expect(await journal.waitForNews(first, null, 60_000, signal)).toBe(woken);
        expect(await journal.waitForNews(woken, 0n, 60_000, signal)).toBe(woken); // there is an event
        expect(opened.clock.sleeping()).toBe(0);
      });

      it('hears of what another process left, and keeps no timer afterwards', async () => {
        const guest = await opened.guest();
        let woken = 0;
        const news = await journal.tellNews().then(() => journal.waitForNews(0, null, 60_000, signal));
        const waiting = [0, 1].map(() =>
          journal.waitForNews(news, 0n, 600_000, signal).then(() => (woken += 1)),
        );
        for (let second = 0; second < 5; second += 1) {
          opened.clock.advance(1000);
          await journal.cursor('splunk');
        }
        expect(woken).toBe(0);
        await guest.addJob('replay', null);
        for (let turn = 0; woken < 2 && turn < 5000; turn += 1) {
          // A journal in another process may still be opening its connection.
          opened.clock.advance(turn === 0 ? 1000 : 100);
          await journal.cursor('splunk');
        }
        await Promise.all(waiting);
        expect(opened.clock.sleeping()).toBe(0);
        await guest.close();
      });

      it('lets a second view see what was appended beside it', async () => {
        const guest = await opened.guest();
        const waiting = guest.waitForEvents(0n, 1000, signal);
        await journal.append('platform', harvest([newEvent(1)]));
        opened.clock.advance(1000);
        await waiting;
        expect(await guest.read(0n, FULL_READ)).toHaveLength(1);
        await guest.close();
      });
    });

    describe('dead letters', () => {
      const refuse = async (from: number, to: number, reason = 'mapping'): Promise<void> => {
        await journal.append('platform', harvest(newEvents(from, to)));
        const read = await journal.read(await journal.cursor('splunk'), FULL_READ);
        const upTo = read.at(-1)?.seq ?? 0n;
        await journal.moveCursor(
          'splunk',
          upTo,
          read.map((event) => ({ event, reason, attempts: 2 })),
        );
      };

      it('keep the event, its bytes and the reason, with the move of the cursor', async () => {
        await refuse(1, 1, 'line one\nline two\u001b[31m');
        await reopen();
        const [letter] = await journal.deadLetters(every());
        const [event] = (await journal.read(0n, FULL_READ)).map(plain);
        expect(letter).toMatchObject({
          owner: 'splunk',
          side: 'sink',
          event,
          reason: 'line one line two [31m',
          attempts: 2,
          firstAt: '2026-03-01T12:00:00.000Z',
          state: 'open',
          discardReason: null,
        });
        expect(letter?.bytes.toString()).toBe(newEvent(1).original);
        expect(await journal.cursor('splunk')).toBe(1n);
      });

      it('keep what was sent, in the last try, up to a size', async () => {
        await journal.append('platform', harvest(newEvents(1, 3)));
        const [one, two, three] = await journal.read(0n, FULL_READ);
        if (one === undefined || two === undefined || three === undefined) throw new Error('no events');
        const long = `${'x'.repeat(64 * 1024 - 1)}ü and more`;
        await journal.moveCursor('splunk', 3n, [
          { event: one, reason: 'no', attempts: 1, sent: '{"event":"äß"}' },
          { event: two, reason: 'no', attempts: 1, sent: long },
          { event: three, reason: 'too old: by a day', attempts: 1 },
        ]);
        await reopen();
        const sent = async () => (await journal.deadLetters(every())).map((letter) => letter.sent);
        expect(await sent()).toEqual([
          { text: '{"event":"äß"}', cut: false },
          { text: 'x'.repeat(64 * 1024 - 1), cut: true },
          null,
        ]);
        const glances = await journal.glanceAtDeadLetters(every(), 6);
        expect(glances.map((letter) => letter.sent)).toEqual([
          { text: '{"even', cut: true },
          { text: 'xxxxxx', cut: true },
          null,
        ]);
        expect((await journal.glanceAtDeadLetters(every(), 1_000_000))[1]?.sent?.cut).toBe(true);
        await journal.retryDeadLetters(every());
        const [first, second] = await journal.deadLetters(every());
        if (first === undefined || second === undefined) throw new Error('letters are gone');
        await journal.recordRetried(
          [],
          [
            { id: first.id, reason: 'still no', sent: 'again' },
            { id: second.id, reason: 'too long' },
          ],
        );
        expect((await sent()).slice(0, 2)).toEqual([{ text: 'again', cut: false }, null]);
        await journal.moveCursor('splunk', 3n, [
          { event: three, reason: 'no', attempts: 1, sent: 'at last' },
        ]);
        expect((await sent())[2]).toEqual({ text: 'at last', cut: false });
      });

      it('are added beside the cursor, which stays', async () => {
        await journal.append('platform', harvest(newEvents(1, 3)));
        await journal.moveCursor('splunk', 3n, []);
        const [event] = await journal.read(0n, FULL_READ);
        if (event === undefined) throw new Error('nothing to refuse');
        await journal.addDeadLetters('splunk', [{ event, reason: 'too old', attempts: 2 }]);
        expect(await journal.cursor('splunk')).toBe(3n);
        expect(await journal.deadLetters(every({ owner: 'splunk' }))).toMatchObject([
          { event: { id: event.id }, reason: 'too old', attempts: 2, state: 'open' },
        ]);
      });

      it('hold one row per sink and event', async () => {
        await refuse(1, 1);
        const [event] = await journal.read(0n, FULL_READ);
        if (event === undefined) throw new Error('the event is gone');
        opened.clock.advance(1000);
        await journal.moveCursor('splunk', 1n, [{ event, reason: 'again', attempts: 1 }]);
        await journal.moveCursor('elastic', 1n, [{ event, reason: 'mine', attempts: 1 }]);
        expect(await journal.deadLetters(every({ owner: 'splunk' }))).toMatchObject([
          {
            reason: 'again',
            attempts: 3,
            firstAt: '2026-03-01T12:00:00.000Z',
            lastAt: '2026-03-01T12:00:01.000Z',
          },
        ]);
        expect(await journal.deadLetterCounts()).toEqual(
          new Map([
            ['elastic', 1],
            ['splunk', 1],
          ]),
        );
        expect(await journal.deadLetterCounts('sink', 'ag')).toEqual(new Map([['splunk', 1]]));
      });

      it('of a source are unique by their bytes, and are not retried', async () => {
        const item = { reason: 'no created_at', bytes: Buffer.from([0x7b, 0xff, 0x00, 0x7d]) };
        expect(await journal.append('platform', harvest([], { malformed: [item] }))).toMatchObject({
          malformed: 1,
        });
        opened.clock.advance(1000);
        await journal.append('platform', harvest([], { malformed: [item, item] }));
        const letters = await journal.deadLetters(every());
        expect(letters).toMatchObject([
          { side: 'source', owner: 'platform', event: null, attempts: 3, lastAt: '2026-03-01T12:00:01.000Z' },
        ]);
        expect(letters[0]?.bytes.equals(item.bytes)).toBe(true);
        expect(await journal.retryDeadLetters(every())).toBe(0);
        expect(await journal.discardDeadLetters(every(), 'known')).toBe(1);
        await journal.append('platform', harvest([], { malformed: [item] }));
        expect(await journal.deadLetters(every())).toMatchObject([
          { state: 'discarded', discardReason: 'known' },
        ]);
        expect((await journal.deadLetterCounts()).size).toBe(0);
      });

      describe('of a source are gone once what they hold was read:', () => {
        const at = '2026-03-01T12:00:00.5Z';
        const user = { id: 'ana', last_login_at: '2026-03-01T11:00:00Z' };
        const said = { user, event_type: 'sync.run', n: 1 };
        const openAfter = async (item: object | string, event: object, changes = {}): Promise<number> => {
          const bytes = Buffer.from(typeof item === 'string' ? item : JSON.stringify(item));
          await journal.append('platform', harvest([], { malformed: [{ reason: 'no', bytes }] }));
          // What was learned of the letter must not be about another.
          await journal.append('platform', harvest([newEvent(900)]));
          const original = JSON.stringify(event);
          await journal.append('platform', harvest([newEvent(901, { original, ...changes })]));
          return (await journal.deadLetters(every({ owner: 'platform', states: ['open'] }))).length;
        };

        it.each([
          ['the same bytes', { id: 7, ...said, at }, { id: 7, ...said, at }, {}],
          ['an event of its id', { id: 'x', createdAt: at }, { id: 'x', created_at: at, n: 2 }, { id: 'x' }],
          [
            'an event of its id, which is hashed for its length',
            { id: 'x'.repeat(300), createdAt: at },
            { n: 2 },
            { id: eventIdOf('x'.repeat(300), '') },
          ],
          ['no id, another name', { ...said, createdAt: at }, { ...said, created_at: at }, {}],
          [
            'an id without meaning',
            { id: ' ', ...said, createdAt: at },
            { created_at: at, id: ' ', ...said },
            {},
          ],
          [
            'no id, another state of the user',
            { ...said, createdAt: at },
            { ...said, created_at: at, user: { ...user, last_login_at: at } },
            {},
          ],
          [
            'its id has another name as well',
            { uid: 'x', createdAt: at },
            { id: 'x', created_at: at },
            { id: 'x' },
          ],
        ])('%s', async (_, item, event, changes) => {
          expect(await openAfter(item, event, changes)).toBe(0);
        });

        it.each([
          [
            'another id',
            { id: 'x', ...said, createdAt: at },
            { id: 'y', ...said, created_at: at },
            { id: 'y' },
          ],
          ['an id, but only its values', { id: 'x', at }, { created_at: at, id: 'x' }, { id: 'z' }],
          [
            'no id, another time',
            { ...said, createdAt: at },
            { ...said, created_at: '2026-03-01T12:00:00.6Z' },
            {},
          ],
          ['no id, more is said', { ...said, createdAt: at }, { ...said, created_at: at, more: 1 }, {}],
          [
            'no id, another user',
            { ...said, createdAt: at },
            { ...said, user: { id: 'bo' }, created_at: at },
            {},
          ],
          ['no object', '["x"]', { id: 'x' }, { id: 'x' }],
          ['no JSON', '{"id":"x"', { id: 'x' }, { id: 'x' }],
        ])('but not for %s', async (_, item, event, changes) => {
          expect(await openAfter(item, event, changes)).toBe(1);
        });

        it('each by itself, however many, and no other source’s', async () => {
          const items = [1, 2, 3].map((n) => ({ ...said, n }));
          const malformed = items.map((item) => ({
            reason: 'no',
            bytes: Buffer.from(JSON.stringify({ ...item, createdAt: at })),
          }));
          for (const source of ['platform', 'other'])
            await journal.append(source, harvest([], { malformed }));
          const event = newEvent(1, { original: JSON.stringify({ ...items[1], created_at: at }) });
          await journal.append('other', harvest([newEvent(2)]));
          await journal.append('platform', harvest([event]));
          const left = await journal.deadLetters(every());
          expect(left.filter(({ owner }) => owner === 'other')).toHaveLength(3);
          const own = left.filter(({ owner }) => owner === 'platform');
          expect(own.map(({ bytes }) => (JSON.parse(bytes.toString()) as { n: number }).n)).toEqual([1, 3]);
        });
      });

      it('are retried, and then gone or open again', async () => {
        await refuse(1, 3);
        const [first, second, third] = await journal.deadLetters(every());
        if (first === undefined || second === undefined || third === undefined)
          throw new Error('letters are gone');
        expect(
          await journal.retryDeadLetters(every({ owner: 'splunk', ids: [first.id, second.id, 999n] })),
        ).toBe(2);
        expect(await journal.retryDeadLetters(every({ ids: [first.id] }))).toBe(0);
        expect(await journal.deadLetterCounts()).toEqual(new Map([['splunk', 3]]));
        await reopen();
        const retrying = await journal.deadLetters(every({ states: ['retrying'] }));
        expect(retrying.map(({ id }) => id)).toEqual([first.id, second.id]);
        await journal.recordRetried([first.id], [{ id: second.id, reason: 'still no' }]);
        expect(await journal.deadLetters(every())).toMatchObject([
          { id: second.id, state: 'open', reason: 'still no', attempts: 3 },
          { id: third.id, state: 'open' },
        ]);
      });

      it('are paged and filtered', async () => {
        await refuse(1, 5);
        const page = await journal.deadLetters(every({ limit: 2 }));
        expect(page).toHaveLength(2);
        const rest = await journal.deadLetters(every({ after: page[1]?.id ?? 0n }));
        expect(rest.map(({ event }) => event?.id)).toEqual(newEvents(3, 5).map(({ id }) => id));
        expect(await journal.deadLetters(every({ owner: 'nobody' }))).toEqual([]);
        expect(await journal.deadLetters(every({ ids: [] }))).toEqual([]);
        expect(await journal.retryDeadLetters(every({ limit: 2 }))).toBe(2);
      });

      it('stay as evidence when discarded, and are open again when refused again', async () => {
        await refuse(1, 1);
        expect(await journal.discardDeadLetters(every(), 'test data')).toBe(1);
        expect(await journal.discardDeadLetters(every(), 'again')).toBe(0);
        expect(await journal.deadLetters(every())).toMatchObject([
          { state: 'discarded', discardReason: 'test data' },
        ]);
        expect(await journal.retryDeadLetters(every())).toBe(0);
        const [event] = await journal.read(0n, FULL_READ);
        if (event === undefined) throw new Error('the event is gone');
        await journal.moveCursor('splunk', 1n, [{ event, reason: 'again', attempts: 1 }]);
        expect(await journal.deadLetters(every())).toMatchObject([{ state: 'open', discardReason: null }]);
      });

      it('outlive the pruning of their event', async () => {
        await refuse(1, 2);
        opened.clock.advance(1000);
        expect(await journal.prune(['splunk'], '2026-03-01T12:00:01Z', 0n)).toBe(2);
        expect(await journal.deadLetters(every())).toMatchObject([
          { event: { id: newEvent(1).id, original: newEvent(1).original } },
          { event: { id: newEvent(2).id } },
        ]);
      });
    });

    describe('coverage', () => {
      const cover = (
        start: number,
        end: number,
        status: 'read' | 'verified' | 'suspect',
        serverCount: number | null,
      ): Promise<unknown> =>
        journal.append(
          'platform',
          harvest([], { coverage: [{ ...seconds(start, end), status, serverCount }] }),
        );
      const spans = async (window: Window = EVERYTHING): Promise<string[]> =>
        (await journal.coverage('platform', window)).map(
          ({ startNs, endNs, status, serverCount }) =>
            `${(startNs - START_NS) / NS_PER_SECOND}-${(endNs - START_NS) / NS_PER_SECOND} ${status} ${serverCount}`,
        );

      it('replaces what a new window covers and cuts what it overlaps', async () => {
        await cover(0, 10, 'read', 5);
        await cover(20, 30, 'read', 7);
        await cover(12, 14, 'suspect', 1);
        await cover(10, 20, 'verified', 9);
        expect(await spans()).toEqual(['0-9 read null', '10-20 verified 9', '20-30 read null']);
        await reopen();
        expect(await spans(seconds(10, 20))).toEqual(['10-20 verified 9']);
        expect(await journal.coverage('other', EVERYTHING)).toEqual([]);
      });

      it('splits a window around another status inside it', async () => {
        await cover(0, 100, 'read', 50);
        await cover(40, 60, 'suspect', null);
        expect(await spans()).toEqual(['0-39 read null', '40-60 suspect null', '60-100 read null']);
      });

      it('joins neighbours of one status up to an hour, with a true count or none', async () => {
        await cover(0, 10, 'read', 5);
        const next = {
          startNs: seconds(0, 10).endNs + 1n,
          endNs: seconds(0, 20).endNs,
          status: 'read' as const,
          serverCount: 2,
        };
        opened.clock.advance(5000);
        await journal.append('platform', harvest([], { coverage: [next] }));
        expect(await spans()).toEqual(['0-20 read 7']);
        expect((await journal.coverage('platform', EVERYTHING))[0]?.readAt).toBe('2026-03-01T12:00:00.000Z');
        await cover(15, 40, 'read', 3);
        expect(await spans()).toEqual(['0-40 read null']);
        opened.clock.advance(3_600_000);
        await cover(30, 3700, 'read', 8);
        expect(await spans()).toEqual(['0-29 read null', '30-3700 read 8']);
      });

      it('joins what was read in one go up to a day: a first read of years must not fill the disk', async () => {
        const half = 1800;
        for (let at = 0; at < 96; at += 1) await cover(at * half, (at + 1) * half, 'read', null);
        expect(await spans()).toEqual(['0-86399 read null', '86400-172800 read null']);
      });
    });

    describe('findings', () => {
      it('are one per source, kind and subject, and can be acknowledged', async () => {
        const gap = {
          kind: 'gap',
          window: seconds(1, 2),
          summary: 'three are missing',
          detail: { missing: 3 },
        };
        await journal.addFindings('platform', [
          gap,
          { kind: 'altered_event', eventId: 'x', summary: 'altered' },
        ]);
        opened.clock.advance(1000);
        await journal.append('platform', harvest([], { findings: [gap] }));
        const [newest, other] = await journal.findings({ unacknowledgedOnly: false, limit: 10 });
        expect(newest).toMatchObject({
          ...gap,
          source: 'platform',
          seen: 2,
          firstAt: '2026-03-01T12:00:00.000Z',
          lastAt: '2026-03-01T12:00:01.000Z',
          acknowledgedAt: null,
        });
        expect(other).toMatchObject({ eventId: 'x', seen: 1 });
        expect(other).not.toHaveProperty('window');
        expect(await journal.acknowledge([newest?.id ?? 0n, 999n], 'looked at')).toBe(1);
        expect(await journal.acknowledge([newest?.id ?? 0n], 'again')).toBe(0);
        await journal.addFindings('platform', [gap]);
        await reopen();
        const open = await journal.findings({ unacknowledgedOnly: true, limit: 10 });
        expect(open.map(({ kind }) => kind)).toEqual(['altered_event']);
        await journal.addFindings('platform', [{ ...gap, summary: 'four are missing' }]);
        expect(await journal.findings({ unacknowledgedOnly: true, limit: 1 })).toMatchObject([
          { summary: 'four are missing', seen: 4, acknowledgement: null },
        ]);
      });
    });

    describe('which findings are meant', () => {
      it('is told by owner, kind and time, and they are counted however many there are', async () => {
        const finding = (kind: string, from: number, to: number) => ({
          kind,
          window: seconds(from, to),
          summary: kind,
        });
        await journal.addFindings('platform', [
          finding('gap', 10, 20),
          finding('gap', 30, 40),
          finding('altered', 30, 30),
        ]);
        await journal.addFindings('splunk', [{ kind: 'gap', summary: 'of no time' }]);
        const open = { unacknowledgedOnly: true };
        expect(await journal.findingCounts(open)).toEqual(
          expect.arrayContaining([
            { source: 'platform', kind: 'gap', count: 2 },
            { source: 'platform', kind: 'altered', count: 1 },
            { source: 'splunk', kind: 'gap', count: 1 },
          ]),
        );
        const counted = async (filter: object): Promise<number> =>
          (await journal.findingCounts({ ...open, ...filter })).reduce((sum, { count }) => sum + count, 0);
        expect(await counted({ owners: ['platform'] })).toBe(3);
        expect(await counted({ owners: [] })).toBe(0);
        expect(await counted({ kinds: ['altered'] })).toBe(1);
        expect(await counted({ exceptKinds: ['gap'] })).toBe(1);
        expect(await counted({ about: seconds(20, 29) })).toBe(2); // the first, and the one that names no time
        expect(await counted({ about: seconds(21, 29) })).toBe(1);
        const [altered] = await journal.findings({ ...open, kinds: ['altered'], limit: 5 });
        expect(altered).toMatchObject({ source: 'platform', kind: 'altered' });
        await journal.acknowledge([altered?.id ?? 0n], 'known');
        expect(await counted({ kinds: ['altered'] })).toBe(0);
        expect(await counted({ kinds: ['altered'], unacknowledgedOnly: false })).toBe(1);
      });

      it('is counted alike by what is kept and by looking, whatever became of them', async () => {
        const named = (subject: string, summary = 'seen') => ({ kind: 'gap', subject, summary });
        const everything = seconds(0, 1);
        const open = { unacknowledgedOnly: true };
        const agree = async (count: number): Promise<void> => {
          const sums = [
            await journal.findingCounts(open),
            await journal.findingCounts({ ...open, about: everything }),
          ];
          expect(sums.map((counts) => counts.map((one) => one.count))).toEqual([
            count === 0 ? [] : [count],
            count === 0 ? [] : [count],
          ]);
        };
        await journal.addFindings('platform', [named('a'), named('b'), named('c')]);
        await agree(3);
        const ids = (await journal.findings({ ...open, after: 0n, limit: 9 })).map(({ id }) => id);
        await journal.acknowledge([...ids, ...ids], 'known');
        await agree(0);
        await journal.addFindings('platform', [named('a'), named('b', 'seen with other words')]);
        await agree(1);
        opened.clock.advance(1000);
        await journal.addFindings('platform', [named('c')]);
        expect(await journal.pruneFindings(new Date(opened.clock.now()).toISOString())).toBe(1);
        await agree(1); // neither an open one goes, nor one that was seen since
        expect(await journal.findings({ unacknowledgedOnly: false, limit: 9 })).toHaveLength(2);
      });

      it('is told page by page in the order of their ids, or by the ids', async () => {
        const names = ['a', 'b', 'c', 'd', 'e'];
        await journal.addFindings(
          'platform',
          names.map((subject) => ({ kind: 'gap', subject, summary: subject })),
        );
        opened.clock.advance(1000);
        await journal.addFindings('platform', [{ kind: 'gap', subject: 'b', summary: 'b' }]);
        const all = { unacknowledgedOnly: false };
        const first = await journal.findings({ ...all, after: 0n, limit: 3 });
        const rest = await journal.findings({ ...all, after: first.at(-1)?.id ?? 0n, limit: 3 });
        expect([...first, ...rest].map(({ summary }) => summary)).toEqual(names);
        const [second] = first.slice(1);
        expect(await journal.findings({ ...all, ids: [second?.id ?? 0n, 999n], limit: 9 })).toMatchObject([
          { summary: 'b', seen: 2 },
        ]);
      });
    });

    describe('jobs', () => {
      it('are kept in order, and a finished one stays finished', async () => {
        const first = await journal.addJob('backfill', { from: 'a' });
        const second = await journal.addJob('replay', null);
        opened.clock.advance(1000);
        await journal.updateJob(first, 'running', { done: 1 });
        await reopen();
        expect(await journal.jobs(['queued', 'running'])).toEqual([
          {
            id: first,
            kind: 'backfill',
            params: { from: 'a' },
            state: 'running',
            progress: { done: 1 },
            createdAt: '2026-03-01T12:00:00.000Z',
            updatedAt: '2026-03-01T12:00:01.000Z',
          },
          expect.objectContaining({ id: second, state: 'queued', progress: null }),
        ]);
        await journal.updateJob(first, 'cancelled', null);
        await journal.updateJob(first, 'running', { done: 2 });
        expect((await journal.jobs(['cancelled'])).map(({ id }) => id)).toEqual([first]);
        await expect(journal.updateJob(999n, 'done', null)).rejects.toThrow(/no job 999/);
      });
    });

    describe('pruning', () => {
      it('removes only what every named sink has settled and what is old enough', async () => {
        await journal.append('platform', harvest(newEvents(1, 4)));
        opened.clock.advance(10_000);
        await journal.append('platform', harvest(newEvents(5, 8)));
        await journal.moveCursor('splunk', 6n, []);
        await journal.moveCursor('elastic', 3n, []);
        const late = '2027-01-01T00:00:00Z';
        expect(await journal.prune(['splunk', 'elastic', 'new'], late, 0n)).toBe(0);
        expect(await journal.prune(['splunk', 'elastic'], '2026-03-01T12:00:00Z', 0n)).toBe(0);
        expect(await journal.prune(['splunk', 'elastic'], late, 0n)).toBe(3);
        expect(await journal.prune(['splunk'], '2026-03-01T13:00:05+01:00', 0n)).toBe(1);
        expect((await journal.read(0n, FULL_READ)).map(({ seq }) => seq)).toEqual([5n, 6n, 7n, 8n]);
        expect(await journal.readWindow(null, EVERYTHING, 0n, 2)).toMatchObject([{ seq: 5n }, { seq: 6n }]);
        expect(await journal.size()).toMatchObject({ events: 4, oldestSeq: 5n, headSeq: 8n });
        expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 4 });
      });

      it('keeps ids, so that a pruned event is still a repeat, and never uses a seq twice', async () => {
        await journal.append('platform', harvest(newEvents(1, 3)));
        expect(await journal.prune([], '2027-01-01T00:00:00Z', 0n)).toBe(3);
        expect(await journal.size()).toMatchObject({ events: 0, oldestSeq: 0n, headSeq: 3n });
        await reopen();
        expect(await journal.append('platform', harvest(newEvents(1, 4)))).toMatchObject({
          appended: 1,
          repeated: 3,
        });
        expect((await journal.newest(1))[0]?.seq).toBe(4n);
        const { revised } = await journal.append('platform', harvest([newEvent(1, { original: '{}' })]));
        expect(revised).toMatchObject([{ id: newEvent(1).id, held: null }]);
      });

      it('spares what a sink has not got that was seen lately, configured or not', async () => {
        const sparing = (seenSince: string) => ({
          sinksSeenSince: seenSince,
          idsReceivedSince: '2000-01-01',
        });
        await journal.append('platform', harvest(newEvents(1, 9)));
        await journal.moveCursor('removed', 4n, []);
        await journal.moveCursor('splunk', 9n, []);
        const late = '2027-01-01T00:00:00Z';
        expect(await journal.prune(['splunk'], late, 0n, sparing('2026-03-01T12:00:00Z'))).toBe(4);
        opened.clock.advance(7_200_000);
        await journal.prune(['splunk'], late, 0n, sparing('2026-03-01T12:00:00Z')); // named is seen, spared is not
        expect(await journal.prune(['splunk'], late, 0n, sparing('2026-03-01T12:30:00Z'))).toBe(5);
        expect(await journal.prunedUndelivered()).toEqual(new Map([['removed', 5]]));
      });

      it('spares the ids of events received lately, however old the events are', async () => {
        const forget = (receivedSince: string): Promise<number> =>
          journal.prune([], '2027-01-01T00:00:00Z', newEvent(99).createdNs, {
            sinksSeenSince: '2027-01-01T00:00:00Z',
            idsReceivedSince: receivedSince,
          });
        const known = async (): Promise<number> =>
          (await journal.held('platform').known(newEvents(1, 4))).filter((id) => id !== null).length;
        await journal.append('platform', harvest(newEvents(1, 2)));
        await forget('2026-03-01T12:00:00Z');
        opened.clock.advance(86_400_000);
        await journal.append('platform', harvest(newEvents(3, 4)));
        await forget('2026-03-01T12:00:00Z');
        await reopen();
        expect(await journal.append('platform', harvest(newEvents(1, 4)))).toMatchObject({ appended: 0 });
        await forget('2026-03-02T12:00:00Z');
        expect(await known()).toBe(2); // of the first day
        await forget('2026-03-02T12:00:00.001Z');
        expect(await known()).toBe(0);
      });

      it('forgets old ids, but none whose event is still there', async () => {
        await journal.append('platform', harvest([...newEvents(1, 4), newEvent(5, { wanted: false })]));
        await journal.moveCursor('splunk', 2n, []);
        await journal.prune(['splunk'], '2027-01-01T00:00:00Z', newEvent(6).createdNs);
        const left = await journal.idsInWindow('platform', EVERYTHING, null, 10);
        expect(left.map(({ id }) => id)).toEqual([newEvent(3).id, newEvent(4).id]);
        await journal.moveCursor('splunk', 4n, []);
        await journal.prune(['splunk'], '2027-01-01T00:00:00Z', newEvent(4).createdNs);
        expect(await journal.held('platform').known([newEvent(3), newEvent(4)])).toEqual([
          null,
          newEvent(4).id,
        ]);
      });
    });

    it('reports its size, its limit and one installation id for good', async () => {
      const empty = await journal.size();
      expect(empty).toMatchObject({ limitBytes: LIMIT_BYTES, events: 0, oldestSeq: 0n, headSeq: 0n });
      await journal.append('platform', harvest([newEvent(1, { original: incompressible(500_000) })]));
      expect((await journal.size()).usedBytes).toBeGreaterThan(empty.usedBytes + 200_000);
      const { installationId } = journal;
      expect(installationId).toMatch(/^[0-9a-f-]{36}$/);
      await reopen();
      expect(journal.installationId).toBe(installationId);
    });

    it('verifies an intact chain, also an empty one, and stops on abort', async () => {
      const empty = await journal.verifyChain(signal);
      expect(empty).toMatchObject({ intact: true, checked: 0, brokenAt: null, missing: [] });
      await journal.append('platform', harvest(newEvents(1, 20)));
      await reopen();
      const full = await journal.verifyChain(signal);
      expect(full).toMatchObject({ intact: true, checked: 20, brokenAt: null, missing: [] });
      expect(full.head).not.toBe(empty.head);
      await expect(journal.verifyChain(AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
    });

    it('serves calls made at once', async () => {
      const rounds = Array.from({ length: 20 }, (_, round) =>
        journal.append('platform', harvest(newEvents(1, round + 1))),
      );
      const [results, chain] = await Promise.all([Promise.all(rounds), journal.verifyChain(signal)]);
      expect(results.reduce((sum, { appended }) => sum + appended, 0)).toBe(20);
      expect(chain.intact).toBe(true);
      expect(new Set(await idsHeld()).size).toBe(20);
    });

    it('can be closed twice, and refuses work afterwards', async () => {
      const waiting = journal.waitForEvents(0n, 60_000, signal);
      await journal.close();
      await journal.close();
      await waiting;
      await expect(journal.append('platform', harvest([]))).rejects.toThrow();
    });
  });
}
