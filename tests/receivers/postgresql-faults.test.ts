import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openJournal } from '../../src/checkpoint/postgres/index.ts';
import type { JournalOptions } from '../../src/checkpoint/postgres/index.ts';
import { runningOn } from '../../src/cli/state.ts';
import type { Config } from '../../src/config/config.ts';
import { wallClock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { everyLease } from '../contract/every-lease.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { freePorts } from './processes.ts';
import { openingFault, startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { available, postgresFolder } from './receivers.ts';

const PASSWORD = 'correct horse';
const SETUP = new URL('../../deploy/postgres/setup.sql', import.meta.url).pathname;

describe.runIf(available('postgresql'))('a PostgreSQL that does not do as it should', () => {
  let server: Postgresql;
  const folder = mkdtempSync(join(tmpdir(), 'postgresql-faults-'));
  beforeAll(async () => {
    server = await startPostgresql(
      ['max_connections = 30'],
      ['host all auditferry 127.0.0.1/32 scram-sha-256'],
    );
    const done = spawnSync(join(postgresFolder() ?? '', 'psql'), [
      '-v',
      'ON_ERROR_STOP=1',
      '-v',
      `password=${PASSWORD}`,
      '-d',
      server.url,
      '-f',
      SETUP,
    ]);
    if (done.status !== 0) throw new Error(String(done.stderr));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const place = (): string => `127.0.0.1:${server.port}/postgres`;
  const url = (password = PASSWORD): string =>
    `postgres://auditferry:${encodeURIComponent(password)}@${place()}`;
  const open = (address: string, more: Partial<JournalOptions> = {}) =>
    openJournal({
      url: Secret.of(address),
      schema: 'auditferry',
      leaseMs: 15_000,
      maxBytes: 2 ** 30,
      clock: wallClock,
      access: 'writer',
      version: '0',
      fingerprint: () => '',
      env: {},
      ...more,
    });
  const faultOf = async (address: string, more: Partial<JournalOptions> = {}): Promise<ForwardError> => {
    const error = await openingFault(open(address, more));
    expect(`${error.message} ${error.hint}`).not.toContain(PASSWORD);
    return error;
  };

  it('lets the role of deploy/postgres/setup.sql do everything, with a right on its own schema only', async () => {
    const journal = everyLease(await open(url()));
    await journal.append('platform', harvest(newEvents(1, 5)));
    expect(await journal.size()).toMatchObject({ events: 5 });
    await journal.close();
    const [role] = await server.sql(
      `SELECT rolsuper OR rolcreatedb OR rolcreaterole AS more, has_database_privilege('auditferry', 'postgres', 'CREATE') AS make FROM pg_roles WHERE rolname = 'auditferry'`,
    );
    expect(role).toEqual({ more: false, make: false });
  });

  it('says where nobody answers', async () => {
    const { free } = await freePorts('free');
    expect(await faultOf(`postgres://u@127.0.0.1:${free}/x`)).toMatchObject({
      kind: 'transient',
      message: expect.stringContaining(`127.0.0.1:${free}/x cannot be reached`) as string,
    });
    expect((await faultOf('postgres://u@nobody.invalid/x')).kind).toBe('transient');
  });

  it.each([
    ['a password that is refused', () => url('wrong'), {}, 'denied', 'refuses the login'],
    ['a database that is not there', () => `${server.url}_not`, {}, 'denied', 'is not there'],
    ['a schema that it may not make', url, { schema: 'another' }, 'denied', 'refuses a right'],
    ['a server without TLS', () => `${server.url}?sslmode=verify-full`, {}, 'denied', 'has no TLS'],
    ['a word that nobody knows', () => `${server.url}?sslmood=require`, {}, 'config', 'sslmood is not known'],
    ['a mode that nobody knows', () => `${server.url}?sslmode=perhaps`, {}, 'config', 'sslmode is none of'],
    [
      'a command before the first run',
      () => server.url,
      { schema: 'empty', access: 'guest' as const },
      'config',
      'there is no journal',
    ],
  ])('names %s', async (_, address, more, kind, words) => {
    expect(await faultOf(address(), more)).toMatchObject({
      kind,
      message: expect.stringContaining(words) as string,
    });
  });

  it('knows that nobody works on a journal before the first run', async () => {
    const state = { type: 'postgres', url: Secret.of(server.url), schema: 'empty', lease: 15_000 };
    expect(await runningOn({ state } as unknown as Config, { clock: wallClock, env: {} })).toBeNull();
  });

  it('refuses a schema of a newer release, and one that holds something else', async () => {
    const journal = await open(server.url, { schema: 'newer' });
    await journal.close();
    await server.sql(`UPDATE newer.meta SET value = '99' WHERE key = 'schema_version'`);
    expect(await faultOf(server.url, { schema: 'newer' })).toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/of version 99; this release knows up to \d+/) as string,
    });
    await server.sql('CREATE SCHEMA theirs; CREATE TABLE theirs.orders (id int)');
    expect(await faultOf(server.url, { schema: 'theirs' })).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('not an auditferry journal') as string,
    });
    expect(await server.sql(`SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'theirs'`)).toEqual([
      { n: 1 },
    ]);
  });

  it('waits while there is no connection left, and for a database that takes no writes', async () => {
    await server.sql('ALTER ROLE auditferry CONNECTION LIMIT 0');
    expect(await faultOf(url())).toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('takes no more connections') as string,
    });
    await server.sql('ALTER ROLE auditferry CONNECTION LIMIT 60');
    const journal = everyLease(await open(url()));
    await journal.append('platform', harvest([]));
    await server.sql(`ALTER ROLE auditferry SET default_transaction_read_only = on`);
    expect(await faultOf(url())).toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('read-only') as string,
    });
    await server.sql(`ALTER ROLE auditferry RESET default_transaction_read_only`);
    await journal.close();
  });

  it('takes the password from PGPASSFILE, and a new one with the next connection', async () => {
    const file = join(folder, 'pgpass');
    const write = (password: string): void => {
      writeFileSync(file, `127.0.0.1:${server.port}:postgres:auditferry:${password}\n`);
      chmodSync(file, 0o600);
    };
    write(PASSWORD);
    const before = process.env['PGPASSFILE'];
    process.env['PGPASSFILE'] = file; // the driver reads it there
    try {
      const journal = await open(`postgres://auditferry@${place()}`);
      await server.sql(`ALTER ROLE auditferry PASSWORD 'another'`);
      write('another');
      await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditferry'`);
      for (let tries = 1; ; tries += 1) {
        try {
          expect(await journal.size()).toMatchObject({ headSeq: 5n });
          break;
        } catch (error) {
          if (tries === 10 || !(error instanceof ForwardError)) throw error;
        }
      }
      await journal.close();
    } finally {
      if (before === undefined) delete process.env['PGPASSFILE'];
      else process.env['PGPASSFILE'] = before;
      await server.sql(`ALTER ROLE auditferry PASSWORD '${PASSWORD}'`);
    }
  });

  it('is answered by a password from a file that changed', async () => {
    const file = join(folder, 'url');
    writeFileSync(file, url());
    const journal = await open('', { url: new Secret(() => readFileSync(file, 'utf8')) });
    await server.sql(`ALTER ROLE auditferry PASSWORD 'third'`);
    writeFileSync(file, url('third'));
    await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditferry'`);
    for (let tries = 1; ; tries += 1) {
      const size = await journal.size().catch(() => null);
      if (size !== null) break;
      if (tries === 10) throw new Error('the new password is not used');
    }
    await journal.close();
    await server.sql(`ALTER ROLE auditferry PASSWORD '${PASSWORD}'`);
  });
});
