import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What a program used from its start to its end, all of its processes together. */
export interface Usage {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The sum of each process's own peak of resident memory, MB. */
  readonly peakMb: number;
}

/** Runs a program to its end, by a command `around` it where one is given, and says what it used. Throws, with what it printed, unless it exits with 0. */
export async function measure(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  around: readonly string[] = [],
): Promise<Usage> {
  const folder = mkdtempSync(join(tmpdir(), 'auditferry-meter-'));
  const meter = pathToFileURL(join(import.meta.dirname, 'meter.mjs')).href;
  const started = performance.now();
  const [command = process.execPath, ...rest] = [...around, process.execPath, ...words];
  const child = spawn(command, rest, {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_OPTIONS: `--import ${meter}`,
      AUDITFERRY_METER: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      printed = `${printed}${bytes.toString()}`.slice(-4000);
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const wallMs = performance.now() - started;
  if (code !== 0) throw new Error(`exit ${code}: ${words.join(' ')}\n${printed}`);
  const used = readdirSync(folder).map(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as { cpuMs: number; peakMb: number },
  );
  rmSync(folder, { recursive: true });
  return {
    wallMs,
    cpuMs: used.reduce((sum, one) => sum + one.cpuMs, 0),
    peakMb: used.reduce((sum, one) => sum + one.peakMb, 0),
  };
}

/** A peer of the measured program, in a process of its own that answers questions by message. */
export interface Peer {
  readonly ports: { readonly port: number; readonly syslogPort: number; readonly kafkaPort: number };
  ask<Answer>(question: object): Promise<Answer>;
  stop(): void;
}

export async function startPeer(file: string, settings: object): Promise<Peer> {
  const child: ChildProcess = fork(join(import.meta.dirname, file), [JSON.stringify(settings)]);
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  ended.catch(() => {}); // it ends when it is stopped, and is missed only by who waits for an answer
  const next = (): Promise<unknown> =>
    Promise.race([ended, new Promise((resolve) => child.once('message', resolve))]);
  const ports = (await next()) as Peer['ports'];
  return {
    ports,
    async ask<Answer>(question: object) {
      const answer = next();
      child.send(question);
      return (await answer) as Answer;
    },
    stop: () => child.kill('SIGKILL'),
  };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? NaN,
    min: sorted[0] ?? NaN,
    max: sorted.at(-1) ?? NaN,
  };
}
