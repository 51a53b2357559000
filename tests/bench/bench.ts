import { statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { runInContainer } from './container.ts';
import { measure, spreadOf, startPeer } from './measure.ts';
import type { Spread, Usage } from './measure.ts';
import { largeJournal } from './large-journal.ts';
import { manyReplicas } from './replicas.ts';
import { cpuMs, pause, residentMb } from './processes.ts';
import { configuration, HISTORY_MS, inFolder, MAIN, SINKS } from './setting.ts';
import type { SinkName } from './setting.ts';

/**
 * What the built program costs beside the least that a forwarder can do: `npm run bench`. Everything is measured in one run, in pairs, and
 * told as a ratio, since the speed of a machine drifts. See docs/performance.md.
 */
const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '5' },
    /** Only the ratio of one sink, which decides a landing. */
    'one-sink': { type: 'boolean', default: false },
    /** Instead of all else: these sinks, separated by commas, each in turn with HEC. */
    sinks: { type: 'string' },
    /** Fail below this ratio of events a second. */
    'at-least': { type: 'string' },
    /** Fail above this ratio of processor time, which other work on the machine hardly moves. */
    'cpu-at-most': { type: 'string' },
    /** Instead of all else: so many events into three sinks within 128 MB. */
    container: { type: 'string' },
    /** Instead of all else: a journal of so many events. */
    journal: { type: 'string' },
    /** Instead of all else: so many replicas over one journal in PostgreSQL, with so many sources, and events in it (--events) and new at each source. */
    replicas: { type: 'string' },
    sources: { type: 'string', default: '200' },
    fresh: { type: 'string', default: '500' },
    /** A PostgreSQL that is there already, on this machine: what it holds is kept, and what lacks is added. */
    database: { type: 'string' },
    json: { type: 'string' },
  },
});
const EVENTS = Number(flags.events);
const RUNS = Number(flags.runs);
const FLOOR = resolve(import.meta.dirname, 'floor.ts');
const IDLE_EVENTS = 3_000;
/** Until what a catch-up left behind is given back, and how long it is watched then: three polls. */
const SETTLE_MS = 40_000;
const IDLE_MS = 45_000;

interface Figure {
  readonly name: string;
  readonly spread: Spread;
  readonly unit: string;
}

const figures: Figure[] = [];
const print = (line: string): boolean => process.stdout.write(`${line}\n`);

function note(name: string, samples: readonly number[], unit: string): void {
  const spread = spreadOf(samples);
  figures.push({ name, spread, unit });
  const show = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  print(
    `${name.padEnd(52)} ${show(spread.median).padStart(8)}  (${show(spread.min)} to ${show(spread.max)}) ${unit}`,
  );
}

const formatCosts: unknown[] = [];
const alone = [flags.container, flags.journal, flags.replicas].some((flag) => flag !== undefined);
const platform = await startPeer('platform.ts', { events: alone ? 1 : EVENTS, spanMs: HISTORY_MS });
const receivers = await startPeer('receivers.ts', {});
try {
  if (flags.container !== undefined) await runInContainer(Number(flags.container), receivers, note);
  if (flags.journal !== undefined) await largeJournal(Number(flags.journal), receivers, note);
  if (flags.replicas !== undefined)
    await manyReplicas(
      {
        replicas: Number(flags.replicas),
        sources: Number(flags.sources),
        events: EVENTS,
        fresh: Number(flags.fresh),
        database: flags.database,
      },
      receivers,
      note,
    );
  if (!alone) await all();
} finally {
  platform.stop();
  receivers.stop();
}

async function all(): Promise<void> {
  if (flags.sinks !== undefined) {
    for (const sink of SINKS.filter((name) => flags.sinks?.split(',').includes(name))) await besideHec(sink);
    return;
  }
  await throughput('one sink', ['hec'], EVENTS, RUNS);
  if (!flags['one-sink']) {
    await throughput('three sinks', ['hec', 'elastic', 'syslog'], EVENTS, RUNS);
    await outage();
    await idle();
    await formats();
  }
}
if (flags.json !== undefined) {
  writeFileSync(
    flags.json,
    `${JSON.stringify({ events: EVENTS, runs: RUNS, figures, formats: formatCosts }, null, 2)}\n`,
  );
}
const least = Number(flags['at-least'] ?? 0);
const ratio = figures[0]?.spread.median ?? 0;
if (!alone && ratio < least) {
  print(`events a second are ${ratio.toFixed(3)} of the floor's, less than ${least}`);
  process.exitCode = 1;
}
const most = Number(flags['cpu-at-most'] ?? Infinity);
const cpuRatio = figures[1]?.spread.median ?? Infinity;
if (!alone && cpuRatio > most) {
  print(`processor time is ${cpuRatio.toFixed(2)} times the floor's, more than ${most}`);
  process.exitCode = 1;
}

/** Floor and program in turn over the same events. */
async function throughput(
  name: string,
  sinks: readonly SinkName[],
  events: number,
  runs: number,
): Promise<void> {
  const pairs: {
    readonly floor: Usage;
    readonly own: Usage;
    readonly requests: number;
    readonly written: number;
  }[] = [];
  for (let run = -1; run < runs; run += 1) {
    const floor = await runFloor(sinks.length);
    const { own, requests, written } = await runOnce(sinks, events);
    if (run >= 0) pairs.push({ floor, own, requests, written }); // the first pair warms the machine up
  }
  note(
    `${name}: events a second beside the floor`,
    pairs.map(({ floor, own }) => floor.wallMs / own.wallMs),
    '×',
  );
  note(
    `${name}: processor time beside the floor`,
    pairs.map(({ floor, own }) => own.cpuMs / floor.cpuMs),
    '×',
  );
  note(
    `${name}: peak memory`,
    pairs.map(({ own }) => own.peakMb),
    'MB',
  );
  note(
    `${name}: peak memory of the floor`,
    pairs.map(({ floor }) => floor.peakMb),
    'MB',
  );
  note(
    `${name}: events a second of the floor`,
    pairs.map(({ floor }) => (events / floor.wallMs) * 1000),
    '/s',
  );
  note(
    `${name}: requests to the Platform`,
    pairs.map(({ requests }) => requests),
    '',
  );
  note(
    `${name}: bytes of the journal per event`,
    pairs.map(({ written }) => written / events),
    'B',
  );
}

/** A sink and HEC in turn over the same events. */
async function besideHec(sink: SinkName): Promise<void> {
  const pairs: { readonly hec: Usage; readonly own: Usage }[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const { own: hec } = await runOnce(['hec'], EVENTS);
    const { own } = await runOnce([sink], EVENTS);
    pairs.push({ hec, own });
  }
  const ratios = (figure: (usage: Usage) => number): number[] =>
    pairs.map(({ hec, own }) => figure(own) / figure(hec));
  note(
    `${sink}: events a second beside HEC`,
    ratios(({ wallMs }) => 1 / wallMs),
    '×',
  );
  note(
    `${sink}: processor time beside HEC`,
    ratios(({ cpuMs }) => cpuMs),
    '×',
  );
  note(
    `${sink}: peak memory beside HEC`,
    ratios(({ peakMb }) => peakMb),
    '×',
  );
}

async function runFloor(posts: number): Promise<Usage> {
  const usage = await measure([
    FLOOR,
    `http://127.0.0.1:${platform.ports.port}`,
    `http://127.0.0.1:${receivers.ports.port}`,
    String(posts),
  ]);
  await assertCounts({ hec: EVENTS });
  await platform.ask({ want: 'counts' });
  return usage;
}

async function runOnce(
  sinks: readonly SinkName[],
  events: number,
): Promise<{ readonly own: Usage; readonly requests: number; readonly written: number }> {
  const { config, journal, remove } = inFolder(configuration(platform, receivers, sinks));
  const own = await measure([MAIN, 'run', '--once', '-c', config], { TOKEN: 'token' });
  await assertCounts(Object.fromEntries(sinks.map((sink) => [sink, events])));
  const { requests } = await platform.ask<{ requests: number }>({ want: 'counts' });
  const written = statSync(journal).size;
  remove();
  return { own, requests, written };
}

/** A figure over lost events would be worth nothing. */
async function assertCounts(
  expected: Readonly<Record<string, number>>,
): Promise<{ readonly receivingMs: number }> {
  const counts = await receivers.ask<Record<string, number> & { receivingMs: number }>({});
  for (const [kind, count] of Object.entries(expected)) {
    if (counts[kind] !== count) throw new Error(`${kind} holds ${counts[kind]} of ${count} events`);
  }
  return counts;
}

/** The receiver refuses while everything is read, then takes it: how fast is the backlog drained? */
async function outage(): Promise<void> {
  const rates: number[] = [];
  for (let run = 0; run < Math.min(RUNS, 3); run += 1) {
    const { config, remove } = inFolder(configuration(platform, receivers, ['hec']));
    await receivers.ask({ refuse: true });
    const child = spawn(process.execPath, [MAIN, 'run', '-c', config], {
      env: { TOKEN: 'token' },
      stdio: 'ignore',
    });
    const ended = new Promise((done) => child.on('close', done));
    let requests = -1;
    for (let seen = 0; seen !== requests || seen === 0;) {
      requests = seen;
      await pause(3_000);
      seen += (await platform.ask<{ rows: number }>({ want: 'counts' })).rows > 1000 ? 1 : 0;
    }
    await receivers.ask({ refuse: false });
    let held = 0;
    let receivingMs = 1;
    while (held < EVENTS) {
      await pause(2_000);
      const counts = await receivers.ask<{ hec: number; receivingMs: number }>({});
      if (counts.hec === 0) continue;
      held += counts.hec;
      receivingMs += counts.receivingMs;
    }
    child.kill('SIGTERM');
    await ended;
    rates.push((held / receivingMs) * 1000);
    remove();
  }
  await platform.ask({ want: 'counts' });
  note('after an outage: events a second drained', rates, '/s');
}

/** The daemon with little to do, beside a bare process that wakes twice a second. */
async function idle(): Promise<void> {
  const small = await startPeer('platform.ts', { events: IDLE_EVENTS, spanMs: HISTORY_MS });
  const memory: [number[], number[]] = [[], []];
  const used: [number[], number[]] = [[], []];
  const starts: number[] = [];
  try {
    for (let run = 0; run < Math.min(RUNS, 3); run += 1) {
      const { config, remove } = inFolder(configuration(small, receivers, ['hec']));
      await small.ask({}); // forgets what the daemon before asked at its end
      const begunMs = Date.now();
      const daemon = spawn(process.execPath, [MAIN, 'run', '-c', config], {
        env: { TOKEN: 'token' },
        stdio: 'ignore',
      });
      const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 500)'], { stdio: 'ignore' });
      try {
        await pause(SETTLE_MS);
        starts.push((await small.ask<{ firstRequestMs: number }>({})).firstRequestMs - begunMs);
        const pids = [daemon.pid ?? 0, bare.pid ?? 0];
        const before = pids.map(cpuMs);
        await pause(IDLE_MS);
        pids.forEach((pid, index) => {
          memory[index]?.push(residentMb(pid));
          used[index]?.push(cpuMs(pid) - (before[index] ?? 0));
        });
      } finally {
        daemon.kill('SIGKILL');
        bare.kill('SIGKILL');
        remove();
      }
    }
  } finally {
    small.stop();
  }
  note('idle: memory', memory[0], 'MB');
  note('idle: memory of a bare process', memory[1], 'MB');
  note(`idle: processor time in ${IDLE_MS / 1000} s`, used[0], 'ms');
  note('idle: processor time of a bare process', used[1], 'ms');
  note('start to first request', starts, 'ms');
}

/** What each format costs, in a process that does nothing else. */
async function formats(): Promise<void> {
  const peer = spawn(process.execPath, [resolve(import.meta.dirname, 'formats.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await new Promise((done) => {
    peer.on('message', (costs) => formatCosts.push(...(costs as unknown[])));
    peer.on('close', done);
  });
}
