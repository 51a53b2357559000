import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterEach } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import type { Output, Terminal } from '../../src/cli/terminal.ts';
import { wallClock } from '../../src/model/clock.ts';
import type { Clock } from '../../src/model/clock.ts';
import type { NewEvent } from '../../src/model/event.ts';
import { msToNs } from '../../src/model/time.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { SimulatorPatch } from '../../src/simulator/options.ts';
import type { RunningSimulator } from '../../src/simulator/server.ts';

export interface FakeTerminal extends Terminal {
  /** Everything written so far. */
  readonly printed: { out: string; err: string };
  /** Forgets what was written. */
  clear(): void;
  /** What stands on standard output, as the one JSON document that it must be. */
  json(): unknown;
}

/** A terminal that keeps what is written to it. */
export function fakeTerminal(
  given: {
    readonly env?: Record<string, string>;
    readonly input?: string;
    readonly clock?: Clock;
    readonly columns?: number;
    readonly signal?: AbortSignal;
  } = {},
): FakeTerminal {
  const printed = { out: '', err: '' };
  const output = (name: 'out' | 'err'): Output => ({
    write: (text) => (printed[name] += text),
    isTTY: given.columns !== undefined,
    ...(given.columns === undefined ? {} : { columns: given.columns }),
  });
  return {
    out: output('out'),
    err: output('err'),
    input: Readable.from([given.input ?? '']),
    env: given.env ?? {},
    clock: given.clock ?? wallClock,
    signal: given.signal ?? new AbortController().signal,
    printed,
    clear: () => Object.assign(printed, { out: '', err: '' }),
    json: () => JSON.parse(printed.out) as unknown,
  };
}

export interface Room {
  readonly dir: string;
  path(name: string): string;
  /** Writes a configuration of one simulated Platform and the sinks given, as YAML below `sinks:`. */
  config(sinks: string, more?: string): string;
  platform(patch?: SimulatorPatch): Promise<RunningSimulator>;
  /** The journal of the configuration, opened as the daemon does. */
  writer(): Promise<Journal>;
  atEnd(end: () => Promise<void> | void): void;
}

/** A fresh folder per call; what a test starts in it ends with the test. */
export function rooms(): () => Room {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  });
  return () => {
    const dir = mkdtempSync(join(tmpdir(), 'operator-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const path = (name: string): string => join(dir, name);
    let url = 'http://127.0.0.1:9';
    return {
      dir,
      path,
      config(sinks, more = "admin: { listen: 'off' }") {
        const source = `{ type: cloudquery, url: '${url}', api_key: \${PLATFORM_KEY:-demo-key}, start: 2h }`;
        const text = `state: { dir: ./data }\n${more}\nsources:\n  platform: ${source.replace('${PLATFORM_KEY:-demo-key}', "'${PLATFORM_KEY:-demo-key}'")}\nsinks:\n${sinks}\n`;
        writeFileSync(path('ferry.yaml'), text);
        return path('ferry.yaml');
      },
      async platform(patch = {}) {
        const simulator = await startSimulator({
          listen: '127.0.0.1:0',
          history: 3_600_000,
          rate: 6,
          seed: 3,
          ...patch,
        });
        ends.push(() => simulator.close());
        url = simulator.url;
        return simulator;
      },
      async writer() {
        const dataDir = path('data');
        const journal = await openJournal({
          dir: dataDir,
          maxBytes: 2 ** 30,
          clock: wallClock,
          access: 'writer',
        });
        ends.push(() => journal.close());
        return journal;
      },
      atEnd: (end) => void ends.push(end),
    };
  };
}

export const FILE_SINK = '  archive: { type: file, path: ./out/audit.ndjson, format: raw }';

const START_MS = Date.UTC(2026, 0, 1);

/** An event with its number in its id, one second after the other. */
export function newEvent(number: number, eventType = 'user_login'): NewEvent {
  const createdMs = START_MS + number * 1000;
  const id = `event-${number}`;
  const createdAt = new Date(createdMs).toISOString();
  const original = JSON.stringify({ id, event_type: eventType, created_at: createdAt });
  return { id, createdAt, createdNs: msToNs(createdMs), original, eventType, wanted: true };
}

/** Appends events of the source `platform`, and what else a harvest may hold. */
export async function append(
  journal: Journal,
  events: readonly NewEvent[],
  more: Partial<Parameters<Journal['append']>[1]> = {},
): Promise<void> {
  const empty = { malformed: [], coverage: [], findings: [], progress: null };
  await journal.append('platform', { purpose: 'live', events, ...empty, ...more });
}

/** Events 1 to `count`, the ones named refused by the sink `archive`. */
export async function appendRefused(
  journal: Journal,
  count: number,
  refused: readonly number[],
): Promise<void> {
  await append(
    journal,
    Array.from({ length: count }, (_, index) => newEvent(index + 1)),
  );
  const events = await journal.read(0n, { maxEvents: count, maxBytes: 2 ** 20 });
  const rejected = events
    .filter((event) => refused.some((number) => event.id === `event-${number}`))
    .map((event) => ({
      event,
      reason: 'mapper_parsing\u001b[2Jexception',
      attempts: 2,
      sent: `<134>${event.id}`,
    }));
  await journal.moveCursor('archive', events.at(-1)?.seq ?? 0n, rejected);
}
