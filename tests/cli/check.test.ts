import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { describe, expect, it } from 'vitest';

import { check } from '../../src/cli/check/command.ts';
import { FILE_SINK, fakeTerminal, rooms } from './room.ts';

const room = rooms();

interface Answer {
  readonly ok: boolean;
  readonly items: readonly { part: string; name: string; outcome: string; finding: string; hint?: string }[];
}

describe('check', () => {
  it('looks at everything for real and exits with 0 when all is well', async () => {
    const here = room();
    await here.platform();
    const terminal = fakeTerminal();
    expect(await check({ config: here.config(FILE_SINK) }, terminal)).toBe(0);
    const { out } = terminal.printed;
    expect(out).toMatch(/^ok {3}configuration {4}file: .*1 source, 1 sink$/m);
    expect(out).toMatch(/^ok {3}state .*directory: .* is not there yet/m);
    expect(out).toMatch(/^ok {3}source platform {2}permission: the audit log can be read/m);
    expect(out).toMatch(/^ok {3}sink archive {5}writable: /m);
    expect(out).toContain('all that a run needs is there');
  });

  it('names what fails with its hint on the next line, and exits with 1', async () => {
    const here = room();
    await here.platform({ api_key: 'another-key' });
    const terminal = fakeTerminal({ columns: 80 });
    expect(await check({ config: here.config(FILE_SINK) }, terminal)).toBe(1);
    expect(terminal.printed.out).toMatch(
      /^✗ source platform {2}key: the Platform refuses the key .*\n +hint: create a new key/m,
    );
    expect(terminal.printed.out).toContain('1 item failed');
  });

  it('answers with one JSON document, also for a configuration that does not load', async () => {
    const here = room();
    await here.platform();
    const good = fakeTerminal();
    expect(await check({ config: here.config(FILE_SINK), json: true }, good)).toBe(0);
    expect((good.json() as Answer).ok).toBe(true);

    const bad = fakeTerminal();
    expect(await check({ config: here.config('  x: { type: fil }'), json: true }, bad)).toBe(2);
    const { ok, items } = bad.json() as Answer;
    expect(ok).toBe(false);
    expect(items[0]?.finding).toMatch(/ferry\.yaml:\d+:\d+: sinks\.x\.type/);
  });

  it('answers with its document and a hint where the database of the journal takes connections and never answers', async () => {
    const here = room();
    await here.platform();
    const sockets = new Set<Socket>();
    const silent = createTcpServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    here.atEnd(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;
    const url = `postgres://ferry:word@127.0.0.1:${port}/journal?sslmode=disable&connect_timeout=1`;
    const config = here.config(FILE_SINK);
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('{ dir: ./data }', `{ type: postgres, url: '${url}' }`));
    const terminal = fakeTerminal();
    expect(await check({ config, json: true, send: true }, terminal)).toBe(1);
    const { ok, items } = terminal.json() as Answer;
    expect(ok).toBe(false);
    expect(items.find(({ name }) => name === 'test event')?.finding).toContain('not sent');
    expect(items.find(({ part }) => part === 'state')).toMatchObject({
      name: 'database',
      outcome: 'fail',
      finding: expect.stringMatching(/^the database 127\.0\.0\.1:\d+\/journal cannot be reached/) as string,
      hint: expect.stringContaining('state.url') as string,
    });
    expect(JSON.stringify(items)).not.toContain('word');
  });

  it('counts the faults of a configuration that does not load', async () => {
    const sinks = Array.from({ length: 60 }, (_, at) => `  x${at}: { type: fil }`).join('\n');
    const terminal = fakeTerminal();
    expect(await check({ config: room().config(sinks), json: true }, terminal)).toBe(2);
    expect(terminal.json()).toMatchObject({ failed: 60, items: { length: 60 } });
  });

  it('throws the errors of a configuration that does not load, for the program to print', async () => {
    const config = room().config('  x: { type: fil }');
    await expect(check({ config }, fakeTerminal())).rejects.toMatchObject({ kind: 'config' });
  });

  it('sends a marked test event through the format of the sink and reads it back', async () => {
    const here = room();
    await here.platform();
    const terminal = fakeTerminal();
    const sinks = '  archive: { type: file, path: ./out/audit.ndjson, format: ocsf }';
    expect(await check({ config: here.config(sinks), send: true, json: true }, terminal)).toBe(0);
    const { items } = terminal.json() as Answer;
    expect(items.find((item) => item.name === 'read back')?.outcome).toBe('ok');
    const id = /event id ([0-9a-f-]{36})/.exec(
      items.find((item) => item.name === 'test event')?.finding ?? '',
    )?.[1];
    const written = JSON.parse(readFileSync(here.path('out/audit.ndjson'), 'utf8')) as {
      metadata: { uid: string };
    };
    expect(written.metadata.uid).toBe(id);
    expect(JSON.stringify(written)).toContain('auditferry.test');
  });

  it('says that a receiver cannot be asked, and reports a refusal as what it is', async () => {
    const here = room();
    await here.platform();
    let status = 200;
    const receiver = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(request.method === 'POST' ? status : 200).end());
    });
    await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
    here.atEnd(() => void receiver.close());
    const { port } = receiver.address() as AddressInfo;
    const config = here.config(`  hook: { type: http, url: 'http://127.0.0.1:${port}/in' }`);

    const asked = fakeTerminal();
    expect(await check({ config }, asked)).toBe(0);
    expect(asked.printed.out).toContain('hint: run check with --send');

    const taken = fakeTerminal();
    expect(await check({ config, send: true }, taken)).toBe(0);
    expect(taken.printed.out).not.toContain('run check with --send');
    expect(taken.printed.out).toMatch(/test event: sent.*it cannot be asked for it, so look there yourself/);

    status = 400;
    const refused = fakeTerminal();
    expect(await check({ config, send: true }, refused)).toBe(1);
    expect(refused.printed.out).toMatch(/^FAIL sink hook .*test event: the receiver refuses it for good/m);
  });

  it('does not write into the file of a running daemon', async () => {
    const here = room();
    await here.platform();
    await here.writer();
    const terminal = fakeTerminal();
    expect(await check({ config: here.config(FILE_SINK), send: true }, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(
      /warn sink archive .*not sent: the running daemon writes to this file/,
    );
    expect(terminal.printed.out).toMatch(/directory: .* a daemon runs on it \(process \d+/);
  });

  it('gives up on a part that does not answer, and tells the rest', async () => {
    const here = room();
    await here.platform({ latency: 3_600_000 });
    const now = Date.now();
    // Deadlines pass at once; whatever the sink does is on the real clock.
    const clock = {
      now: () => now,
      monotonic: () => performance.now(),
      random: () => 0.5,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((done, failed) => {
          signal?.addEventListener('abort', () => failed(signal.reason as Error), { once: true });
          setTimeout(done, ms / 100);
        }),
    };
    const terminal = fakeTerminal({ clock });
    expect(await check({ config: here.config(FILE_SINK) }, terminal)).toBe(1);
    expect(terminal.printed.out).toMatch(
      /FAIL source platform {2}check: source platform gave no answer within 30 s/,
    );
    expect(terminal.printed.out).toMatch(/ok {3}sink archive/);
  });

  it('tells a lost journal and a directory that cannot be used', async () => {
    const here = room();
    await here.platform();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    await journal.close();
    for (const name of ['journal.db', 'journal.db-wal', 'journal.db-shm'])
      rmSync(here.path(`data/${name}`), { force: true });
    const lost = fakeTerminal();
    expect(await check({ config }, lost)).toBe(1);
    expect(lost.printed.out).toMatch(
      /FAIL state .*journal: .* is missing, although one was made here before\n.*hint: stop/,
    );

    const blocked = room();
    await blocked.platform();
    mkdirSync(blocked.path('out'));
    writeFileSync(blocked.path('data'), 'a file where the folder should be');
    const terminal = fakeTerminal();
    expect(await check({ config: blocked.config(FILE_SINK) }, terminal)).toBe(1);
    expect(terminal.printed.out).toMatch(/FAIL state .*directory: .* cannot be used/);
  });

  it('starts the simulated Platform that a configuration asks for', async () => {
    const here = room();
    const free = await here.platform();
    await free.close();
    const { port } = new URL(free.url);
    const terminal = fakeTerminal();
    const more = `admin: { listen: 'off' }\nsimulator: { listen: '127.0.0.1:${port}', rate: 1 }`;
    expect(await check({ config: here.config(FILE_SINK, more) }, terminal)).toBe(0);
    expect(terminal.printed.out).toContain('0.0.0-simulated');
  });
});
