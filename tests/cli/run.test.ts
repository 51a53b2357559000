import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { conclude } from '../../src/cli/run/outcome.ts';
import type { DaemonEnd } from '../../src/pipeline/daemon.ts';
import { listLog } from '../pipeline/pieces.ts';
import type { Line } from '../pipeline/pieces.ts';
import { aFinding, aLetter, anEvent, createRoom, START_MS } from '../admin/room.ts';
import type { Room as AdminRoom } from '../admin/room.ts';
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
  const end = (changes: Partial<DaemonEnd> = {}): DaemonEnd => ({
    failures: [],
    undelivered: new Map(),
    interrupted: false,
    ...changes,
  });
  const concluded = async (
    given: DaemonEnd,
    once: boolean,
    arrange: (stage: AdminRoom) => void = () => {},
  ): Promise<{ code: number; said: string; document: unknown }> => {
    const stage = createRoom();
    stage.events.push(...Array.from({ length: 30 }, (_, at) => anEvent(at + 1, START_MS)));
    stage.splunk.cursor = stage.elastic.cursor = 30n;
    arrange(stage);
    const lines: Line[] = [];
    const terminal = fakeTerminal();
    const options = once ? ({ once: true, json: true } as const) : {};
    const code = await conclude(given, options, stage.options, listLog(lines), terminal.out);
    return { code, said: lines.map(({ text }) => text).join('\n'), document: once ? terminal.json() : null };
  };
  const behind = (stage: AdminRoom): void => void (stage.splunk.cursor = 1n);
  const refused = (stage: AdminRoom): void =>
    void stage.letters.push(
      aLetter(1, anEvent(1, START_MS), 'mapping'),
      aLetter(2, anEvent(2, START_MS), 'mapping'),
    );

  it.each([
    ['a sink is behind', behind, { splunk: 29 }],
    ['the source is behind', () => {}, {}],
  ])('with --once, stopped while %s: that it was interrupted, and 1', async (_name, arrange, left) => {
    const { code, said, document } = await concluded(end({ interrupted: true }), true, arrange);
    expect(code).toBe(1);
    expect(said).toMatch(/^interrupted before everything was read and delivered/);
    expect(document).toMatchObject({ journal_head: 30, interrupted: true, failures: [], undelivered: left });
  });

  it('with --once, to its end: that it caught up, and 0', async () => {
    const clean = await concluded(end(), true);
    expect(clean.code).toBe(0);
    expect(clean.said).toMatch(/^caught up; every sink has every event\. complete: /);
    expect(clean.document).toMatchObject({ interrupted: false, verdict: 'complete', undelivered: {} });
  });

  it.each([
    ['dead letters are left', refused, 'undelivered', /sink splunk: 2 dead letters/],
    ['a sink is behind', behind, 'undelivered', /sink splunk: 29 events waiting/],
    [
      'events were pruned before a sink had them',
      (stage: AdminRoom): void => void stage.pruned.set('splunk', 20).set('not configured', 9),
      'undelivered',
      /sink splunk: 20 events pruned before delivery/,
    ],
    [
      'a finding is open',
      (stage: AdminRoom): void => void stage.findings.push(aFinding(1, 'f')),
      'incomplete',
      /1 finding/,
    ],
    [
      'a window cannot be read',
      (stage: AdminRoom): void => {
        const window = { startNs: 0n, endNs: 1_000_000_000n };
        stage.state = { ...stage.state, troubles: [{ window, reason: 'it answers 502', sinceMs: START_MS }] };
      },
      'incomplete',
      /1 window cannot be read: 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z \(it answers 502\)/,
    ],
  ] as const)(
    'with --once, to its end while %s: the verdict, and 3',
    async (_name, arrange, verdict, words) => {
      const { code, said, document } = await concluded(end(), true, arrange);
      expect(code).toBe(3);
      expect(said).toMatch(/^caught up, but not everything is where it should be\. /);
      expect(said).toMatch(words);
      expect(document).toMatchObject({ verdict, summary: words });
    },
  );

  it('judges a run by what it did, however long the sinks took after the last poll', async () => {
    const late = (stage: AdminRoom): void => void (stage.nowMs += 5 * 3_600_000);
    expect(await concluded(end(), true, late)).toMatchObject({ code: 0 });
  });

  it('as a daemon that was stopped: that everything is saved, and 0', async () => {
    const stopped = await concluded(end({ interrupted: true }), false, behind);
    expect(stopped.code).toBe(0);
    expect(stopped.said).toMatch(
      /^stopped; everything is saved\. undelivered: sink splunk: 29 events waiting/,
    );
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
