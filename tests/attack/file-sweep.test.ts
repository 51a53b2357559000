import fs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { createFileSink } from '../../src/sinks/file.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { makeItems } from '../contract/items.ts';

const BATCHES = 6;
const PER_BATCH = 4;
/** A failed batch is sent again so often at most. */
const TRIES = 5;
const FUNCTIONS = ['open', 'lstat', 'stat', 'mkdir', 'rename', 'rm', 'readdir', 'access'] as const;
const METHODS = ['write', 'sync', 'stat', 'truncate', 'read', 'close'] as const;

let folder: string;
let restore: (() => void)[] = [];
let calls = 0;
let fails: { readonly nth: number; readonly code: string } | null = null;

beforeEach(async () => {
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'auditferry-sweep-'));
  const handle = await fs.promises.open(join(folder, 'x'), 'w');
  const prototype = Object.getPrototypeOf(handle) as object;
  await handle.close();
  rmSync(join(folder, 'x'));
  for (const name of FUNCTIONS) failing(fs.promises, name);
  for (const name of METHODS) failing(prototype, name);
  syncBuiltinESMExports();
});
afterEach(() => {
  for (const put of restore.splice(0)) put();
  restore = [];
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true, force: true });
});

/** The one call that is to fail does so before it has had an effect; a write leaves half of its bytes, as a disk does that fills up. */
function failing(owner: object, name: string): void {
  const real = Reflect.get(owner, name) as (...args: unknown[]) => Promise<unknown>;
  Reflect.set(owner, name, async function (this: unknown, ...args: unknown[]) {
    calls += 1;
    if (fails === null || calls !== fails.nth) return real.apply(this, args);
    const [bytes, at] = args;
    if (name === 'write' && Buffer.isBuffer(bytes))
      await real.call(this, bytes.subarray(0, Math.floor(bytes.length / 2)), at);
    if (name === 'close') await real.apply(this, args);
    throw Object.assign(new Error(`${fails.code}: ${name}`), { code: fails.code, syscall: name });
  });
  restore.push(() => void Reflect.set(owner, name, real));
}

/** Sends everything as the loop does, over a rotation, a compression and a restart; returns how often a batch was sent again in doubt. */
async function deliver(clock = testClock()): Promise<number> {
  let doubts = 0;
  const open = (): Sink =>
    createFileSink(
      { path: join(folder, 'audit.ndjson'), rotate: { size: 1024, keep: 100, compress: 'gzip' } },
      { name: 'archive', warn: () => undefined, clock, forwarderVersion: '0' },
    );
  let sink = open();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const items = makeItems(PER_BATCH, {}, batch * PER_BATCH);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { fates } = await sink.send({ items, attempt }, new AbortController().signal);
        expect(fates.map(({ outcome }) => outcome)).toEqual(items.map(() => 'delivered'));
        break;
      } catch (error) {
        if (!(error instanceof ForwardError) || attempt > TRIES) throw error;
        expect(error.name).toBe('ForwardError');
        if (error.ambiguous) doubts += 1;
      }
    }
    if (batch === BATCHES / 2) {
      await sink.close().catch(() => undefined);
      sink = open();
    }
  }
  await sink.close().catch(() => undefined);
  return doubts;
}

function held(): string[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith('.tmp'))
    .filter((name, _, all) => !all.includes(`${name}.gz`))
    .flatMap((name) => {
      const bytes = readFileSync(join(folder, name));
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
      expect(text === '' || text.endsWith('\n')).toBe(true);
      return text.split('\n').slice(0, -1);
    })
    .map((line) => (JSON.parse(line) as { event_id: string }).event_id);
}

describe('a file sink whose disk fails once', () => {
  it('holds every event whole, and twice only where the error said that it may', async () => {
    fails = null;
    calls = 0;
    await deliver();
    const whole = calls;
    expect(whole).toBeGreaterThan(60);
    expect(held()).toHaveLength(BATCHES * PER_BATCH);
    for (let nth = 1; nth <= whole; nth += 1) {
      const code = nth % 2 === 0 ? 'EIO' : 'ENOSPC';
      rmSync(folder, { recursive: true, force: true });
      fs.mkdirSync(folder);
      [calls, fails] = [0, { nth, code }];
      const doubts = await deliver();
      fails = null;
      const ids = held();
      expect([nth, code, new Set(ids).size]).toEqual([nth, code, BATCHES * PER_BATCH]);
      expect(ids.length, `call ${nth} ${code}`).toBeLessThanOrEqual((BATCHES + doubts) * PER_BATCH);
    }
  }, 60_000);
});
