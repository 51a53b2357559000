import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openJournal } from '../../src/checkpoint/postgres/index.ts';
import type { Journal } from '../../src/checkpoint/journal.ts';
import { wallClock } from '../../src/model/clock.ts';
import type { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { everyLease } from '../contract/every-lease.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import { asServer, openingFault, sqlIn, startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { available, findProgram } from './receivers.ts';

const SCHEMA = 'auditferry';
const never = new AbortController().signal;

const open = (url: string, schema = SCHEMA): Promise<Journal> =>
  openJournal({
    url: Secret.of(url),
    schema,
    leaseMs: 15_000,
    maxBytes: 2 ** 30,
    clock: wallClock,
    access: 'writer',
    version: '0',
    fingerprint: () => '',
    env: {},
  });

const faultOf = (url: string): Promise<ForwardError> => openingFault(open(url));

describe.runIf(available('postgresql'))('a PostgreSQL with TLS', () => {
  let certificates: Certificates;
  let server: Postgresql;
  const folder = runFolder('postgresql-tls');

  beforeAll(async () => {
    certificates = makeCertificates();
    const [cert, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
    copyFileSync(certificates.server.certFile, cert);
    copyFileSync(certificates.server.keyFile, key);
    // The server wants its key for itself alone.
    chmodSync(folder, 0o755);
    chmodSync(key, 0o600);
    const owner = spawnSync('id', ['-u', 'postgres'], { encoding: 'utf8' }).stdout.trim();
    if (process.getuid?.() === 0) chownSync(key, Number(owner), statSync(key).gid);
    server = await startPostgresql(
      ['ssl = on', `ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`],
      ['hostssl all postgres 127.0.0.1/32 trust', 'hostnossl plain postgres 127.0.0.1/32 trust'],
    );
  });
  afterAll(async () => {
    await server.stop();
    certificates.remove();
    removeFolder(folder);
  });

  const url = (words: string): string => `${server.url}?${words}`;

  it('is spoken to as libpq would', async () => {
    const ca = `sslrootcert=${certificates.caFile}`;
    for (const words of [
      'sslmode=prefer',
      'sslmode=require',
      `sslmode=verify-ca&${ca}`,
      `sslmode=verify-full&${ca}`,
    ]) {
      const journal = await open(url(words));
      await journal.close();
    }
    const [row] = await server.sql('SELECT count(*)::int AS n FROM auditferry.meta');
    expect(row).not.toEqual({ n: 0 });
  });

  it.each([
    ['verify-ca', () => certificates.foreignCaFile],
    ['verify-full', () => certificates.foreignCaFile],
    // As libpq: who names an authority wants it checked.
    ['require', () => certificates.foreignCaFile],
  ])('is not trusted with sslmode=%s and the authority of somebody else', async (mode, ca) => {
    expect(await faultOf(url(`sslmode=${mode}&sslrootcert=${ca()}`))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('is not trusted') as string,
      hint: expect.stringContaining('sslrootcert') as string,
    });
  });

  it('is named when the file of the authority is not there', async () => {
    expect(await faultOf(url('sslmode=verify-full&sslrootcert=/nowhere/ca.pem'))).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('the file of sslrootcert cannot be read') as string,
    });
  });
});

describe.runIf(available('postgresql'))('a PostgreSQL behind something, or with little room', () => {
  let server: Postgresql;
  beforeAll(async () => {
    server = await startPostgresql(['max_connections = 24', 'superuser_reserved_connections = 0']);
  });
  afterAll(async () => server.stop());

  it('is refused at the start as a standby, with the way to the primary', async () => {
    const folder = runFolder('postgresql-standby');
    chmodSync(folder, 0o777);
    const data = join(folder, 'data');
    const copy = asServer([
      'pg_basebackup',
      '-D',
      data,
      '-d',
      server.url,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
    ]);
    const made = spawnSync(copy.command, [...copy.args], { encoding: 'utf8' });
    expect(made.status, made.stderr).toBe(0);
    const { port } = await freePorts('port');
    const running = await startProgram({
      ...asServer(['postgres', '-D', data, '-p', String(port), '-k', folder]),
      folder,
      readyWithinMs: 60_000,
      ready: () => accepts(port),
    });
    try {
      const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
      // While it starts it lets nobody in.
      await expect
        .poll(async () => (await faultOf(url)).message, { timeout: 20_000 })
        .toContain('is a standby, which takes no writes');
      expect(await faultOf(url)).toMatchObject({
        kind: 'transient',
        hint: expect.stringContaining('primary') as string,
      });
    } finally {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.runIf(available('pgbouncer'))(
    'works through PgBouncer in transaction mode, with two replicas at once',
    async () => {
      const folder = runFolder('pgbouncer');
      chmodSync(folder, 0o777);
      const { port } = await freePorts('port');
      const users = join(folder, 'users.txt');
      writeFileSync(users, '"postgres" ""\n');
      const config = join(folder, 'pgbouncer.ini');
      writeFileSync(
        config,
        `[databases]
postgres = host=127.0.0.1 port=${server.port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 3
`,
      );
      const running = await startProgram({
        ...asServer(['pgbouncer', config], findProgram('pgbouncer')),
        folder,
        readyWithinMs: 20_000,
        ready: () => accepts(port),
      });
      try {
        const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
        const [one, other] = await Promise.all([open(url, 'pooled'), open(url, 'pooled')]);
        const lease = await one.claim('source:platform', never);
        const [source, idle] = [one.under(lease), everyLease(other)];
        for (let at = 0; at < 10; at += 1)
          await Promise.all([
            source.append('platform', harvest(newEvents(at * 10 + 1, at * 10 + 10))),
            idle.size(),
            idle.replicas(),
            one.size(),
          ]);
        expect(await other.size()).toMatchObject({ events: 100, headSeq: 100n });
        expect(await other.tryClaim('source:platform')).toBeNull();
        await lease.release();
        expect((await other.claim('source:platform', never)).epoch).toBeGreaterThan(lease.epoch);
        await Promise.all([one.close(), other.close()]);
      } finally {
        await running.stop();
        removeFolder(folder);
      }
    },
  );

  it('waits while others have every connection, and loses nothing', async () => {
    const journal = everyLease(await open(server.url, 'crowded'));
    await journal.append('platform', harvest(newEvents(1, 5)));
    await journal.close();
    const others = await Promise.all(Array.from({ length: 24 }, () => server.hold().catch(() => null)));
    try {
      expect(await faultOf(server.url)).toMatchObject({
        kind: 'transient',
        message: expect.stringContaining('takes no more connections') as string,
        hint: expect.stringContaining('max_connections') as string,
      });
    } finally {
      for (const one of others) await one?.end();
    }
    const again = await open(server.url, 'crowded');
    expect(await again.size()).toMatchObject({ events: 5 });
    await again.close();
  });

  it('keeps everything when its disk is full, and goes on when there is room', async () => {
    const disk = smallDisk(server);
    try {
      const url = await disk.database();
      const journal = everyLease(await open(url));
      let held = 0;
      const fault = await (async () => {
        for (let at = 0; at < 2_000; at += 1) {
          try {
            await journal.append('platform', harvest(newEvents(at * 500 + 1, at * 500 + 500)));
            held += 500;
          } catch (error) {
            return error;
          }
        }
        return null;
      })();
      expect(fault).toMatchObject({
        kind: 'transient',
        message: expect.stringContaining('is full') as string,
        hint: expect.stringContaining('free space') as string,
      });
      expect(await journal.size()).toMatchObject({ events: held });
      await disk.grow();
      await journal.append('platform', harvest(newEvents(held + 1, held + 500)));
      expect(await journal.size()).toMatchObject({ events: held + 500 });
      await journal.close();
    } finally {
      await disk.remove();
    }
  });
});

interface SmallDisk {
  /** Makes a database there; returns its address. */
  database(): Promise<string>;
  grow(): Promise<unknown>;
  remove(): Promise<void>;
}

/** A file system of 40 MB. Where none may be mounted, a trigger says what the server would say once it holds as much. */
function smallDisk(server: Postgresql): SmallDisk {
  const folder = runFolder('small-disk');
  const options = (size: string): string => `size=${size},mode=0777`;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options('40m'), 'tmpfs', folder]).status === 0;
  const url = server.url.replace(/postgres$/, 'small');
  const path = join(folder, 'space');
  return {
    async database() {
      if (!mounted) {
        await server.sql('CREATE DATABASE small');
        await (await open(url)).close();
        await sqlIn(
          url,
          `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.first_seq > 5000 THEN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END IF;
             RETURN NEW; END $$;
           CREATE TRIGGER full_disk BEFORE INSERT ON ${SCHEMA}.pages FOR EACH ROW EXECUTE FUNCTION full_disk()`,
        );
        return url;
      }
      mkdirSync(path);
      spawnSync('chown', ['postgres', path]);
      await server.sql(`CREATE TABLESPACE small LOCATION '${path}'`);
      await server.sql('CREATE DATABASE small TABLESPACE small');
      return url;
    },
    grow: async () =>
      mounted
        ? spawnSync('mount', ['-o', `remount,${options('200m')}`, folder])
        : sqlIn(url, `DROP TRIGGER full_disk ON ${SCHEMA}.pages`),
    async remove() {
      await server.sql('DROP DATABASE IF EXISTS small WITH (FORCE)');
      await server.sql('DROP TABLESPACE IF EXISTS small');
      if (mounted) spawnSync('umount', [folder]);
      removeFolder(folder);
    },
  };
}
