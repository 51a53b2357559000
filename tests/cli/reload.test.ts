import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, it } from 'vitest';

import { FILE_SINK, rooms } from './room.ts';

const room = rooms();
const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

interface Ask {
  readonly token?: string;
  readonly host?: string;
  readonly method?: 'GET' | 'POST';
}

/** The daemon as its own process, and what it logs. */
function daemon(config: string) {
  const child = spawn(process.execPath, [MAIN, 'run', '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let logged = '';
  let looked = 0;
  let look = (): void => {};
  child.stderr.on('data', (bytes: Buffer) => {
    logged += bytes.toString();
    look();
  });
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  const said = (text: string): Promise<string> =>
    new Promise((done, fail) => {
      look = () => {
        const at = logged.indexOf(text, looked);
        if (at < 0) return;
        looked = at + text.length;
        done(logged.slice(at, logged.indexOf('\n', at)));
      };
      void ended.then(() => fail(new Error(`ended without saying "${text}":\n${logged}`)));
      look();
    });
  return {
    said,
    logged: () => logged,
    reload: () => child.kill('SIGHUP'),
    stop: () => (child.kill('SIGKILL'), ended),
  };
}

function ask(url: string, path: string, { token, host, method = 'GET' }: Ask): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(host === undefined ? {} : { host }),
  };
  return new Promise((done, fail) => {
    const sent = request(new URL(path, url), { method, headers, agent: false }, (answer) => {
      answer.resume();
      done(answer.statusCode ?? 0);
    });
    sent.on('error', fail);
    sent.end(method === 'POST' ? '{"ids":["1"]}' : undefined);
  });
}

const retry = '/api/dead-letters/retry';

it('a reload changes who may use the status page, and how much is logged', async () => {
  const here = room();
  await here.platform();
  const admin = (more: string): string => `admin: { listen: '127.0.0.1:0', ${more} }`;
  const config = here.config(FILE_SINK, admin("token: 'the-first-token'"));
  const running = daemon(config);
  here.atEnd(running.stop);
  const url = /http:[^"]+/.exec(await running.said('"url":"'))?.[0] ?? '';
  expect(await ask(url, retry, { method: 'POST', token: 'the-first-token' })).toBe(200);
  expect(await ask(url, '/healthz', { host: 'ops.example.com' })).toBe(421);

  const open = admin("token: 'the-second-token', allowed_hosts: [ops.example.com]");
  here.config(FILE_SINK, `${open}\nlog: { level: warn }`);
  running.reload();
  await running.said('admin.token: the secret itself is in the file'); // a warning of the new configuration
  expect(await ask(url, retry, { method: 'POST', token: 'the-first-token' })).toBe(401);
  expect(await ask(url, retry, { method: 'POST', token: 'the-second-token' })).toBe(200);
  expect(await ask(url, '/healthz', { host: 'ops.example.com' })).toBe(200);

  expect(running.logged()).not.toContain('the new configuration is in force'); // an info line, at level warn
  expect(running.logged()).not.toMatch(/the-first-token|the-second-token/);
});

it('what takes effect at a start only is said, and nothing of that configuration is taken', async () => {
  const here = room();
  await here.platform();
  const config = here.config(FILE_SINK, "admin: { listen: '127.0.0.1:0', token: 'the-first-token' }");
  const running = daemon(config);
  here.atEnd(running.stop);
  const url = /http:[^"]+/.exec(await running.said('"url":"'))?.[0] ?? '';
  here.config(FILE_SINK, "admin: { listen: '127.0.0.1:1', token: 'the-second-token' }");
  running.reload();
  await running.said('admin.listen takes effect only at a start: restart auditferry');
  await running.said('the new configuration is refused; the old one stays in force');
  expect(await ask(url, retry, { method: 'POST', token: 'the-first-token' })).toBe(200);
  expect(await ask(url, retry, { method: 'POST', token: 'the-second-token' })).toBe(401);
});

it('a token from a file needs no reload', async () => {
  const here = room();
  await here.platform();
  writeFileSync(here.path('token'), 'the-first-token\n');
  const config = here.config(FILE_SINK, "admin: { listen: '127.0.0.1:0', token: '${file:token}' }");
  const running = daemon(config);
  here.atEnd(running.stop);
  const url = /http:[^"]+/.exec(await running.said('"url":"'))?.[0] ?? '';
  const answers = (token: string): Promise<number> => ask(url, retry, { method: 'POST', token });
  expect([await answers('the-first-token'), await answers('the-second-token')]).toEqual([200, 401]);
  writeFileSync(here.path('token'), 'the-second-token\n');
  expect([await answers('the-first-token'), await answers('the-second-token')]).toEqual([401, 200]);
  writeFileSync(here.path('token'), '');
  expect([await answers(''), await answers('the-second-token')]).toEqual([401, 200]);
});
