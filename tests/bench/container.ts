import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { measure, startPeer } from './measure.ts';
import type { Peer } from './measure.ts';
import { configuration, HISTORY_MS, inFolder, MAIN } from './setting.ts';

const LIMIT_MB = 128;
const SINKS = ['hec', 'elastic', 'syslog'] as const;
/** As docs/performance.md says for a small container. */
const SMALL = { concurrent: 1, batch: ', batch: { max_events: 250, max_bytes: 512KiB }' };
const MALLOC =
  'glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=131072:glibc.malloc.mmap_threshold=131072';

/**
 * A first read of many events into three sinks by a process that the kernel ends when it takes more than a small container has. Needs root
 * and control groups, of either version. Throws where it was ended, or an event is missing.
 */
export async function runInContainer(
  events: number,
  receivers: Peer,
  note: (name: string, samples: readonly number[], unit: string) => void,
): Promise<void> {
  const group = openGroup(LIMIT_MB * 2 ** 20);
  const platform = await startPeer('platform.ts', { events, spanMs: HISTORY_MS, onDemand: true });
  const { config, remove } = inFolder(configuration(platform, receivers, SINKS, SMALL));
  const counts: Record<string, number> = { hec: 0, elastic: 0, syslog: 0 };
  const collect = async (): Promise<void> => {
    const now = await receivers.ask<Record<string, number>>({});
    for (const kind of SINKS) counts[kind] = (counts[kind] ?? 0) + (now[kind] ?? 0);
  };
  try {
    const enter = `echo $$ > ${join(group, 'cgroup.procs')} && exec "$@"`;
    const own = await measure(
      [MAIN, 'run', '--once', '-c', config],
      { TOKEN: 'token', GLIBC_TUNABLES: MALLOC },
      ['sh', '-c', enter, 'sh'],
    );
    await collect();
    for (const kind of SINKS)
      if ((counts[kind] ?? 0) !== events)
        throw new Error(`${kind} holds ${counts[kind]} of ${events} events`);
    const name = `${events} events into three sinks within ${LIMIT_MB} MB`;
    note(`${name}: events a second`, [(events / own.wallMs) * 1000], '/s');
    note(`${name}: resident memory, files included`, [own.peakMb], 'MB');
  } finally {
    platform.stop();
    remove();
    rmdirSync(group);
  }
}

/** A control group without swap. Throws where there are none. */
function openGroup(limitBytes: number): string {
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const group = join(v2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory', `auditferry-bench-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, v2 ? 'memory.max' : 'memory.limit_in_bytes'), String(limitBytes));
  for (const swap of v2 ? ['memory.swap.max'] : ['memory.memsw.limit_in_bytes']) {
    if (existsSync(join(group, swap))) writeFileSync(join(group, swap), v2 ? '0' : String(limitBytes));
  }
  if (readFileSync(join(group, 'cgroup.procs'), 'utf8') !== '') throw new Error(`${group} is in use`);
  return group;
}
