import { expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import type { Window } from '../../src/model/event.ts';
import { Secret } from '../../src/model/secret.ts';
import { openGuarded } from '../../src/sources/credential-guard.ts';
import type { Harvest, RangeHarvest, Reader, Source, SourceOrigin } from '../../src/sources/source.ts';
import { testClock } from '../contract/clock.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const KEY = 'Zq9-4711-of-the-platform';
const SAID = `bad key ${KEY.toUpperCase()}`;
const SHOWN = 'bad key [secret]';
const WINDOW: Window = { startNs: 0n, endNs: 9n };
const { signal } = new AbortController();
const held = {} as Reader;

const HARVEST: Harvest = {
  purpose: 'live',
  events: [
    { id: '1', createdAt: SAID, createdNs: 1n, original: `{"say":"${KEY}"}`, eventType: 'x', wanted: true },
  ],
  malformed: [{ reason: SAID, bytes: Buffer.from(KEY) }],
  coverage: [],
  findings: [{ kind: 'odd', summary: SAID, detail: { list: [SAID, 7, null], [KEY]: true } }],
  progress: { at: 1 },
};

function open(over: Partial<Source>, warnings: string[] = [], key = Secret.of(KEY)): Source {
  const context = {
    name: 'p',
    warn: (line: string) => void warnings.push(line),
    clock: testClock(),
    forwarderVersion: '0',
  };
  return openGuarded({ api_key: key }, context, (around) => {
    around.warn(SAID);
    return {
      poll: async function* () {
        yield HARVEST;
      },
      read: async function* (): AsyncGenerator<RangeHarvest> {
        yield { ...HARVEST, open: [WINDOW] };
        throw new ForwardError('denied', SAID, { hint: SAID });
      },
      count: () => Promise.reject(new ForwardError('transient', SAID, { retryAfterMs: 7 })),
      check: () => Promise.resolve({ items: [{ name: 'key', outcome: 'fail', finding: SAID, hint: SAID }] }),
      state: () => ({}) as never,
      origin: () => ({ product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2' }),
      close: () => Promise.resolve(),
      ...over,
    };
  });
}

it('takes the key out of all that is told, and leaves the events as they came', async () => {
  const warnings: string[] = [];
  const source = open({}, warnings);
  const polled: Harvest[] = [];
  for await (const one of source.poll(held, null, signal)) polled.push(one);
  const [harvest] = polled;
  expect(harvest?.events).toBe(HARVEST.events);
  expect(harvest?.malformed).toEqual([{ reason: SHOWN, bytes: Buffer.from(KEY) }]);
  expect(harvest?.findings).toEqual([
    { kind: 'odd', summary: SHOWN, detail: { list: [SHOWN, 7, null], '[secret]': true } },
  ]);
  expect(harvest?.progress).toEqual({ at: 1 });
  expect(warnings).toEqual([SHOWN]);
  expect((await source.check(signal)).items).toEqual([
    { name: 'key', outcome: 'fail', finding: SHOWN, hint: SHOWN },
  ]);
  await expect(source.count(WINDOW, 1, signal)).rejects.toMatchObject({ message: SHOWN, retryAfterMs: 7 });
  const seen: RangeHarvest[] = [];
  const reading = (async () => {
    for await (const part of source.read([WINDOW], signal)) seen.push(part);
  })();
  await expect(reading).rejects.toMatchObject({ kind: 'denied', message: SHOWN, hint: SHOWN });
  expect(seen).toMatchObject([{ open: [WINDOW], findings: [{ summary: SHOWN }] }]);
});

it('takes the key out of what a source says of its state', () => {
  const trouble = { window: WINDOW, reason: SAID, sinceMs: 1 };
  const finding = { kind: 'unreadable_window', window: WINDOW, summary: SAID, detail: { hint: SAID } };
  const figures = { openWindows: 2, requests: 3 };
  const doubt = { wrong: 'apart', text: SAID, hint: SAID } as const;
  const state = {
    ...figures,
    troubles: [{ ...trouble, hint: SAID }, trouble],
    standing: [finding],
    clock: doubt,
  };
  expect(open({ state: () => state as never }).state()).toEqual({
    ...figures,
    troubles: [
      { ...trouble, reason: SHOWN, hint: SHOWN },
      { ...trouble, reason: SHOWN },
    ],
    standing: [{ ...finding, summary: SHOWN, detail: { hint: SHOWN } }],
    clock: { wrong: 'apart', text: SHOWN, hint: SHOWN },
  });
});

it('lets a reader stop early, and tells the source', async () => {
  let ended = false;
  const source = open({
    poll: async function* () {
      try {
        for (;;) yield HARVEST;
      } finally {
        ended = true;
      }
    },
  });
  for await (const _harvest of source.poll(held, null, signal)) break;
  expect(ended).toBe(true);
});

it('says the same origin as long as nothing new is known, without what it quotes', () => {
  let origin: SourceOrigin = {
    product: CLOUDQUERY,
    instance: 'acme.example',
    apiVersion: 'v2',
    platformVersion: '1.2.3',
  };
  const source = open({ origin: () => origin });
  const first = source.origin();
  expect(first).toEqual(origin);
  expect(source.origin()).toBe(first);
  origin = {
    product: CLOUDQUERY,
    instance: 'acme.example',
    apiVersion: 'v2',
    platformVersion: KEY,
    tenantId: SAID,
  };
  expect(source.origin()).toEqual({ ...origin, platformVersion: '[secret]', tenantId: SHOWN });
});

it('says that a new key was refused while the one before it serves', async () => {
  let value = 'one';
  const key = new Secret(() => value);
  const warnings: string[] = [];
  const source = open({}, warnings, key);
  value = 'two';
  key.refused((await key.get()).version);
  for await (const _harvest of source.poll(held, null, signal));
  for await (const _harvest of source.poll(held, null, signal));
  expect(warnings.slice(1)).toEqual([
    'the new value of api_key was refused; the one before it is in use until it is replaced again',
  ]);
});

it('ends a hold when its key was replaced', async () => {
  let value = 'one';
  const key = new Secret(() => value);
  const source = open({}, [], key);
  await key.get();
  expect(source.credentialReplaced?.()).toBe(false);
  value = 'two';
  expect(source.credentialReplaced?.()).toBe(true);
});
