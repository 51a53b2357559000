import { readFileSync, writeFileSync } from 'node:fs';

import { buildParts } from '../../src/cli/build-parts.ts';
import { openConfig } from '../../src/cli/session.ts';
import { wallClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { startDaemon } from '../../src/pipeline/daemon.ts';
import type { Daemon } from '../../src/pipeline/daemon.ts';
import type { RunningSimulator } from '../../src/simulator/server.ts';
import { fakeTerminal, FILE_SINK, rooms } from './room.ts';
import type { FakeTerminal, Room } from './room.ts';

/** An installation that has carried everything there was. */
export interface Carried {
  readonly room: Room;
  readonly simulator: RunningSimulator;
  /** The configuration file: a file sink and one that cannot be asked. */
  readonly config: string;
  path(name: string): string;
}

export const stoppedRooms = rooms;

/** A terminal whose pauses are short; the time of day is the real one. */
export function impatient(signal?: AbortSignal): FakeTerminal {
  const clock = {
    ...wallClock,
    sleep: (ms: number, abort?: AbortSignal) => wallClock.sleep(Math.min(ms, 20), abort),
  };
  return fakeTerminal({ clock, ...(signal === undefined ? {} : { signal }) });
}

/** Runs once over a Platform that was active up to half an hour ago. Nothing runs when it returns. */
export async function carryEverything(room: Room): Promise<Carried> {
  const simulator = await room.platform({ rate: 0 });
  const from = Date.now() - 3_600_000;
  simulator.platform.insert(
    Array.from({ length: 120 }, (_, index) => ({ createdAt: new Date(from + index * 15_000).toISOString() })),
  );
  const config = room.config(
    `${FILE_SINK}\n  out: { type: http, url: 'http://127.0.0.1:9/', where: { severity: critical } }`,
  );
  // Tests have no time for the rate that a real Platform is spared with.
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('start: 2h', 'start: 2h, rate_limit: { requests_per_second: 100 }'));
  const run = await startRun(room, config, 1000);
  const { failures } = await run.daemon.done;
  if (failures.length > 0) throw new Error(failures.map(({ error }) => error.message).join());
  await run.end();
  return { room, simulator, config, path: (name) => room.path(name) };
}

/** A daemon in this process on the room's state directory. */
export async function startRun(
  room: Room,
  file: string,
  patienceMs: number | null,
): Promise<{ readonly daemon: Daemon; end(): Promise<void> }> {
  const config = await openConfig(file, fakeTerminal());
  const journal = await room.writer();
  const parts = await buildParts(config, silentLog);
  const daemon = startDaemon({
    ...parts,
    journal,
    retentionMs: config.state.retention,
    clock: wallClock,
    log: silentLog,
    patienceMs,
  });
  return {
    daemon,
    end: async () => {
      daemon.abort();
      await daemon.done;
      await parts.close();
      await journal.close();
    },
  };
}
