import { connect } from 'node:net';
import { request as send } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { startAdmin } from '../../src/admin/server.ts';
import type { Admin } from '../../src/admin/server.ts';
import type { ReloadOutcome } from '../../src/admin/options.ts';
import type { StatusDocument } from '../../src/admin/document-shape.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import {
  aFinding,
  aLetter,
  anEvent,
  API_KEY,
  aReplica,
  createRoom,
  keptHeartbeats,
  START_MS,
  TOKEN,
} from './room.ts';
import type { Room, RoomOptions } from './room.ts';

const started: Admin[] = [];

afterEach(async () => {
  for (const admin of started.splice(0)) await admin.close();
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

type Ask = (path: string, options?: AskOptions) => Promise<Reply>;

interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function open(options: RoomOptions = {}): Promise<{ room: Room; admin: Admin; ask: Ask }> {
  const room = createRoom(options);
  const admin = await startAdmin(room.options);
  started.push(admin);
  const { port } = new URL(admin.url);
  const ask: Ask = (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const request = send({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString(),
          }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  return { room, admin, ask };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const AUTHORIZED = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` };
const post = (body: object, headers: Readonly<Record<string, string>> = AUTHORIZED): AskOptions => ({
  method: 'POST',
  headers,
  body: JSON.stringify(body),
});

describe('the listener', () => {
  it('answers health with status and reasons', async () => {
    const { room, ask } = await open();
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    room.status.stopping = true;
    const draining = await ask('/readyz');
    expect(draining.status).toBe(503);
    expect(JSON.parse(draining.body)).toMatchObject({ status: 'failing', reasons: [{ part: 'daemon' }] });
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('is alive and not ready while the journal cannot be asked, and says why', async () => {
    const { room, ask } = await open();
    // Where another replica has a sink, each question asks for its cursor, too: no failure of those may be left to nobody.
    enterState(room.splunk, 'standby', START_MS, { reason: 'b/2 does this' });
    room.fault = new ForwardError('transient', 'the database db:5432/x cannot be reached', {
      hint: 'check the address in state.url',
    });
    const ready = await ask('/readyz');
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toMatchObject({
      status: 'failing',
      verdict: 'incomplete',
      summary: 'incomplete: the journal cannot be read: the database db:5432/x cannot be reached.',
      reasons: [
        {
          part: 'journal',
          text: 'the database db:5432/x cannot be reached',
          hint: 'check the address in state.url',
        },
      ],
    });
    for (const path of ['/api/status', '/metrics']) {
      const { status, body } = await ask(path);
      expect([path, status, (JSON.parse(body) as { error: string }).error]).toEqual([
        path,
        503,
        'the database db:5432/x cannot be reached',
      ]);
    }
    expect((await ask('/healthz')).status).toBe(200);
    room.fault = null;
    expect((await ask('/readyz')).status).toBe(200);
  });

  it('is ready on a replica that stands by, and says so', async () => {
    const { room, ask } = await open();
    room.replicas = [aReplica('a/1', { self: true }), aReplica('b/2', { duties: ['source:platform'] })];
    room.coverage = [
      { startNs: 0n, endNs: msToNs(START_MS - 4_000), status: 'read', serverCount: null, readAt: '' },
    ];
    for (const loop of [room.source, room.splunk, room.elastic])
      enterState(loop, 'standby', START_MS, { reason: 'b/2 does this' });
    const { status, body } = await ask('/readyz');
    expect([status, (JSON.parse(body) as { verdict: string }).verdict]).toEqual([200, 'complete']);
    expect(body).toContain('2 replicas over one journal; this is a/1, which is on standby');
    expect(body).toContain('standby: b/2 does this');
  });

  it('is not ready when the others take it for gone', async () => {
    const { room, ask } = await open();
    room.replicas = [aReplica('a/1', { self: true, alive: false }), aReplica('b/2')];
    const { status, body } = await ask('/readyz');
    expect(status).toBe(503);
    expect(body).toContain('this replica cannot write to the journal');
  });

  it('serves metrics as asked for', async () => {
    const { ask } = await open();
    expect((await ask('/metrics')).headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const open1 = await ask('/metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    });
    expect(open1.headers['content-type']).toMatch(/^application\/openmetrics-text/);
    expect(open1.body).toContain('auditferry_build_info{version="1.2.3"');
  });

  it('tells the state of everything', async () => {
    const { room, ask } = await open();
    room.events.push(anEvent(1, START_MS - 60_000));
    room.findings.push(aFinding(5, 'fewer on the server'));
    Object.assign(room.elastic, { unclassified: 2, redactedValues: 5, trimmedUserParts: 9 });
    room.segments = new Map([['splunk', keptHeartbeats(2)]]);
    const document = JSON.parse((await ask('/api/status')).body) as StatusDocument;
    expect(document).toMatchObject({
      version: '1.2.3',
      sources: [{ name: 'platform', instance: 'acme.example.com', frontier_age_seconds: 4 }],
      sinks: [
        {
          name: 'splunk',
          undelivered: 1,
          oldest_undelivered_age_seconds: 60,
          unclassified: 0,
          last_heartbeat: '2026-01-02T04:00:00.000Z',
          unanswered_heartbeats: 2,
        },
        { name: 'elastic', unclassified: 2, redacted_values: 5, trimmed_user_parts: 9 },
      ],
      findings: [{ id: '5', kind: 'fewer_on_server' }],
      attention: [{ severity: 'warning', parts: ['platform'], finding_ids: ['5'] }],
    });
  });

  it('names admin.listen when the port is taken', async () => {
    const { admin } = await open();
    const { options } = createRoom();
    const listen = { host: '127.0.0.1', port: Number(new URL(admin.url).port) };
    await expect(startAdmin({ ...options, listen })).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('admin.listen') as string,
    });
  });

  it('shows coverage with what is pending between frontier and target', async () => {
    const { room, ask } = await open();
    const at = (minutes: number): bigint => msToNs(START_MS - minutes * 60_000);
    room.state = { ...room.state, frontierNs: at(30), targetNs: at(0) };
    room.coverage = [
      { startNs: at(600), endNs: at(30), status: 'verified', serverCount: 9, readAt: '2026-01-02T03:00:00Z' },
      { startNs: at(20), endNs: at(10), status: 'read', serverCount: null, readAt: '2026-01-02T03:00:00Z' },
    ];
    const from = new Date(START_MS - 3_600_000).toISOString();
    const { intervals } = JSON.parse((await ask(`/api/coverage?from=${from}`)).body) as {
      intervals: { status: string; start: string; end: string }[];
    };
    expect(
      intervals.map(({ status, start, end }) => `${status} ${start.slice(11, 16)}-${end.slice(11, 16)}`),
    ).toEqual(['verified 03:00-03:30', 'pending 03:30-03:40', 'read 03:40-03:50', 'pending 03:50-04:00']);
    expect((await ask('/api/coverage?from=yesterday')).status).toBe(400);
    expect((await ask('/api/coverage?source=other')).status).toBe(404);
  });

  it('renders events in the format asked for, and survives one that cannot be', async () => {
    const { room, ask } = await open();
    room.events.push(anEvent(1, START_MS), anEvent(2, START_MS));
    const { events } = JSON.parse((await ask('/api/events?limit=1&format=cef')).body) as {
      events: { text: string }[];
    };
    expect(events).toMatchObject([{ seq: 2, text: expect.stringContaining('CEF:0') as string }]);
    room.events.push({ ...anEvent(9, START_MS), original: JSON.stringify({ text: 'x'.repeat(2 ** 20) }) });
    const [large] = (JSON.parse((await ask('/api/events?limit=1')).body) as { events: object[] }).events;
    expect(large).toMatchObject({
      seq: 9,
      cut: true,
      text: 'an event of 1MiB is too large to be shown here',
    });
    expect((await ask('/api/events?format=__proto__')).status).toBe(400);
    expect((await ask('/api/events?limit=0')).status).toBe(400);
  });
});

describe('what keeps others out', () => {
  it('sends a strict policy with everything', async () => {
    const { ask } = await open();
    for (const path of ['/', '/page/app.js', '/healthz', '/api/status', '/nothing-here', '/metrics']) {
      const { headers } = await ask(path);
      const policy = String(headers['content-security-policy']);
      for (const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ]) {
        expect(policy, path).toContain(rule);
      }
      expect(policy).not.toContain('unsafe');
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it.each([
    ['127.0.0.1:9464', 200],
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['[::1]:9464', 200],
    ['ferry.example.com', 200],
    ['attacker.example.com', 421],
    ['127.0.0.1.attacker.example.com', 421],
    ['10.0.0.9', 421],
    ['localhost@attacker.example.com', 421],
    ['127.0.0.1 attacker.example.com', 421],
  ])('answers to the host %s with %i', async (host, status) => {
    const { ask } = await open({ allowedHosts: ['Ferry.example.com'] });
    expect((await ask('/api/status', { headers: { host } })).status).toBe(status);
    expect((await ask('/healthz', { headers: { host } })).status).toBe(status);
  });

  it('knows GET, HEAD and POST only', async () => {
    const { ask } = await open({ token: true });
    expect(await ask('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
      expect((await ask('/api/status', { method, headers: AUTHORIZED })).status, method).toBe(405);
    }
  });

  it('serves no file beside the page', async () => {
    const { ask } = await open();
    for (const path of [
      '/page/../server.ts',
      '/page/%2e%2e/server.ts',
      '/../../package.json',
      '//etc/passwd',
      '/page/',
    ]) {
      expect((await ask(path)).status, path).toBe(404);
    }
  });

  it('shows no secret anywhere', async () => {
    const { room, ask } = await open({ token: true });
    room.events.push(anEvent(1, START_MS));
    for (const path of [
      '/',
      '/api/status',
      '/api/config',
      '/metrics',
      '/api/dead-letters',
      '/api/series',
      '/readyz',
    ]) {
      const { body } = await ask(path, { headers: AUTHORIZED });
      expect(body, path).not.toContain(API_KEY);
      expect(body, path).not.toContain(TOKEN);
    }
    expect((await ask('/api/config')).body).toContain('[secret]');
  });

  it('keeps what events say for those with the token, or for this machine', async () => {
    const closed = await open({ token: true });
    closed.room.events.push(anEvent(1, START_MS));
    closed.room.letters.push(aLetter(1, anEvent(1, START_MS, { secret_team: 'blue' }), 'refused'));
    for (const path of ['events', 'event?seq=1', 'known-ids?id=x', 'dead-letters/export'])
      expect((await closed.ask(`/api/${path}`)).status, path).toBe(401);
    expect((await closed.ask('/api/events', { headers: AUTHORIZED })).status).toBe(200);
    expect((await closed.ask('/api/dead-letters')).body).not.toContain('secret_team');
    expect((await closed.ask('/api/dead-letters/groups')).body).not.toContain('user_login');
    expect((await closed.ask('/api/dead-letters', { headers: AUTHORIZED })).body).toContain('secret_team');
    const loopback = await open();
    expect((await loopback.ask('/api/events')).status).toBe(200);
    for (const [site, status] of [
      ['cross-site', 403],
      ['same-site', 403],
      ['same-origin', 200],
      ['none', 200],
    ] as const) {
      const reply = await loopback.ask('/api/events?text=x', { headers: { 'sec-fetch-site': site } });
      expect(reply.status, site).toBe(status);
    }
  });

  it('changes nothing without a token in the configuration', async () => {
    const { room, ask } = await open();
    const { status, body } = await ask('/api/dead-letters/retry', post({ owner: 'splunk' }));
    expect(status).toBe(403);
    expect(body).toContain('admin.token');
    expect(room.asked).toEqual([]);
  });

  it.each([
    ['no token', JSON_TYPE, 401],
    ['a wrong token', { ...JSON_TYPE, authorization: 'Bearer wrong' }, 401],
    ['the token as basic authorization', { ...JSON_TYPE, authorization: `Basic ${TOKEN}` }, 401],
    ['the token in a cookie', { ...JSON_TYPE, cookie: `token=${TOKEN}` }, 401],
    ['a form', { ...AUTHORIZED, 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', { ...AUTHORIZED, 'content-type': 'text/plain' }, 415],
    ['another site', { ...AUTHORIZED, 'sec-fetch-site': 'cross-site' }, 403],
    ['everything right', AUTHORIZED, 200],
  ])('takes a change with %s as it should', async (_, headers, expected) => {
    const { room, ask } = await open({ token: true });
    expect((await ask('/api/dead-letters/retry', post({ owner: 'splunk' }, headers))).status).toBe(expected);
    expect(room.asked.length).toBe(expected === 200 ? 1 : 0);
  });

  it('takes no body larger than its limit', async () => {
    const { room, ask } = await open({ token: true });
    const { status } = await ask(
      '/api/dead-letters/discard',
      post({ ids: ['1'], reason: 'x'.repeat(70_000) }),
    );
    expect(status).toBe(413);
    expect(room.asked).toEqual([]);
  });

  it.each([
    '',
    'not json',
    '[]',
    'null',
    '7',
    '{"ids":[]}',
    '{"ids":[1]}',
    '{"ids":["1; drop"]}',
    '{}',
    '{"owner":""}',
  ])('refuses the body %j', async (body) => {
    const { room, ask } = await open({ token: true });
    const reply = await ask('/api/dead-letters/retry', { method: 'POST', headers: AUTHORIZED, body });
    expect(reply.status).toBe(400);
    expect(room.asked).toEqual([]);
  });

  it('survives what is no HTTP at all', async () => {
    const { admin, ask } = await open();
    const port = Number(new URL(admin.url).port);
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('\u0000\u0001 hello\r\n\r\n'));
      socket.on('close', () => resolve());
      socket.on('error', () => {});
      socket.resume();
    });
    expect((await ask('/healthz')).status).toBe(200);
  });
});

describe('what an operator can change', () => {
  it('retries, discards and acknowledges', async () => {
    const { room, ask } = await open({ token: true });
    room.letters.push(aLetter(7, anEvent(1, START_MS), 'refused'));
    expect((await ask('/api/dead-letters/retry', post({ ids: ['7'] }))).status).toBe(200);
    expect((await ask('/api/dead-letters/discard', post({ ids: ['7'], reason: 'a test\nevent' }))).body).toBe(
      '{"discarded":1}\n',
    );
    expect((await ask('/api/findings/acknowledge', post({ ids: ['5'], note: 'known' }))).status).toBe(200);
    expect((await ask('/api/dead-letters/discard', post({ ids: ['7'] }))).status).toBe(400);
    expect(room.asked).toEqual([
      { what: 'retry', with: { ids: [7n], limit: 1 } },
      { what: 'discard', with: { filter: { ids: [7n], limit: 1 }, reason: 'a test event' } },
      { what: 'acknowledge', with: { ids: [5n], note: 'known' } },
    ]);
  });

  it('reloads, and says why not', async () => {
    let ok = true;
    const reload = async (): Promise<ReloadOutcome> => ({
      ok,
      lines: ['a.yaml:3:1: bad'],
    });
    const { ask } = await open({ token: true, reload });
    expect((await ask('/api/reload', post({}))).status).toBe(200);
    ok = false;
    expect(await ask('/api/reload', post({}))).toMatchObject({ status: 422, body: /a\.yaml:3:1/ });
  });
});

describe('clients that hang', () => {
  it.each([
    ['say nothing', ''],
    ['stop within the headers', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    [
      'stop within the body',
      `POST /api/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    ],
    ['never read their answer', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['ask for more at once', 'GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5)],
  ])('and %s, five hundred of them, keep nobody else out', async (_name, text) => {
    const { admin, ask } = await open({ token: true });
    const port = Number(new URL(admin.url).port);
    const clients = Array.from({ length: 500 }, () => {
      const client = connect(port, '127.0.0.1', () => client.write(text));
      client.on('error', () => {});
      client.pause();
      return client;
    });
    await Promise.all(clients.map((client) => new Promise((done) => client.once('connect', done))));
    expect((await ask('/healthz')).status).toBe(200);
    for (const client of clients) client.destroy();
  });
});
