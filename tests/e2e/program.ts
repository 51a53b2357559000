import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
const MINUTE_MS = 60_000;
/** After the end of a minute: what came in its last moment is listed. */
const SETTLED_MS = 2_000;

export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
  readonly cwd?: string;
}

/** Starts the built program as its own process, on the runtime of the tests. */
export function start(words: readonly string[], options: StartOptions = {}): Running {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), MAIN, ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString('utf8');
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString('utf8');
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

/** Runs the built program to its end. */
export async function run(
  words: readonly string[],
  options: StartOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = start(words, options);
  const { code } = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** Waits until the condition holds; an assertion of its own when it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${withinMs} ms in vain: ${what}`);
}

export interface Folder {
  readonly path: string;
  /** Writes a file into it and returns its path. */
  write(name: string, text: string): string;
  remove(): void;
}

export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'auditferry-e2e-'));
  return {
    path,
    write(name, text) {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface SimulatedPlatform {
  readonly url: string;
  /** Ids of everything that is listed now, or of what was created before a moment (milliseconds since 1970). */
  ids(beforeMs?: number): Promise<string[]>;
  set(patch: object): Promise<void>;
  /** Returns once nothing new comes any more: when the minute is over whose events are drawn already. */
  endStream(): Promise<void>;
  stop(): Promise<void>;
}

/** The simulated Platform as its own process, on a free port. */
export async function startPlatform(flags: readonly string[]): Promise<SimulatedPlatform> {
  const running = start(['simulate', '--listen', '127.0.0.1:0', '--json', ...flags]);
  await until('the simulated Platform', () => running.stdout().includes('\n'));
  const { url } = JSON.parse(running.stdout()) as { url: string };
  const set = async (patch: object): Promise<void> => {
    const answer = await fetch(`${url}/_simulator/set`, { method: 'POST', body: JSON.stringify(patch) });
    if (!answer.ok) throw new Error(await answer.text());
  };
  return {
    url,
    set,
    async endStream() {
      await set({ rate: 0, burst: { every: 0 } });
      const endMs = (Math.floor(Date.now() / MINUTE_MS) + 1) * MINUTE_MS + SETTLED_MS;
      await until('the stream to end', () => Date.now() > endMs, 2 * MINUTE_MS);
    },
    async ids(beforeMs = Infinity) {
      const text = await (await fetch(`${url}/_simulator/events`)).text();
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { id: string; created_at: string })
        .filter((event) => Date.parse(event.created_at) < beforeMs)
        .map((event) => event.id);
    },
    async stop() {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}

/** Whether this user may mount a file system of its own. */
export function canMount(): boolean {
  const place = makeFolder();
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place.path]).status === 0;
  if (made) spawnSync('umount', [place.path]);
  place.remove();
  return made;
}
