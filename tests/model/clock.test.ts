import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { untilAborted } from '../../src/model/abort.ts';
import { wallClock } from '../../src/model/clock.ts';

const DAY = 86_400_000;

describe('wallClock.sleep', () => {
  it('rejects with the reason of an abort, before and during', async () => {
    const stop = new AbortController();
    const sleeping = wallClock.sleep(60_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(wallClock.sleep(60_000, stop.signal)).rejects.toThrow('enough');
  });

  it('of longer than a timer can hold does not end at once', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    const stop = new AbortController();
    let over = false;
    const sleeping = wallClock.sleep(60 * DAY, stop.signal).then(() => {
      over = true;
    });
    await wallClock.sleep(20);
    expect(over).toBe(false);
    expect(warnings).toEqual([]);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    process.off('warning', onWarning);
  });

  it('measures with a clock of its own', async () => {
    const before = wallClock.monotonic();
    await wallClock.sleep(5);
    expect(wallClock.monotonic() - before).toBeGreaterThan(3);
    expect(wallClock.random()).toBeLessThan(1);
  });
});

describe('untilAborted', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('settles with the work', async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('rejects with the reason while the work goes on, and nothing is left unhandled', async () => {
    const stop = new AbortController();
    const work = Promise.withResolvers<number>();
    const waiting = untilAborted(work.promise, stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    work.reject(new Error('too late to matter'));
    await expect(untilAborted(new Promise(() => {}), stop.signal)).rejects.toThrow('enough');
  });
});
