import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { withProgress } from '../../src/cli/progress.ts';
import { stepTeller } from '../../src/cli/verify/command.ts';
import type { Clock } from '../../src/model/clock.ts';
import { testClock } from '../contract/clock.ts';
import { fakeTerminal } from './room.ts';

describe('progress', () => {
  it('adds a line now and then where nobody watches, and nothing when the work is done at once', async () => {
    const clock = testClock();
    const terminal = fakeTerminal({ clock });
    await withProgress(terminal, 'verifying', async (tell) => {
      tell('1 of 9');
      clock.advance(4_000);
      tell('5 of 9');
      tell('6 of 9');
      clock.advance(4_000);
      tell('8 of 9');
    });
    expect(terminal.printed.err).toBe('5 of 9\n8 of 9\n');
  });

  it('keeps one line of a terminal up to date, below what is written meanwhile, and takes it away', async () => {
    const ticks: (() => void)[] = [];
    const clock: Clock = {
      ...testClock(),
      sleep: (_ms, signal) =>
        new Promise((done, fail) => {
          ticks.push(done);
          signal?.addEventListener('abort', () => fail(signal.reason as Error));
        }),
    };
    const tick = async (): Promise<void> => {
      ticks.shift()?.();
      await delay(0);
    };
    const terminal = fakeTerminal({ clock, columns: 30 });
    await withProgress(terminal, 'reading', async (tell, beside) => {
      expect(terminal.printed.err).toBe('');
      await tick();
      expect(terminal.printed.err).toBe('reading (0s)');
      tell('half of a rather long line of what is read');
      beside.err.write('a remark\n');
      await tick();
      await tick();
    });
    expect(terminal.printed.err).toBe(
      'reading (0s)\r\u001b[Ka remark\n' + 'half of a rather long line o…\r\u001b[K'.repeat(2),
    );
  });

  it('gives the rate and the time left of each comparison of verify', () => {
    const clock = testClock();
    let text = '';
    const tell = stepTeller(clock, (next) => (text = next));
    tell({ name: 'journal', done: 500, of: 1_000 });
    clock.advance(2_000);
    tell({ name: 'sink archive', done: 0, of: 1_000_000 });
    clock.advance(10_000);
    tell({ name: 'sink archive', done: 250_000, of: 1_000_000 });
    expect(text).toBe('sink archive: 25 %, 250,000 events, 25,000 a second, about 30s left');
  });
});
