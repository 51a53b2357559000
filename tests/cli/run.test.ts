import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { conclude } from '../../src/cli/run-outcome.ts';
import type { DaemonEnd } from '../../src/pipeline/daemon.ts';
import { listLog } from '../pipeline/pieces.ts';
import type { Line } from '../pipeline/pieces.ts';
import { fakeTerminal, FILE_SINK, rooms } from './room.ts';

const room = rooms();
const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program as its own process. `until` gets what it logged so far, and whether that is enough: then it is stopped. */
function program(words: readonly string[], until?: (err: string) => boolean): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [MAIN, ...words], (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
    let logged = '';
    child.stderr?.on('data', (text: string) => {
      const before = until?.(logged) === true;
      logged += text;
      if (!before && until?.(logged) === true) child.kill('SIGTERM');
    });
  });
}

async function listening(answer: () => void): Promise<{ port: number; close: () => void }> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('what a run says at its end', () => {
  const journal = (dead: Record<string, number> = {}, pruned: Record<string, number> = {}) => ({
    deadLetterCounts: async () => new Map(Object.entries(dead)),
    prunedUndelivered: async () => new Map(Object.entries(pruned)),
    size: async () => ({ headSeq: 3000n, usedBytes: 1, limitBytes: 9 }) as never,
  });
  const end = (changes: Partial<DaemonEnd> = {}): DaemonEnd => ({
    failures: [],
    undelivered: new Map([['k', 0n]]),
    interrupted: false,
    ...changes,
  });
  const concluded = async (
    given: DaemonEnd,
    once: boolean,
    dead: Record<string, number> = {},
    pruned: Record<string, number> = {},
  ) => {
    const lines: Line[] = [];
    const terminal = fakeTerminal();
    const options = once ? ({ once: true, json: true } as const) : {};
    const code = await conclude(given, journal(dead, pruned), listLog(lines), options, terminal.out);
    return { code, said: lines.map(({ text }) => text).join('\n'), document: once ? terminal.json() : null };
  };

  it.each([
    ['a sink is behind', new Map([['k', 2900n]]), { k: 2900 }],
    ['the source is behind', new Map([['k', 0n]]), {}],
  ])('with --once, stopped while %s: that it was interrupted, and 1', async (_name, undelivered, left) => {
    const { code, said, document } = await concluded(end({ undelivered, interrupted: true }), true, { k: 1 });
    expect(code).toBe(1);
    expect(said).toMatch(/^interrupted before everything was read and delivered/);
    expect(document).toEqual({
      journal_head: 3000,
      interrupted: true,
      failures: [],
      undelivered: left,
      dead_letters: { k: 1 },
      pruned_before_delivery: {},
    });
  });

  it('with --once, to its end: that it caught up, and 0 or 3', async () => {
    const clean = await concluded(end(), true);
    expect(clean).toMatchObject({ code: 0, said: 'caught up; every sink has every event' });
    expect(clean.document).toMatchObject({ interrupted: false });
    expect(await concluded(end(), true, { k: 2 })).toMatchObject({ code: 3 });
  });

  it('with --once, when events were pruned before a sink had them: that, and 3', async () => {
    const pruned = { k: 20, 'not configured': 9 };
    const { code, said, document } = await concluded(end(), true, {}, pruned);
    expect({ code, said }).toEqual({
      code: 3,
      said: 'caught up, but events left the journal before a sink had them',
    });
    expect(document).toMatchObject({ pruned_before_delivery: { k: 20 } });
  });

  it('as a daemon that was stopped: that everything is saved, and 0', async () => {
    const stopped = end({ undelivered: new Map([['k', 2900n]]), interrupted: true });
    expect(await concluded(stopped, false)).toMatchObject({ code: 0, said: 'stopped; everything is saved' });
  });
});

describe('run', () => {
  it('stopped by a signal does not claim to have caught up', async () => {
    const here = room();
    await here.platform();
    const hanging = await listening(() => {});
    here.atEnd(hanging.close);
    const hook = `  hook: { type: http, url: 'http://127.0.0.1:${hanging.port}/' }`;
    const config = here.config(hook, "admin: { listen: 'off' }\nshutdown_timeout: 1s");
    const ended = await program(['run', '-c', config, '--once', '--json'], (err) => /read new/.test(err));
    expect(ended.code, ended.err).toBe(1);
    expect(ended.err).not.toContain('caught up');
    expect(JSON.parse(ended.out)).toMatchObject({ interrupted: true, failures: [] });
  });

  it('ends without a trace when the port of the status page is taken', async () => {
    const here = room();
    await here.platform();
    const taken = await listening(() => {});
    here.atEnd(taken.close);
    const config = here.config(FILE_SINK, `admin: { listen: '127.0.0.1:${taken.port}' }`);
    const { code, err } = await program(['run', '-c', config]);
    expect(code).toBe(2);
    expect(err).toContain(`admin.listen 127.0.0.1:${taken.port} is taken by another program\n`);
    expect(err).not.toMatch(/is closed|"level":"error"|\n {4}at /);
  });
});
