import { expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import type { Credential } from '../../src/model/secret.ts';
import { exchangeWith } from '../../src/net/credentials.ts';
import type { HttpRequest, HttpResponse } from '../../src/net/http.ts';

const { signal } = new AbortController();

/** A peer that answers each key as `answer` says, and notes what it was shown. */
function peer(answer: (key: string) => number): {
  readonly shown: string[];
  readonly ask: (...credentials: readonly Credential[]) => Promise<number>;
} {
  const shown: string[] = [];
  const exchange = async ({ headers }: HttpRequest): Promise<HttpResponse> => {
    const key = headers['authorization'] ?? '';
    const status = answer(key);
    shown.push(`${key}:${status}`);
    return { status, headers: {}, body: Buffer.alloc(0) };
  };
  return {
    shown,
    async ask(...credentials) {
      const response = await exchangeWith(
        { exchange },
        async (show) => ({
          method: 'GET',
          url: new URL('http://peer.example/'),
          headers: { authorization: (await Promise.all(credentials.map(show))).join('+') },
          timeoutMs: 1000,
          maxResponseBytes: 1000,
        }),
        signal,
      );
      return response.status;
    },
  };
}

function rotated(first: string, next: string): Secret {
  let now = first;
  const secret = new Secret(() => now);
  now = next;
  return secret;
}

it('stays with a new key while the peer is down, however long', async () => {
  const key = rotated('old', 'new');
  let down = true;
  const { ask, shown } = peer((given) => (down ? 503 : given === 'new' ? 200 : 401));
  for (let tries = 0; tries < 4; tries += 1) expect(await ask(key)).toBe(503);
  down = false;
  expect(await ask(key)).toBe(200);
  expect(shown).toEqual(['new:503', 'new:503', 'new:503', 'new:503', 'new:200']);
});

it.each([401, 403])('tries the old key at once where the new one is refused with %d', async (refusal) => {
  const key = rotated('old', 'new');
  const { ask, shown } = peer((given) => (given === 'old' ? 200 : refusal));
  expect(await ask(key)).toBe(200);
  expect(await ask(key)).toBe(200);
  expect(shown).toEqual([`new:${refusal}`, 'old:200', 'old:200']);
});

it('comes to the old key over several lanes as well', async () => {
  const key = rotated('old', 'new');
  const { ask, shown } = peer((given) => (given === 'old' ? 200 : 401));
  expect(await Promise.all([ask(key), ask(key), ask(key)])).toEqual([200, 200, 200]);
  expect(shown.slice(0, 3)).toEqual(['new:401', 'new:401', 'new:401']);
});

it('ends with the new key where both are refused, and asks no more than once more', async () => {
  const key = rotated('old', 'new');
  const { ask, shown } = peer(() => 401);
  expect(await ask(key)).toBe(401);
  expect(shown).toEqual(['new:401', 'old:401', 'new:401']);
  expect(await ask(key)).toBe(401);
  expect(shown.slice(3)).toEqual(['new:401']);
  expect(key.replaced()).toBe(false);
});

it('keeps what belongs together: two that were replaced at once go back at once', async () => {
  const [id, key] = [rotated('id-1', 'id-2'), rotated('key-1', 'key-2')];
  const { ask, shown } = peer((given) => (given === 'id-1+key-1' ? 200 : 401));
  expect(await ask(id, key)).toBe(200);
  expect(shown).toEqual(['id-2+key-2:401', 'id-1+key-1:200']);
});

it('does not stay with a credential that always has another one', async () => {
  let version = 0;
  const restless: Credential = {
    get: async () => ({ value: `v${(version += 1)}`, version }),
    refused: () => true,
  };
  const { ask, shown } = peer(() => 401);
  expect(await ask(restless)).toBe(401);
  expect(shown).toHaveLength(4);
});

it('a refusal of what carried no credential is an answer like any other', async () => {
  const { ask, shown } = peer(() => 401);
  expect(await ask()).toBe(401);
  expect(shown).toEqual([':401']);
});
