import nock from 'nock';
import { Agent } from 'undici';
import { afterAll, afterEach, beforeEach, describe, expect, it, test } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import { Secret } from '../../../src/model/secret.ts';
import { NS_PER_SECOND } from '../../../src/model/time.ts';
import { openHttpClient } from '../../../src/net/http.ts';
import {
  apiBase,
  createClient,
  isAboutPages,
  mayAskForLess,
} from '../../../src/sources/cloudquery/client.ts';
import type { Client } from '../../../src/sources/cloudquery/client.ts';
import { createServerClock } from '../../../src/sources/cloudquery/server-clock.ts';
import type { Page } from '../../../src/sources/cloudquery/wire.ts';
import { testClock } from '../../contract/clock.ts';
import type { TestClock } from '../../contract/clock.ts';
import { elapse, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';

const HOST = 'https://acme.example';
const KEY = '0123456789abcdef-the-key';
const T0 = 1_767_355_200n * NS_PER_SECOND;
const WINDOW = { startNs: T0 + 123_456_789n, endNs: T0 + 60n * NS_PER_SECOND };
const EMPTY = { items: [], metadata: { page_size: 1000, total_count: 0 } };
const quiet = new AbortController().signal;
const unmatched: string[] = [];
const onUnmatched = (request: Request): void => void unmatched.push(request.url);
let clock: TestClock;
let client: Client;

beforeEach(() => {
  startSimulatedTime(Date.parse('2026-01-02T12:00:00Z'));
  if (!nock.isActive()) nock.activate();
  nock.disableNetConnect();
  nock.emitter.on('no match', onUnmatched);
  clock = testClock();
  client = open(`${HOST}/`);
});
afterEach(async () => {
  stopSimulatedTime();
  await client.close();
  nock.emitter.off('no match', onUnmatched);
  nock.cleanAll();
  nock.restore();
  expect(unmatched.splice(0)).toEqual([]);
});

// Other files run in the same process, with requests of their own.
afterAll(() => {
  nock.restore();
  nock.enableNetConnect();
});

function open(url: string, requestsPerSecond = 1000): Client {
  const options = {
    base: apiBase(url),
    apiKey: Secret.of(KEY),
    requestTimeoutMs: 5000,
    maxResponseBytes: 1e6,
    requestsPerSecond,
    concurrent: 1,
    userAgent: 'auditferry/1.2.3',
  };
  return createClient(openHttpClient({ dispatcher: new Agent() }), options, createServerClock(clock), clock);
}

const ask = (page = 1): Promise<Page> => elapse(client.page(WINDOW, page, 1000, quiet));
const failure = async (): Promise<ForwardError> => {
  const error: unknown = await ask().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForwardError);
  return error as ForwardError;
};
const answers = (
  status: number,
  body: nock.Body = {},
  headers: Record<string, string> = {},
): nock.Interceptor | nock.Scope =>
  nock(HOST)
    .get(/audit-logs/)
    .reply(status, body, { 'content-type': 'application/json', ...headers });

test.each([
  ['https://acme.example', 'https://acme.example/api'],
  ['https://acme.example/', 'https://acme.example/api'],
  ['https://acme.example/api', 'https://acme.example/api'],
  ['https://acme.example/api//', 'https://acme.example/api'],
  ['https://acme.example/cq', 'https://acme.example/cq/api'],
  ['https://acme.example/rapi/', 'https://acme.example/rapi/api'],
  ['https://acme.example:8443/?x=1#y', 'https://acme.example:8443/api'],
])('the base of %s is %s', (url, base) => {
  expect(apiBase(url).href).toBe(base);
});

describe('a page', () => {
  it('is asked for with every parameter, each time, in UTC with all its digits', async () => {
    const seen: { url: URL; headers: Headers; method: string }[] = [];
    nock(HOST)
      .get(/audit-logs/)
      .times(2)
      .reply(async (request: Request) => {
        seen.push({ url: new URL(request.url), headers: request.headers, method: request.method });
        return [200, EMPTY, { 'content-type': 'application/json; charset=utf-8' }];
      });
    await ask(1);
    await ask(7);
    expect(seen.map(({ url }) => url.pathname)).toEqual(['/api/audit-logs', '/api/audit-logs']);
    expect(seen.map(({ url }) => Object.fromEntries(url.searchParams))).toEqual(
      ['1', '7'].map((page) => ({
        start_time: '2026-01-02T12:00:00.123456789Z',
        end_time: '2026-01-02T12:01:00Z',
        per_page: '1000',
        page,
      })),
    );
    expect(seen[0]?.url.search).not.toContain('+');
    expect(seen[0]?.headers.get('authorization')).toBe(`Bearer ${KEY}`);
    expect(seen[0]?.headers.get('user-agent')).toBe('auditferry/1.2.3');
    expect(seen[0]?.headers.get('accept')).toBe('application/json');
    expect(seen[0]?.headers.get('accept-encoding')).toBe('identity');
    expect(client.requests()).toBe(2);
  });
});

describe('other calls', () => {
  it('carry the key only where it is asked for, and resolve with any status', async () => {
    const keys: (string | null)[] = [];
    nock(HOST)
      .get(/healthcheck|platform-info/)
      .times(2)
      .reply(async (request: Request) => {
        keys.push(request.headers.get('authorization'));
        return [503, 'no'];
      });
    expect((await elapse(client.get('healthcheck', { withKey: false }, quiet))).status).toBe(503);
    expect((await elapse(client.get('platform-info', { withKey: true }, quiet))).status).toBe(503);
    expect(keys).toEqual([null, `Bearer ${KEY}`]);
  });
});

describe('an answer that holds', () => {
  test.each([
    [301, /redirects/],
    [302, /redirects/],
    [307, /redirects/],
    [400, /may have changed/],
    [401, /every key expires/],
    [403, /admin:read/],
    [404, /too old/],
    [422, /may have changed/],
    [501, /may have changed/],
    [204, /may have changed/],
  ])('%i: denied at once, with what to do, and a redirect is not followed', async (status, hint) => {
    answers(status, '', { location: 'https://elsewhere.example/api/audit-logs' });
    const error = await failure();
    expect(error).toMatchObject({ kind: 'denied', hint: expect.stringMatching(hint) as string });
    expect(error.message).toContain(`https://acme.example/api/audit-logs answered ${status}`);
    expect(client.requests()).toBe(1);
  });

  test.each([
    ['a page of a web interface', 'text/html', /text\/html instead of JSON/],
    ['text', 'text/plain\u0007', /text\/plain/],
  ])('%s is no empty log', async (_name, type, said) => {
    answers(200, '<html></html>', { 'content-type': type.replace('\u0007', '') });
    expect(await failure()).toMatchObject({ kind: 'denied', message: expect.stringMatching(said) as string });
  });
});

describe('an answer that passes', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again', async (status) => {
    answers(status);
    answers(200, EMPTY);
    expect((await ask()).rows).toBe(0);
    expect(client.requests()).toBe(2);
  });

  test.each([
    ['an empty body', ''],
    ['cut JSON', '{"items":['],
    ['another shape', '{"data":[]}'],
  ])('%s is tried again', async (_name, body) => {
    answers(200, body);
    answers(200, EMPTY);
    expect((await ask()).rows).toBe(0);
  });

  test.each([
    ['an empty body', 200, ''],
    ['no items', 200, { metadata: { page_size: 1000 } }],
    [
      'items that are null beside a count',
      200,
      { items: null, metadata: { page_size: 1000, total_count: 2 } },
    ],
    ['a server error', 503, {}],
  ])('%s that stays is given up within three seconds, not in silence', async (_name, status, body) => {
    nock(HOST)
      .get(/audit-logs/)
      .times(4)
      .reply(status, body, { 'content-type': 'application/json' });
    const before = Date.now();
    expect(await failure()).toMatchObject({ kind: 'transient' });
    expect(client.requests()).toBe(4);
    expect(Date.now() - before).toBeLessThan(3000);
  });

  it('waits as long as the server asks, in seconds or up to a date', async () => {
    answers(429, {}, { 'retry-after': '7' });
    answers(429, {}, { 'retry-after': new Date(clock.now() + 7000 + 20_000).toUTCString() });
    answers(503, {}, { 'retry-after': '2' });
    answers(200, EMPTY);
    await ask();
    expect(clock.slept).toEqual([7000, 20_000, 2000]);
  });

  it.each([
    ['one that is for all', 429, 31],
    ['one that may be for this window', 503, 4],
  ])('hands a long wait up instead of sitting in it: %s', async (_name, status, seconds) => {
    answers(status, {}, { 'retry-after': `${seconds}` });
    expect(await failure()).toMatchObject({ kind: 'transient', retryAfterMs: seconds * 1000 });
    expect(clock.slept).toEqual([]);
    expect(client.requests()).toBe(1);
  });
});

describe('the words of the server', () => {
  it('are quoted on one line and cut', async () => {
    answers(401, {
      message: `bad\r\n\u001b[31mtoken ${'x'.repeat(170)}${'y'.repeat(900)}`,
    });
    const { message, hint } = await failure();
    expect(message).toContain('(bad [31mtoken xxx');
    expect(`${message}${hint}`).not.toMatch(/[\r\n\u001b]/);
    expect(message.length).toBeLessThan(400);
  });

  it.each<[string, nock.Body]>([
    ['a list', []],
    ['a message that is no text', { message: { a: 1 } }],
    ['no JSON', 'oops'],
  ])('may be missing: %s', async (_name, body) => {
    answers(401, body);
    expect((await failure()).message).toBe('https://acme.example/api/audit-logs answered 401');
  });
});

describe('an answer with status 200 that refuses the key in words', () => {
  const rotated = async (): Promise<Client> => {
    let key = 'old-key-0123456789';
    const secret = new Secret(() => key);
    await secret.get();
    key = 'new-key-0123456789';
    await secret.get();
    const options = { requestTimeoutMs: 5000, maxResponseBytes: 1e6, requestsPerSecond: 1000, concurrent: 1 };
    const its = { ...options, base: apiBase(HOST), apiKey: secret, userAgent: 'auditferry/1' };
    await client.close();
    return createClient(openHttpClient({ dispatcher: new Agent() }), its, createServerClock(clock), clock);
  };

  it.each<[string, nock.Body]>([
    ['a token', { message: 'token expired' }],
    ['a key', { error: 'API key revoked by an administrator' }],
    ['a session', { message: 'Your session has timed out, please log in' }],
    ['a code', { error: 'invalid_token' }],
    ['permission', { message: 'permission denied' }],
  ])('leads to the key before it, and is a refusal: %s', async (_name, body) => {
    client = await rotated();
    const shown: string[] = [];
    nock(HOST)
      .get(/audit-logs/)
      .times(3)
      .reply(async (request: Request) => {
        const key = request.headers.get('authorization') ?? '';
        shown.push(key);
        const answer = key.includes('old') ? EMPTY : body;
        return [200, answer, { 'content-type': 'application/json' }];
      });
    await ask();
    expect(shown.map((key) => key.slice(7, 10))).toEqual(['new', 'old']);
    nock.cleanAll();
    for (let times = 0; times < 3; times += 1) answers(200, body);
    const error = await failure();
    expect(error.kind).toBe('denied');
    expect(mayAskForLess(error)).toBe(false);
  });

  it.each<[string, nock.Body]>([
    ['other words', { message: 'try again later' }],
    ['a list with such words', { ...EMPTY, message: 'your token expires soon' }],
  ])('is none with %s', async (_name, body) => {
    client = await rotated();
    const shown: string[] = [];
    nock(HOST)
      .get(/audit-logs/)
      .times(4)
      .reply(async (request: Request) => {
        shown.push(request.headers.get('authorization') ?? '');
        return [200, body, { 'content-type': 'application/json' }];
      });
    await ask().catch(() => {});
    expect(new Set(shown.map((key) => key.slice(7, 10)))).toEqual(new Set(['new']));
    nock.cleanAll();
  });
});

describe('a failure', () => {
  const after = async (
    status: number,
    body: nock.Body,
    headers: Record<string, string> = {},
  ): Promise<boolean> => {
    nock(HOST)
      .get(/audit-logs/)
      .times(4)
      .reply(status, body, { 'content-type': 'application/json', ...headers });
    const less = mayAskForLess(await failure());
    nock.cleanAll();
    return less;
  };

  it.each([400, 408, 413, 414, 422, 500, 502, 503, 504, 524])(
    'with %i may be of the one request, so that less may be asked for',
    async (status) => {
      expect(await after(status, {})).toBe(true);
    },
  );

  it.each<[number, Record<string, string>]>([
    [401, {}],
    [403, {}],
    [404, {}],
    [302, {}],
    [429, {}],
  ])('with %i is not, whatever is asked for', async (status, headers) => {
    expect(await after(status, {}, headers)).toBe(false);
  });

  it('with 200 and no list may be, and quotes what it says', async () => {
    nock(HOST)
      .get(/audit-logs/)
      .times(4)
      .reply(200, { message: `come back later` }, { 'content-type': 'text/json' });
    const error = await failure();
    expect(mayAskForLess(error)).toBe(true);
    expect(error.message).toContain('(come back later)');
  });

  it.each<[string, nock.Body, boolean]>([
    ['a page size', { message: 'per_page must not exceed 250' }, true],
    ['a field', { message: 'invalid parameters', field_errors: { per_page: 'too large' } }, true],
    ['a range', { message: 'the time range must not exceed 7 days per page' }, false],
    ['nothing', {}, false],
  ])('that speaks of %s', async (_name, body, pages) => {
    answers(400, body);
    expect(isAboutPages(await failure())).toBe(pages);
  });
});

describe('an abort', () => {
  it('does not wait for a turn in the rate limit', async () => {
    const slow = open(HOST, 0.01);
    answers(200, EMPTY);
    await elapse(slow.page(WINDOW, 1, 1, quiet));
    const stop = new AbortController();
    const waiting = slow.page(WINDOW, 1, 1, stop.signal);
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(waiting).rejects.toThrow('enough');
    expect(slow.requests()).toBe(1);
    await slow.close();
  });
});
