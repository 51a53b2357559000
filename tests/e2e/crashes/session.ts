import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect } from 'vitest';

import { randomFrom } from '../../../src/simulator/random.ts';
import { MAPPING_TROUBLE } from '../../fakes/elasticsearch.ts';
import { makeFolder, run, start, startPlatform, until } from '../program.ts';
import type { Folder, SimulatedPlatform } from '../program.ts';
import { openReceivers, RECEIVER_ENVIRONMENT, tally, tornFiles } from '../receivers.ts';
import type { Receivers } from '../receivers.ts';
import { readLeftBehind } from './left-behind.ts';
import { makeOld } from './old-journal.ts';
import type { Step } from './steps.ts';

/** The nth time at a step, the nth call that leaves the process, or so many milliseconds after the start. */
export interface Kill {
  readonly at: Step | 'any call' | 'any moment';
  readonly nth: number;
}

export interface Figures {
  readonly kills: Readonly<Record<string, number>>;
  /** Steps that no process came to before its time was over, not at a second try either. */
  readonly missed: readonly Kill[];
  readonly events: number;
  readonly lost: number;
  /** By sink: events that it got again, and those that may have been on their way at the kills. */
  readonly repeated: Readonly<Record<string, number>>;
  readonly inFlight: Readonly<Record<string, number>>;
}

const CRASH_AT = pathToFileURL(join(import.meta.dirname, 'crash-at.ts')).href;
const SINKS = ['file', 'elastic', 'splunk', 'syslog'] as const;
type Sink = (typeof SINKS)[number];
/** A process that has not come to its step by then does not come to it. */
const LIFE_MS = 6_000;
/**
 * Thirty events a second, so that each life has something to read and to send; a minute of them to begin with. Users stay as they are: an
 * event whose bytes were pruned cannot be told to differ in its user alone, and the journal rightly calls it altered.
 */
const STREAM = ['--history', '1m', '--rate', '0', '--burst-every', '1s', '--burst-rows', '30'];
/** What a command ends with when not everything is where it should be. */
const NOT_EVERYTHING = 3;
/** Lines that are taken out of the file before a job that sends what it lacks. */
const TAKEN_OUT = 10;

/** Kills the program again and again over one state, each time at another place, and looks what it left. */
export async function killOver(seed: number, kills: readonly Kill[]): Promise<Figures> {
  const folder = makeFolder();
  const platform = await startPlatform([...STREAM, '--seed', String(seed)]);
  const receivers = await openReceivers(folder);
  try {
    const session = open(folder, platform, receivers);
    await session.refuseSome(seed);
    const again: Kill[] = [];
    for (const kill of kills) if (!(await session.kill(kill))) again.push(kill);
    const missed: Kill[] = [];
    for (const { at } of again) if (!(await session.kill({ at, nth: 1 }))) missed.push({ at, nth: 1 });
    return await session.end(missed);
  } finally {
    await platform.stop();
    await receivers.close();
    folder.remove();
  }
}

function open(folder: Folder, platform: SimulatedPlatform, receivers: Receivers) {
  const state = join(folder.path, 'state');
  const output = join(folder.path, 'out', 'audit.ndjson');
  const env = RECEIVER_ENVIRONMENT;
  const kills: Record<string, number> = {};
  const inFlight: Record<Sink, number> = { file: 0, elastic: 0, splunk: 0, syslog: 0 };
  /** Taken out of the file and not yet sent to it again. */
  const takenOut = new Set<string>();
  let caughtUp = false;
  /** Ids that the HEC refuses, in the order in which it changes its mind. */
  const refused: string[] = [];

  function configure(retention: string, batch: string): string {
    return folder.write(
      'auditferry.yaml',
      `state: { dir: ./state, retention: ${retention} }
admin: { listen: "off" }
sources:
  platform:
    type: cloudquery
    url: ${platform.url}
    api_key: "\${PLATFORM_KEY}"
    start: 1h # longer than the history, or its first seconds would be before the start
    poll_interval: 1s
    overlap: 30s
    rate_limit: { requests_per_second: 50 }
${receivers.sinks({ batch, rotate: '{ size: 16KiB, keep: 0 }' })}`,
    );
  }

  async function refuseSome(seed: number): Promise<void> {
    const random = randomFrom(seed);
    for (const id of await platform.ids()) {
      if (random.below(40) === 0) refused.push(id);
      if (random.below(40) === 0) receivers.elastic.trouble([id], MAPPING_TROUBLE, true);
    }
    for (const id of refused) receivers.splunk.poison.add(id);
  }

  /** What has to be there before the process starts that is to be killed. Returns its command line. */
  async function prepare(at: Kill['at']): Promise<readonly string[]> {
    const kind = at.slice(0, at.indexOf(':'));
    // Only what every sink is past can be pruned, and only what was sent is a dead letter or can be sent again.
    const needsEvents = kind === 'letters' || kind === 'backfill' || kind === 'replay';
    if (kind === 'pruning' || (needsEvents && !caughtUp)) {
      await run(['run', '-c', configure('1h', '{}'), '--once', '--patience', '10s'], { env });
      caughtUp = true;
    }
    const config = configure(kind === 'pruning' ? '1ms' : '1h', '{ max_events: 10, max_wait: 100ms }');
    if (kind === 'migration' && existsSync(join(state, 'journal.db'))) makeOld(join(state, 'journal.db'));
    if (kind === 'letters') {
      for (const id of refused.splice(0, refused.length / 3)) receivers.splunk.poison.delete(id);
      await run(['dead-letters', 'retry', '-c', config, '--all'], { env });
    }
    if (kind === 'backfill' || kind === 'replay') {
      takeOut();
      return [kind, '-c', config, '--from', '1h', '--sink', 'file'];
    }
    return ['run', '-c', config];
  }

  /** As somebody who lost the end of the file: what the journal still holds of it. */
  function takeOut(): void {
    const left = readLeftBehind(state, folder.path);
    if (left === null || !existsSync(output)) return;
    const lines = readFileSync(output, 'utf8').split('\n').slice(0, -1);
    const isKept = (line: string, index: number): boolean => {
      const { id } = JSON.parse(line) as { id: string };
      if (index < lines.length - TAKEN_OUT || (left.seqs.get(id) ?? 0n) <= left.prunedTo) return true;
      takenOut.add(id);
      return false;
    };
    const kept = lines.filter(isKept).map((line) => `${line}\n`);
    writeFileSync(output, kept.join(''));
  }

  /** Returns whether the process came to the step. */
  async function kill(one: Kill): Promise<boolean> {
    const words = await prepare(one.at);
    const options =
      one.at === 'any moment'
        ? { env }
        : { env: { ...env, CRASH_AT: `${one.nth} ${one.at}` }, nodeArguments: ['--import', CRASH_AT] };
    const running = start(words, options);
    const limit = one.at === 'any moment' ? one.nth : LIFE_MS;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      running.child.kill('SIGKILL');
    }, limit);
    const { code, signal } = await running.ended;
    clearTimeout(timer);
    // A command may come to its end; a daemon ends by no other means.
    const isDone = words[0] !== 'run' && (code === 0 || code === NOT_EVERYTHING);
    expect([one, isDone ? 'SIGKILL' : signal, running.stderr().slice(-2000)]).toEqual([
      one,
      'SIGKILL',
      expect.anything(),
    ]);
    const came = one.at === 'any moment' || (!late && !isDone);
    if (came) kills[one.at] = (kills[one.at] ?? 0) + 1;
    await until('the receivers to have read what was sent', () => !receivers.busy());
    judge(one);
    return came;
  }

  /** What is behind a cursor is at its receiver or a dead letter, now and not only in the end; what is before it may come again. */
  function judge(one: Kill): void {
    const left = readLeftBehind(state, folder.path);
    if (left === null) return;
    expect([one, left.check]).toEqual([one, 'ok']);
    const held = receivers.ids();
    for (const sink of SINKS) {
      const cursor = left.cursors.get(sink) ?? 0n;
      const has = new Set(held[sink]);
      const letters = left.letters.get(sink) ?? new Set();
      const isSettled = (id: string): boolean =>
        has.has(id) || letters.has(id) || (sink === 'file' && takenOut.has(id));
      const behind = [...left.seqs].filter(([id, seq]) => seq <= cursor && !isSettled(id));
      expect([one, sink, behind.map(([id]) => id)]).toEqual([one, sink, []]);
      for (const [id, seq] of left.seqs)
        if (has.has(id) && (seq > cursor || letters.has(id))) inFlight[sink] += 1;
    }
  }

  async function end(missed: readonly Kill[]): Promise<Figures> {
    receivers.splunk.poison.clear();
    const config = configure('1h', '{ max_events: 1000 }');
    await platform.set({ burst: { every: 0 } });
    const startMs = Math.floor(Date.now() / 1000) * 1000;
    const inOrder = async (...words: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run([...words, '-c', config], { env });
      const isEnd = code === 0 || (code === NOT_EVERYTHING && mayLeave);
      expect([words, isEnd, isEnd ? '' : stdout + stderr.slice(-3000)]).toEqual([words, true, '']);
      return stdout;
    };
    let mayLeave = true; // what was refused so far
    await inOrder('run', '--once', '--patience', '30s');
    mayLeave = false;
    await inOrder('dead-letters', 'retry', '--all');
    await inOrder('run', '--once', '--patience', '30s');
    const wanted = await platform.ids(startMs);
    const all = await platform.ids();
    const got = receivers.ids();
    const tallies = Object.fromEntries(SINKS.map((sink) => [sink, tally(wanted, got[sink], all)]));
    const repeated = Object.fromEntries(SINKS.map((sink) => [sink, tallies[sink]?.repeated ?? 0]));
    const lost = Object.values(tallies).reduce((sum, one) => sum + one.lost + one.strange, 0);
    expect([lost, tallies]).toEqual([0, tallies]);
    expect(repeated['elastic']).toBe(0);
    for (const sink of SINKS)
      expect([sink, repeated[sink]]).toEqual([sink, expect.toSatisfy((n: number) => n <= inFlight[sink])]);
    expect([receivers.splunk.faults, tornFiles(output)]).toEqual([[], []]);
    expect(JSON.parse(await inOrder('verify', '--from', '1h', '--json'))).toMatchObject({
      summary: expect.stringMatching(/^complete/) as string,
    });
    expect(await inOrder('journal', 'repair')).toContain('is whole: nothing was changed');
    return { kills, missed, events: wanted.length, lost, repeated, inFlight };
  }

  return { refuseSome, kill, end };
}
