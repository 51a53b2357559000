import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Duty, Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/postgres/index.ts';
import type { JournalOptions } from '../../src/checkpoint/postgres/index.ts';
import { wallClock } from '../../src/model/clock.ts';
import { Secret } from '../../src/model/secret.ts';
import { everyLease } from '../contract/every-lease.ts';
import {
  harvest,
  journalContract,
  LIMIT_BYTES,
  manualClock,
  newEvent,
  newEvents,
} from '../contract/journal.ts';
import type { OpenedJournal } from '../contract/journal.ts';
import { startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { available } from './receivers.ts';

const OWN = process.env['AUDITFERRY_TEST_POSTGRES'];
let schemas = 0;

/** Debian's, and a newer one. */
const SERVERS = ['postgresql', 'newer postgresql'] as const;
const servers = OWN === undefined ? SERVERS.filter((name) => available(name)) : SERVERS.slice(0, 1);

describe.runIf(servers.length > 0).each(servers.length > 0 ? servers : SERVERS)('%s', (which) => {
  let server: Postgresql | null = null;
  let url = OWN ?? '';
  beforeAll(async () => {
    if (OWN !== undefined) return;
    server = await startPostgresql([], [], which);
    url = server.url;
  });
  afterAll(() => server?.stop());

  function start(schema: string, more: Partial<JournalOptions> = {}): Promise<Journal> {
    return openJournal({
      url: Secret.of(url),
      schema,
      leaseMs: 15_000,
      maxBytes: LIMIT_BYTES,
      clock: manualClock(),
      access: 'writer',
      version: '0',
      fingerprint: () => 'same',
      env: {},
      ...more,
    });
  }

  async function open(): Promise<OpenedJournal> {
    const schema = `test_${process.pid}_${(schemas += 1)}`;
    const clock = manualClock();
    const opened = [everyLease(await start(schema, { clock }))];
    const [journal] = opened;
    if (journal === undefined) throw new Error('nothing was opened');
    return {
      journal,
      clock,
      reopen: async () => {
        await opened.at(-1)?.close();
        const again = everyLease(await start(schema, { clock }));
        opened.push(again);
        return again;
      },
      guest: () => start(schema, { clock, access: 'guest' }),
      end: async () => {
        for (const one of opened) await one.close();
      },
    };
  }

  journalContract('the PostgreSQL journal', open);

  describe('with several replicas', () => {
    const LEASE_MS = 1500;
    const replica = (schema: string, more: Partial<JournalOptions> = {}): Promise<Journal> =>
      start(schema, { clock: wallClock, leaseMs: LEASE_MS, ...more });
    const fresh = (): string => `test_${process.pid}_${(schemas += 1)}`;
    const never = new AbortController().signal;

    /** Runs a statement as somebody who can see every table. */
    async function sql(schema: string, text: string): Promise<readonly Record<string, unknown>[]> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query(`SET search_path = "${schema}"`);
        return (await client.query<Record<string, unknown>>(text)).rows;
      } finally {
        await client.end();
      }
    }

    it('gives a duty to one of them at a time, and to another at once when it is let go of', async () => {
      const schema = fresh();
      const [one, other] = await Promise.all([replica(schema), replica(schema)]);
      const duty = 'sink:splunk';
      const lease = await one.claim(duty, never);
      expect(await other.tryClaim(duty)).toBeNull();
      const holders: (string | null)[] = [];
      const waiting = other.claim(duty, never, (holder) => holders.push(holder));
      await vi.waitFor(() => expect(holders.at(-1)).toMatch(/\/\d+$/));
      const releasedMs = performance.now();
      await lease.release();
      const next = await waiting;
      expect(performance.now() - releasedMs).toBeLessThan(1000);
      expect(next.epoch).toBe(lease.epoch + 1n);
      expect(lease.lost.aborted).toBe(true);
      await Promise.all([one.close(), other.close()]);
    });

    it('takes over from one that is not heard of, and only then', async () => {
      const schema = fresh();
      const one = await replica(schema);
      const lease = await one.claim('source:platform', never);
      const other = await replica(schema);
      const sinceMs = performance.now();
      const waiting = other.claim('source:platform', never);
      // As if it could not reach the database: its renewals go nowhere.
      await sql(schema, `UPDATE claims SET holder = gen_random_uuid()`);
      const next = await waiting;
      expect(performance.now() - sinceMs).toBeGreaterThan(LEASE_MS / 2);
      expect(next.epoch).toBe(lease.epoch + 1n);
      expect(lease.lost.aborted).toBe(true);
      await Promise.all([one.close(), other.close()]);
    });

    it('shares duties evenly, and moves some when another one comes', async () => {
      const schema = fresh();
      const names = ['a', 'b', 'c', 'd'];
      const held = new Map<Journal, Set<string>>();
      const serve = (journal: Journal): void => {
        const mine = new Set<string>();
        held.set(journal, mine);
        for (const name of names) {
          const again = async (): Promise<void> => {
            const lease = await journal.claim(`sink:${name}`, never);
            mine.add(name);
            await new Promise<void>((resolve) => lease.wanted.addEventListener('abort', () => resolve()));
            mine.delete(name);
            await lease.release();
            await again();
          };
          void again().catch(() => {}); // the journal is closed
        }
      };
      const counts = (): number[] => [...held.values()].map(({ size }) => size);
      const one = await replica(schema);
      serve(one);
      await vi.waitFor(() => expect(counts()).toEqual([4]));
      const other = await replica(schema);
      serve(other);
      await vi.waitFor(() => expect(counts()).toEqual([2, 2]), { timeout: 10_000 });
      const all = await other.replicas();
      expect(all.map(({ duties, self }) => [duties.length, self])).toEqual([
        [2, false],
        [2, true],
      ]);
      const third = await replica(schema);
      serve(third);
      await vi.waitFor(() => expect(counts().toSorted()).toEqual([1, 1, 2]), { timeout: 10_000 });
      await third.close();
      await one.close();
      await vi.waitFor(() => expect(counts()[1]).toBe(4), { timeout: 10_000 });
      await other.close();
    });

    it('hands hundreds over within a few leases', async () => {
      const schema = fresh();
      const held = new Map<Journal, number>();
      const count = (journal: Journal, more: number): number => {
        held.set(journal, (held.get(journal) ?? 0) + more);
        return held.get(journal) ?? 0;
      };
      const serve = (journal: Journal): void => {
        const again = async (duty: Duty): Promise<void> => {
          const lease = await journal.claim(duty, never);
          count(journal, 1);
          await new Promise<void>((resolve) => lease.wanted.addEventListener('abort', () => resolve()));
          count(journal, -1);
          await lease.release();
          await again(duty);
        };
        for (let index = 0; index < 120; index += 1) void again(`source:${index}`).catch(() => {}); // the journal is closed
      };
      const one = await replica(schema);
      serve(one);
      await vi.waitFor(() => expect(count(one, 0)).toBe(120), { timeout: 20_000 });
      const other = await replica(schema);
      serve(other);
      await vi.waitFor(() => expect([count(one, 0), count(other, 0)]).toEqual([60, 60]), { timeout: 20_000 });
      await Promise.all([one.close(), other.close()]);
    });

    it('one that is wanted elsewhere goes to anybody once its holder leaves', async () => {
      const schema = fresh();
      const one = await replica(schema);
      const duties = ['sink:a', 'sink:b', 'sink:c'] as const;
      const leases = await Promise.all(duties.map((duty) => one.claim(duty, never)));
      const other = await replica(schema);
      const taken: Duty[] = [];
      for (const duty of duties) void other.claim(duty, never).then(() => taken.push(duty));
      await vi.waitFor(() => expect(leases.some(({ wanted }) => wanted.aborted)).toBe(true), {
        timeout: 5_000,
      });
      const sinceMs = performance.now();
      await Promise.all(leases.map((lease) => lease.release(true)));
      await vi.waitFor(() => expect(taken.toSorted()).toEqual(duties), { timeout: 5_000 });
      expect(performance.now() - sinceMs).toBeLessThan(LEASE_MS);
      await Promise.all([one.close(), other.close()]);
    });

    /** Every write of a duty, by who held it before. */
    const writes: readonly [string, Duty, (journal: Journal) => Promise<unknown>][] = [
      ['append', 'source:platform', (journal) => journal.append('platform', harvest(newEvents(90, 95)))],
      [
        'progress alone',
        'source:platform',
        (journal) => journal.append('platform', harvest([], { progress: 'zombie' })),
      ],
      [
        'findings',
        'source:platform',
        (journal) => journal.addFindings('platform', [{ kind: 'gap', summary: 'zombie' }]),
      ],
      ['begin', 'sink:splunk', (journal) => journal.begin('splunk')],
      ['moveCursor', 'sink:splunk', (journal) => journal.moveCursor('splunk', 3n, [], { zombie: true })],
      ['keepSegment', 'sink:splunk', (journal) => journal.keepSegment('splunk', { zombie: true })],
      ['recordRetried', 'sink:splunk', (journal) => journal.recordRetried([1n], [])],
      ['addDeadLetters', 'sink:splunk', (journal) => journal.addDeadLetters('splunk', [])],
      ['prune', 'upkeep', (journal) => journal.prune([], '2030-01-01T00:00:00Z', 0n)],
      ['pruneFindings', 'upkeep', (journal) => journal.pruneFindings('2030-01-01T00:00:00Z')],
      ['updateJob', 'job:1', (journal) => journal.updateJob(1n, 'done', 'zombie')],
    ];

    it.each(writes)('refuses %s from one whose lease went to another', async (_, duty, write) => {
      const schema = fresh();
      const one = await replica(schema);
      const all = everyLease(one);
      await all.append('platform', harvest(newEvents(1, 5)));
      await all.moveCursor('splunk', 2n, [], { events: 2 });
      await all.addJob('replay', null);
      const zombie = await one.claim(duty, never);
      const other = await replica(schema);
      // Not the time alone: the one that holds it would renew it before another one has seen it.
      await sql(
        schema,
        `UPDATE claims SET holder = gen_random_uuid(), expires_at = '-infinity' WHERE duty = '${duty}'`,
      );
      const heir = await other.claim(duty, never);
      expect(heir.epoch).toBeGreaterThan(zombie.epoch);
      const before = await content(schema);
      const failed = await write(one.under(zombie)).then(
        () => null,
        (error: unknown) => error,
      );
      expect(failed).toMatchObject({ kind: 'lease_lost' });
      expect(zombie.lost.aborted).toBe(true);
      expect(await content(schema)).toEqual(before);
      await write(other.under(heir));
      await Promise.all([one.close(), other.close()]);
    });

    it('refuses what no lease stands for', async () => {
      const journal = await replica(fresh());
      for (const [, , write] of writes.filter(([name]) => !['findings', 'updateJob'].includes(name)))
        await expect(write(journal)).rejects.toMatchObject({ kind: 'config' });
      const lease = await journal.claim('sink:other', never);
      await expect(journal.under(lease).moveCursor('splunk', 0n, [])).rejects.toThrow(
        /only the holder of sink:splunk/,
      );
      await journal.close();
    });

    it('lets nobody take over in the middle of a write, and renews meanwhile', async () => {
      const schema = fresh();
      const one = await replica(schema);
      const lease = await one.claim('sink:splunk', never);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(`SET search_path = "${schema}"`);
      await client.query('BEGIN');
      const epoch = String(lease.epoch);
      await client.query(
        `SELECT 1 FROM claims WHERE duty = 'sink:splunk' AND epoch = ${epoch} FOR KEY SHARE`,
      );
      const renewed = await sql(schema, `SELECT expires_at FROM claims WHERE duty = 'sink:splunk'`);
      await vi.waitFor(
        async () =>
          expect(await sql(schema, `SELECT expires_at FROM claims WHERE duty = 'sink:splunk'`)).not.toEqual(
            renewed,
          ),
        { timeout: 5000 },
      );
      await expect(
        sql(schema, `SET lock_timeout = 300; UPDATE claims SET epoch = epoch + 1 WHERE duty = 'sink:splunk'`),
      ).rejects.toMatchObject({ code: '55P03' });
      await client.query('ROLLBACK');
      await client.end();
      expect(lease.lost.aborted).toBe(false);
      await one.close();
    });

    it('gives up by itself what it cannot renew, before another may have it', async () => {
      const schema = fresh();
      const one = await replica(schema);
      const lease = await one.claim('sink:splunk', never);
      const sinceMs = performance.now();
      const blocker = new pg.Client({ connectionString: url });
      await blocker.connect();
      await blocker.query(`BEGIN; LOCK TABLE "${schema}".claims, "${schema}".replicas`);
      await new Promise<void>((resolve) =>
        lease.lost.addEventListener('abort', () => resolve(), { once: true }),
      );
      expect(performance.now() - sinceMs).toBeLessThan(LEASE_MS);
      await blocker.query('ROLLBACK');
      await blocker.end();
      const again = await one.claim('sink:splunk', never);
      expect(again.epoch).toBeGreaterThan(lease.epoch);
      await one.close();
    });

    it('says when their configurations differ', async () => {
      const schema = fresh();
      const said: string[] = [];
      const one = await replica(schema);
      const other = await replica(schema, {
        fingerprint: () => 'another',
        onWarn: (text) => said.push(text),
      });
      expect(said.join()).toMatch(/configuration here differs from that of .*\/\d+/);
      await Promise.all([one.close(), other.close()]);
    });

    it('tells the others of a configuration that a reload changed', async () => {
      const schema = fresh();
      let fingerprint = 'before';
      const one = await replica(schema, { fingerprint: () => fingerprint });
      expect(await one.replicas()).toMatchObject([{ self: true, fingerprint: 'before' }]);
      fingerprint = 'after';
      await expect
        .poll(async () => (await one.replicas())[0]?.fingerprint, { timeout: 2 * LEASE_MS })
        .toBe('after');
      await one.close();
    });

    it('stops when the database lost what it had acknowledged', async () => {
      const schema = fresh();
      const journal = everyLease(await replica(schema));
      await journal.append('platform', harvest(newEvents(1, 5)));
      await journal.append('platform', harvest(newEvents(6, 9)));
      await sql(schema, `DELETE FROM pages WHERE first_seq > 5; UPDATE head SET seq = 5`);
      await journal.append('platform', harvest([])); // touches no events
      await sql(schema, `UPDATE head SET seq = 4`);
      await expect(journal.append('platform', harvest([newEvent(20)]))).rejects.toMatchObject({
        kind: 'corrupt',
        message: expect.stringContaining('it had acknowledged') as string,
        hint: expect.stringContaining('high-availability') as string,
      });
      await journal.close();
    });

    /** All that a duty may change. */
    async function content(schema: string): Promise<unknown> {
      const tables = [
        'head',
        'anchor',
        'pages',
        'ids',
        'progress',
        'cursors',
        'dead_letters',
        'findings',
        'jobs',
        'meta',
      ];
      return Promise.all(tables.map((table) => sql(schema, `SELECT * FROM ${table} ORDER BY 1, 2`)));
    }
  });
});
