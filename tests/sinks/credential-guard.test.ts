import { inspect } from 'node:util';

import { expect, it, vi } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import type { Sink, SinkContext, SinkDefinition } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';

const PAIR = Buffer.from('ana:pass-word-1').toString('base64');
const OPTIONS = {
  username: 'ana',
  password: Secret.of('pass-word-1'),
  search: { token: Secret.of('search-token') },
  list: [Secret.of('in-a-list')],
  url: 'https://hook.example/in?tenant=blue&code=1&sig=0123-of-a-query',
};
const SAID = `pass-word-1, Basic ${PAIR}, SEARCH-TOK&#69;N, in-a-list, %30123-of-a-query`;
const SHOWN = '[secret], Basic [secret], [secret], [secret], [secret]';
const { signal } = new AbortController();

function open(
  over: Partial<Sink>,
  warnings: string[] = [],
  options: object = OPTIONS,
  changed: () => boolean = () => false,
) {
  const context: SinkContext = {
    name: 'one',
    warn: (line) => void warnings.push(line),
    clock: testClock(),
    forwarderVersion: '0.0.0-test',
  };
  const definition: SinkDefinition<object> = {
    type: 'made-up',
    schema: { description: '', properties: {} },
    defaultFormat: 'raw',
    defaultBatch: { maxEvents: 1, maxBytes: 1, maxWaitMs: 1 },
    create(_options, around) {
      around.warn(SAID);
      around.watchCredential?.(changed);
      return {
        delivery: 'sent',
        send: () => Promise.resolve({ fates: [] }),
        check: () => Promise.resolve({ items: [] }),
        close: () => Promise.resolve(),
        ...over,
      };
    },
  };
  return guardSink(definition).create(options, context);
}

it('finds credentials wherever they stand in the options, and takes them out of whatever is told', async () => {
  const warnings: string[] = [];
  const sink = open(
    {
      send: async () => ({
        fates: [
          { outcome: 'rejected', reason: SAID },
          { outcome: 'retry', reason: SAID },
          { outcome: 'delivered' },
        ],
        notice: SAID,
        slowDown: true,
      }),
      check: async () => ({ items: [{ name: 'one', outcome: 'fail', finding: SAID, hint: SAID }] }),
    },
    warnings,
  );
  expect(await sink.send({ items: [], attempt: 1 }, signal)).toEqual({
    fates: [
      { outcome: 'rejected', reason: SHOWN },
      { outcome: 'retry', reason: SHOWN },
      { outcome: 'delivered' },
    ],
    notice: SHOWN,
    slowDown: true,
  });
  expect((await sink.check(signal)).items).toEqual([
    { name: 'one', outcome: 'fail', finding: SHOWN, hint: SHOWN },
  ]);
  expect(warnings).toEqual([SHOWN]);
  expect('holds' in sink).toBe(false);
});

it('throws what was thrown, unless that shows something: then without its cause', async () => {
  const harmless = new ForwardError('denied', 'no', { cause: new Error('why') });
  const cause = new Error(SAID);
  const telling = new ForwardError('transient', 'no', {
    cause,
    ambiguous: true,
    lasting: true,
    retryAfterMs: 5,
    hint: SAID,
  });
  const stopped = new Error('stopped');
  const failures: Error[] = [harmless, stopped, telling];
  const sink = open({ holds: () => Promise.reject(failures.shift() ?? stopped) });
  await expect(sink.holds?.([], signal)).rejects.toBe(harmless);
  await expect(sink.holds?.([], signal)).rejects.toBe(stopped);
  const error = await sink.holds?.([], signal).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    kind: 'transient',
    message: 'no',
    ambiguous: true,
    lasting: true,
    retryAfterMs: 5,
    hint: SHOWN,
  });
  expect((error as Error).cause).toBeUndefined();
});

it('cleans the stack of a fault of our own as well, and lets the reason of an abort pass', async () => {
  const fault = new TypeError(`no ${SAID}`);
  const sink = open({ send: () => Promise.reject(fault) });
  const error = (await sink.send({ items: [], attempt: 1 }, signal).catch((one: unknown) => one)) as Error;
  expect(error.name).toBe('TypeError');
  expect(error.message).toBe(`no ${SHOWN}`);
  expect(error.stack).toContain('credential-guard.test.ts');
  expect(inspect(error)).not.toMatch(/pass-word|0123|in-a-list/);
  await expect(sink.send({ items: [], attempt: 1 }, AbortSignal.abort(fault))).rejects.toBe(fault);
});

it('says that a new secret was refused, since the one before it serves and nobody would know', async () => {
  let value = 'one-value';
  const token = new Secret(() => value);
  const warnings: string[] = [];
  const sink = open({}, warnings, { search: { token } });
  warnings.length = 0;
  await sink.send({ items: [], attempt: 1 }, signal);
  value = 'two-values';
  token.refused((await token.get()).version);
  for (let times = 0; times < 3; times += 1) await sink.send({ items: [], attempt: 1 }, signal);
  expect(warnings).toEqual([
    'the new value of search.token was refused; the one before it is in use until it is replaced again',
  ]);
});

it('ends a hold for a new secret, and for another credential that the sink tells of', async () => {
  let value = 'one-value';
  const token = new Secret(() => value);
  let certificate = false;
  const sink = open({}, [], { token }, () => certificate);
  value = 'two-values';
  expect(sink.credentialReplaced?.()).toBe(false); // nobody has used the one before
  await token.get();
  expect(sink.credentialReplaced?.()).toBe(false);
  value = 'three-values';
  expect(sink.credentialReplaced?.()).toBe(true);
  await token.get();
  expect(sink.credentialReplaced?.()).toBe(false);
  certificate = true;
  expect(sink.credentialReplaced?.()).toBe(true);
});

it('takes out the credentials of the proxies as well, which quote what they were sent', async () => {
  vi.stubEnv('HTTP_PROXY', 'http://pia:Squid%2D4711@proxy:3128');
  vi.stubEnv('https_proxy', 'https://tok-en-of-the-proxy@proxy');
  vi.stubEnv('ALL_PROXY', 'socks5://pia:not-used@proxy');
  const pair = Buffer.from('pia:Squid-4711').toString('base64');
  const said = `Proxy-Authorization: Basic ${pair}, squid-4711, pia, TOK-EN-OF; proxy:3128`;
  try {
    const sink = open({ send: async () => ({ fates: [{ outcome: 'rejected', reason: said }] }) });
    expect((await sink.send({ items: [], attempt: 1 }, signal)).fates).toEqual([
      {
        outcome: 'rejected',
        reason: 'Proxy-Authorization: Basic [secret], [secret], pia, [secret]; proxy:3128',
      },
    ]);
  } finally {
    vi.unstubAllEnvs();
  }
});
