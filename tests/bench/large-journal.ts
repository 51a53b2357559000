import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';

import { measure, startPeer } from './measure.ts';
import type { Peer } from './measure.ts';
import { cpuMs, pause, residentMb } from './processes.ts';
import { configuration, HISTORY_MS, inFolder, MAIN } from './setting.ts';

/** How long the daemon is left alone after its start, and watched afterwards. */
const SETTLE_MS = 30_000;
const WATCH_MS = 60_000;

/** What a daemon with a large journal costs: read once, then started anew with nothing to do but its polls and counts. */
export async function largeJournal(
  events: number,
  receivers: Peer,
  note: (name: string, samples: readonly number[], unit: string) => void,
): Promise<void> {
  const platform = await startPeer('platform.ts', { events, spanMs: HISTORY_MS, onDemand: true });
  const { config, journal, remove } = inFolder(configuration(platform, receivers, ['hec']));
  const name = `${events} events in the journal`;
  // The receivers keep what they get until it is counted.
  const draining = setInterval(() => void receivers.ask({}), 5_000);
  try {
    const read = await measure([MAIN, 'run', '--once', '-c', config], { TOKEN: 'token' });
    note(`${name}: read at`, [(events / read.wallMs) * 1000], '/s');
    note(`${name}: processor time of reading, an event`, [(read.cpuMs / events) * 1000], 'us');
    note(`${name}: peak memory of reading`, [read.peakMb], 'MB');
    note(`${name}: bytes of the file per event`, [statSync(journal).size / events], 'B');
    await platform.ask({});
    const begunMs = Date.now();
    const daemon = spawn(process.execPath, [MAIN, 'run', '-c', config], {
      env: { TOKEN: 'token' },
      stdio: 'ignore',
    });
    try {
      await pause(SETTLE_MS);
      const started = await platform.ask<{ firstRequestMs: number; requests: number; rows: number }>({});
      note(`${name}: start to first request`, [started.firstRequestMs - begunMs], 'ms');
      note(`${name}: rows read again after a start, all days counted`, [started.rows], '');
      note(`${name}: processor time of a start, all days counted`, [cpuMs(daemon.pid ?? 0)], 'ms');
      const before = cpuMs(daemon.pid ?? 0);
      await pause(WATCH_MS);
      const watched = await platform.ask<{ requests: number; rows: number }>({});
      note(`${name}: processor time in a minute of polls`, [cpuMs(daemon.pid ?? 0) - before], 'ms');
      note(`${name}: requests in that minute`, [watched.requests], '');
      note(`${name}: memory`, [residentMb(daemon.pid ?? 0)], 'MB');
    } finally {
      daemon.kill('SIGKILL');
    }
  } finally {
    clearInterval(draining);
    platform.stop();
    remove();
  }
}
