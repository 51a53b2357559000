import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const STOP_PATIENCE_MS = 20_000;
const LOG_TAIL_CHARACTERS = 3000;

/** A program that a test started. `stop` ends this program and what it started itself, and nothing else. */
export interface Running {
  readonly pid: number;
  /** Everything it printed so far. */
  output(): string;
  /** SIGTERM, then SIGKILL after 20 s. Safe to call twice. */
  stop(): Promise<void>;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Resolves to true once the program answers. Called again and again until then; may throw meanwhile. */
  ready(): Promise<boolean>;
  readonly readyWithinMs: number;
}

/** Starts a program in a process group of its own and waits until it answers; throws with its output if it does not. */
export async function startProgram(program: Program): Promise<Running> {
  const logFile = join(program.folder, 'output.log');
  const log = openSync(logFile, 'a');
  const child = spawn(program.command, program.args, {
    cwd: program.folder,
    env: { ...process.env, ...program.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const output = () => readFileSync(logFile, 'utf8');
  let failure: string | undefined;
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => resolve(void (failure = error.message)));
    child.once('exit', (code, by) => resolve(void (failure = `ended with ${code ?? by}`)));
  });
  const pid = child.pid;
  if (pid === undefined) {
    await gone;
    throw new Error(`${program.command} cannot be started: ${failure}`);
  }
  groups.add(pid);
  const stop = async () => {
    signalGroup(pid, 'SIGTERM');
    await Promise.race([gone, delay(STOP_PATIENCE_MS, undefined, { ref: false })]);
    signalGroup(pid, 'SIGKILL');
    await gone;
    groups.delete(pid);
  };
  try {
    await until(`${program.command} to answer`, program.readyWithinMs, async () => {
      if (failure !== undefined) throw new Stopped(failure);
      return program.ready();
    });
  } catch (error) {
    await stop();
    const tail = output().slice(-LOG_TAIL_CHARACTERS);
    throw new Error(`${program.command} did not come up (${failure ?? String(error)}):\n${tail}`, {
      cause: error,
    });
  }
  return { pid, output, stop };
}

/** Waits for a condition; what it throws meanwhile counts as "not yet", except Stopped. */
export async function until(
  what: string,
  withinMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      if (await holds()) return;
    } catch (error) {
      if (error instanceof Stopped) throw error;
      last = error;
    }
    if (performance.now() > deadline) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${withinMs} ms in vain for ${what}${why}`, { cause: last });
    }
    await delay(POLL_MS);
  }
}

class Stopped extends Error {}

/** A new folder for one receiver's run. */
export function runFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `auditferry-${name}-`));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Free ports on loopback, for TCP and UDP alike, all different. */
export async function freePorts<Name extends string>(
  ...names: readonly Name[]
): Promise<Record<Name, number>> {
  const held = await Promise.all(names.map(async (name) => [name, await holdPort()] as const));
  await Promise.all(held.map(([, port]) => port.release()));
  return Object.fromEntries(held.map(([name, port]) => [name, port.number])) as Record<Name, number>;
}

/** Writes a configuration template with its ${words} filled in; a word without a value is an error. */
export function fillTemplate(
  template: string,
  target: string,
  words: Readonly<Record<string, string | number>>,
): void {
  const text = readFileSync(join(SETUP_FOLDER, template), 'utf8').replace(
    /\$\{(\w+)\}/g,
    (_, word: string) => {
      const value = words[word];
      if (value === undefined) throw new Error(`${template} has a word without a value: ${word}`);
      return String(value);
    },
  );
  writeFileSync(target, text);
}

/** Where the configuration templates are. */
export const SETUP_FOLDER = join(import.meta.dirname, 'setup');

/** True when something accepts TCP connections there. */
export async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

interface HeldPort {
  readonly number: number;
  release(): Promise<void>;
}

async function holdPort(): Promise<HeldPort> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const number = (server.address() as AddressInfo).port;
  const datagrams = createSocket('udp4');
  const freeForUdp = await new Promise<boolean>((resolve) => {
    datagrams.once('error', () => resolve(false));
    datagrams.bind(number, '127.0.0.1', () => resolve(true));
  });
  const release = async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    if (freeForUdp) await new Promise<void>((resolve) => datagrams.close(() => resolve()));
  };
  if (freeForUdp) return { number, release };
  await release();
  return holdPort();
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // The whole group is gone already, which is what was wanted.
  }
}

/** Whatever a crashed test leaves behind ends with the test's own process. */
const groups = new Set<number>();
process.once('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
});
