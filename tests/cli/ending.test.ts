import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { drainMs } from '../../src/cli/ending.ts';
import { droppedLogLines, openLog } from '../../src/cli/log.ts';
import { FILE_SINK, rooms } from './room.ts';

const room = rooms();
const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = resolve(ROOT, 'src/cli/main.ts');

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process whose outputs nobody reads unless the test does. */
function start(words: readonly string[], cwd = ROOT) {
  const child = spawn(process.execPath, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const ended = once(child, 'exit').then(([code, signal]) => ({
    code: code as number,
    signal: signal as string,
  }));
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(said)) await once(child.stderr, 'data');
  };
  return { child, ended, until, said: () => said };
}

/** A script of our own that keeps itself alive for ever. */
function staying(script: string) {
  return start(['--input-type=module', '-e', `setInterval(() => {}, 1e6);\n${script}`]);
}

describe('the end of the process', () => {
  it('comes within shutdown_timeout although nobody reads the events on standard output', async () => {
    const here = room();
    await here.platform({ rate: 30 });
    const config = here.config('  out: { type: stdout }', "admin: { listen: 'off' }\nshutdown_timeout: 1s");
    const { child, ended, until, said } = start([MAIN, 'run', '-c', config]);
    await until(/read new/);
    const before = performance.now();
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(said()).toContain('stopped; everything is saved');
  });

  it('of a command that was interrupted is one line, not a stack', async () => {
    const here = room();
    await here.platform({ faults: { share: 1, kinds: ['503'] } });
    await (await here.writer()).close();
    const { child, ended, until, said } = start([
      MAIN,
      'verify',
      '-c',
      here.config(FILE_SINK),
      '--from',
      '1h',
    ]);
    await until(/asked again/);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(said()).toMatch(/\ninterrupted\n$/);
  });

  it('comes at once at the second signal', async () => {
    const here = room();
    await here.platform({ rate: 30 });
    const { child, ended, until } = start([MAIN, 'run', '-c', here.config('  out: { type: stdout }')]);
    await until(/read new/);
    child.kill('SIGTERM');
    await until(/stopping/);
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: null, signal: 'SIGINT' });
  });

  it('is forced, with a line and 1, when something does not end in time', async () => {
    const { ended, said } = staying(`
      const { endWithin, ownProcess } = await import('./src/cli/ending.ts');
      ownProcess();
      endWithin(600);
      await new Promise(() => {});
    `);
    expect(await ended).toMatchObject({ code: 1 });
    expect(said()).toMatch(/^auditferry: ended by force: something did not end within 600ms/);
  });

  it('is not forced on a process that only runs a command of ours', async () => {
    const { ended, said } = staying(`
      const { endWithin } = await import('./src/cli/ending.ts');
      endWithin(600);
      setTimeout(() => process.exit(7), 1_500);
    `);
    expect(await ended).toMatchObject({ code: 7 });
    expect(said()).toBe('');
  });

  it('does not wait for what is left when the work is done, and loses none of its output', async () => {
    const { child, ended } = staying(`
      const { leave } = await import('./src/cli/ending.ts');
      process.stdout.write('x'.repeat(1_000_000));
      process.exitCode = 3;
      await leave();
    `);
    let size = 0;
    child.stdout.on('data', (bytes: Buffer) => (size += bytes.length));
    expect(await ended).toMatchObject({ code: 3 });
    expect(size).toBe(1_000_000);
  });

  it('leaves time for closing', () => {
    expect([0, 1_000, 20_000].map(drainMs)).toEqual([0, 750, 18_000]);
  });
});

describe('a reader that leaves', () => {
  it.each([['schema'], ['--help']])('ends %s without a word', async (...words) => {
    const { child, ended, said } = start([MAIN, ...words]);
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 141, signal: null });
    expect(said()).toBe('');
  });

  it('of the log costs lines, which are counted, and the daemon goes on, its counters over a reload too', async () => {
    const here = room();
    await here.platform();
    const config = here.config(FILE_SINK, "admin: { listen: '127.0.0.1:0' }");
    const { child, ended, until, said } = start([MAIN, 'run', '-c', config]);
    await until(/read new/);
    const url = /"url":"(http:[^"]+)","msg":"the status page"/.exec(said())?.[1] ?? '';
    const counted = (text: string): readonly number[] =>
      ['process_start_time_seconds', 'source_events_total', 'source_requests_total'].map((name) =>
        Number(new RegExp(`${name}.* ([0-9.]+)$`, 'm').exec(text)?.[1]),
      );
    const before = counted(await (await fetch(`${url}/metrics`)).text());
    child.stderr.destroy();
    child.kill('SIGHUP'); // the reload has something to say
    let metrics: string;
    do metrics = await (await fetch(`${url}/metrics`)).text();
    while (/log_lines_dropped_total(\{[^}]*\})? 0/.test(metrics));
    expect(metrics).toMatch(/log_lines_dropped_total(\{[^}]*\})? [1-9]/);
    const [started, events = 0, requests = 0] = counted(metrics);
    expect(started).toBe(before[0]);
    expect(events).toBeGreaterThanOrEqual(before[1] ?? NaN);
    expect(requests).toBeGreaterThanOrEqual(before[2] ?? NaN);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
  });
});

describe('the log', () => {
  it('drops what is not read, counts it, and says so when it is read again', () => {
    const written: string[] = [];
    const stream = {
      writableLength: 0,
      write: (text: string, done?: (error?: Error) => void) => {
        written.push(text);
        if (text.includes('refused')) done?.(new Error('write EPIPE'));
      },
    };
    const before = droppedLogLines();
    const log = openLog({ level: 'info', format: 'json' }, stream);
    log.info({}, 'read');
    stream.writableLength = 2 ** 21;
    log.info({}, 'lost');
    log.info({}, 'lost too');
    stream.writableLength = 0;
    log.info({}, 'refused');
    log.info({}, 'read again');
    const messages = written.map((line) => JSON.parse(line) as { msg: string; lines?: number });
    expect(messages.map(({ msg, lines }) => lines ?? msg)).toEqual(['read', 2, 'refused', 1, 'read again']);
    expect(droppedLogLines() - before).toBe(3);
  });
});
