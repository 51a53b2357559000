import { describe, expect, it, test } from 'vitest';

import type { Json } from '../../../src/model/event.ts';
import { msToNs } from '../../../src/model/time.ts';
import {
  freshReconcile,
  keyOf,
  readReconcile,
  schedule,
  withoutExpired,
  writeReconcile,
} from '../../../src/sources/cloudquery/reconcile.ts';
import type { ReconcileState } from '../../../src/sources/cloudquery/reconcile.ts';

const T0 = Date.parse('2026-01-02T12:34:56Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const due = (
  state: ReconcileState,
  atMs: number,
  options: { horizon?: number; start?: number; all?: boolean } = {},
): ReconcileState =>
  schedule(
    state,
    atMs,
    msToNs(atMs),
    msToNs(options.start ?? T0 - 400 * DAY),
    options.horizon ?? 30 * DAY,
    options.all ?? false,
  );

describe('the schedule', () => {
  it('has nothing at once, the last hours after 15 minutes, a day after an hour, the horizon after a day', () => {
    const fresh = freshReconcile(T0);
    const reach = (state: ReconcileState): number =>
      (T0 - Number((state.pending.at(-1)?.startNs ?? 0n) / 1_000_000n)) / HOUR;
    expect(due(fresh, T0 + 14 * MINUTE).pending).toEqual([]);
    expect(reach(due(fresh, T0 + 15 * MINUTE))).toBeGreaterThanOrEqual(5.75);
    expect(reach(due(fresh, T0 + 15 * MINUTE))).toBeLessThan(8);
    expect(reach(due(fresh, T0 + HOUR))).toBeGreaterThanOrEqual(23);
    expect(reach(due(fresh, T0 + DAY))).toBeGreaterThanOrEqual(29 * 24);
  });

  it('covers the whole horizon without a gap after a restart, newest first', () => {
    const { pending } = due(freshReconcile(T0), T0, { all: true });
    let reach = msToNs(T0);
    for (const { startNs, endNs } of pending) {
      expect(endNs).toBeGreaterThanOrEqual(reach);
      if (startNs < reach) reach = startNs;
    }
    expect(reach).toBeLessThanOrEqual(msToNs(T0 - 30 * DAY));
    expect(pending.length).toBeLessThan(60);
  });

  it('reaches neither before the start nor past what was read, nor past a short horizon', () => {
    for (const { startNs, endNs } of due(freshReconcile(T0), T0, { all: true, start: T0 - 2 * HOUR })
      .pending) {
      expect(startNs).toBeGreaterThanOrEqual(msToNs(T0 - 2 * HOUR));
      expect(endNs).toBeLessThanOrEqual(msToNs(T0));
      expect(startNs).toBeLessThan(endNs);
    }
    const short = due(freshReconcile(T0), T0, { all: true, horizon: 30 * MINUTE }).pending;
    expect(short.length).toBeLessThanOrEqual(2);
    expect(short.length).toBeGreaterThan(0);
  });

  it('lists a bucket once, however often it becomes due', () => {
    let state = due(freshReconcile(T0), T0, { all: true });
    const listed = state.pending.length;
    for (let round = 1; round <= 20; round += 1) state = due(state, T0 + round, { all: true });
    expect(state.pending.length).toBeLessThanOrEqual(listed + 3 * 20);
    expect(new Set(state.pending.map(keyOf)).size).toBe(state.pending.length);
  });

  it('goes on when the clock was set back', () => {
    expect(due(freshReconcile(T0 + 10 * DAY), T0).pending).not.toEqual([]);
  });

  it('forgets explanations that left the horizon, and keeps the others', () => {
    const old = `${msToNs(T0 - 31 * DAY)} ${msToNs(T0 - 30 * DAY)}`;
    const young = `${msToNs(T0 - DAY)} ${msToNs(T0)}`;
    const counts = { server: 1, held: 2 };
    const state = {
      ...freshReconcile(T0),
      explained: new Map([
        [old, counts],
        [young, counts],
      ]),
    };
    expect([...due(state, T0).explained.keys()]).toEqual([young]);
  });
});

describe('what grew too old on the list', () => {
  const spans = (...hours: [number, number][]): Pick<ReconcileState, 'pending'>['pending'] =>
    hours.map(([from, to]) => ({ startNs: msToNs(T0 - from * HOUR), endNs: msToNs(T0 - to * HOUR) }));
  const left = (...hours: [number, number][]) =>
    withoutExpired({ ...freshReconcile(T0), pending: spans(...hours) }, T0, 48 * HOUR);

  it('is counted as far as its ids are surely kept, in whatever time zone', () => {
    const { state, missed } = left([47, 24], [57, 33], [70, 46], [83, 59]);
    expect(state.pending).toEqual(spans([47, 24], [57, 33], [58, 46]));
    expect(missed).toBeNull();
  });

  it('is a finding where it was not counted for more than a day', () => {
    const { state, missed } = left([47, 24], [96, 72], [120, 96]);
    expect(state.pending).toEqual(spans([47, 24]));
    expect(missed).toMatchObject({ kind: 'not_recounted', window: spans([120, 72])[0] });
  });
});

describe('what is kept of it', () => {
  it('comes back through JSON', () => {
    const state = {
      ...due(freshReconcile(T0), T0, { all: true }),
      explained: new Map([['1 2', { server: 3, held: 4 }]]),
    };
    expect(readReconcile(JSON.parse(JSON.stringify(writeReconcile(state))) as Json)).toEqual(state);
    expect(readReconcile(null)).toBeNull();
  });

  const good = { last: [1, 2, 3], pending: [['1', '2']], explained: [['1 2', 3, 4]] };
  test.each<[string, unknown]>([
    ['a list', []],
    ['a text', 'x'],
    ['no moments', { ...good, last: undefined }],
    ['a moment that is none', { ...good, last: [1, 'x', null] }],
    ['a bucket that is none', { ...good, pending: [null] }],
    ['a bucket without an end', { ...good, pending: [['1']] }],
    ['a key that is none', { ...good, explained: [['x', 1, 2]] }],
    ['an explanation that is none', { ...good, explained: [7] }],
  ])('%s is corrupt, not a crash', (_name, json) => {
    expect(() => readReconcile(json as Json)).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  });
});
