import { describe, expect, it } from 'vitest';

import { backfillCommand } from '../../src/cli/jobs/backfill.ts';
import { progressLine } from '../../src/cli/jobs/figures.ts';
import { carryEverything, impatient, startRun, stoppedRooms } from './carried.ts';
import type { Carried } from './carried.ts';

const rooms = stoppedRooms();

interface Document {
  readonly state: string;
  readonly by: string;
  readonly new: number;
  readonly error: string | null;
}

/** Events from before the configured start: no poll reads them. */
function addOld({ simulator }: Carried, events = 30): void {
  const from = Date.now() - 10 * 3_600_000;
  simulator.platform.insert(
    Array.from({ length: events }, (_, index) => ({
      createdAt: new Date(from + index * 1000).toISOString(),
    })),
  );
}

describe('backfill', () => {
  it('does the work itself where no daemon runs', async () => {
    const carried = await carryEverything(rooms());
    addOld(carried);
    const terminal = impatient();
    const options = { config: carried.config, from: '12h', to: '9h', json: true } as const;
    expect(await backfillCommand(options, terminal)).toBe(0);
    expect(terminal.json()).toMatchObject({ state: 'done', by: 'command', new: 30 });
    terminal.clear();
    expect(await backfillCommand({ ...options, sink: 'archive' }, terminal)).toBe(0);
    expect(terminal.json()).toMatchObject({ new: 0, replay: { pending: 30 } });
  });

  it('leaves the work to a running daemon, whose sinks get what is new', async () => {
    const carried = await carryEverything(rooms());
    addOld(carried);
    const run = await startRun(carried.room, carried.config, null);
    const terminal = impatient();
    const options = { config: carried.config, from: '12h', to: '9h', json: true } as const;
    expect(await backfillCommand(options, terminal)).toBe(0);
    expect(terminal.json() as Document).toMatchObject({ state: 'done', by: 'daemon', new: 30 });
    const archive = run.daemon.status.sinks.get('archive');
    while ((archive?.delivered ?? 0) < 30) await impatient().clock.sleep(20);
    await run.end();
  });

  it('says what goes on without it when it is interrupted', async () => {
    const carried = await carryEverything(rooms());
    addOld(carried);
    carried.simulator.platform.set({ role_ok: false }); // the job cannot end meanwhile
    const run = await startRun(carried.room, carried.config, null);
    const stop = new AbortController();
    const terminal = impatient(stop.signal);
    const ended = backfillCommand({ config: carried.config, from: '12h', to: '9h' }, terminal);
    while (!terminal.printed.err.includes('the running daemon')) await impatient().clock.sleep(5);
    stop.abort(new Error('interrupted'));
    expect(await ended).toBe(1);
    expect(terminal.printed.err).toMatch(/the daemon continues job \d+/);
    await run.end();
  });
});

describe('the progress line', () => {
  it('tells share, events, rate and the time left', () => {
    expect(progressLine(0.25, 5000, 10_000)).toBe('25 %, 5,000 events, 500 a second, about 30s left');
    expect(progressLine(0, 0, 0)).toBe('0 %, 0 events, 0 a second');
  });
});
