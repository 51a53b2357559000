import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { makeFolder, run, start, startPlatform, until } from '../e2e/program.ts';
import type { Folder, Running, SimulatedPlatform } from '../e2e/program.ts';
import { tally } from '../e2e/receivers.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FaultFront } from '../fakes/faults.ts';
import { openLine } from './breakable-line.ts';
import type { BreakableLine } from './breakable-line.ts';
import { freePorts } from './processes.ts';
import { startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { available, postgresFolder } from './receivers.ts';

const PASSWORD = 'fourTeen14';
const SETUP = new URL('../../deploy/postgres/setup.sql', import.meta.url).pathname;
const LEASE_S = 10;
/** Longer than a lease, after which a replica that cannot write is not ready. Milliseconds. */
const PROBE_MS = 45_000;
const KICK = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditferry'`;

describe.runIf(available('postgresql'))('the program whose database is taken away', () => {
  let server: Postgresql;
  let platform: SimulatedPlatform;
  let folder: Folder;
  let front: FaultFront;
  let line: BreakableLine;
  /** Shows whether anything is asked of the Platform. */
  let toPlatform: BreakableLine;
  let running: Running;
  let port: number;
  let file: string;
  const elastic = fakeElasticsearch({ builtInTemplate: true });

  beforeAll(async () => {
    folder = makeFolder();
    server = await startPostgresql(
      ['max_connections = 30'],
      ['host all auditferry 127.0.0.1/32 scram-sha-256'],
    );
    setUp(server);
    line = await openLine(server.port);
    platform = await startPlatform(['--history', '5m', '--rate', '600', '--live-users']);
    front = await openFaultFront(elastic.receive, { clock: wallClock });
    toPlatform = await openLine(Number(new URL(platform.url).port));
    writePassword(PASSWORD);
    ({ port } = await freePorts('port'));
    file = folder.write('auditferry.yaml', configuration());
    running = start(['run', '-c', file], { env: environment() });
    await until('the first events', () => elastic.ids().length > 20, 120_000);
  });
  afterAll(async () => {
    if (process.env['SHOW'] === '1') process.stderr.write(running.stderr());
    running.child.kill('SIGTERM');
    await running.ended;
    await platform.stop();
    await front.close();
    await line.close();
    await toPlatform.close();
    await server.stop();
    folder.remove();
  });

  const environment = (): Record<string, string> => ({
    PLATFORM_KEY: 'demo-key',
    STATE_URL: `postgres://auditferry@127.0.0.1:${line.port}/postgres`,
    PGPASSFILE: join(folder.path, 'pgpass'),
  });

  function configuration(): string {
    return `
state: { type: postgres, url: "\${STATE_URL}", lease: ${LEASE_S}s }
admin: { listen: "127.0.0.1:${port}" }
sources:
  platform: { type: cloudquery, url: "http://127.0.0.1:${toPlatform.port}", api_key: "\${PLATFORM_KEY}", start: 10m, poll_interval: 1s }
sinks:
  elastic: { type: elasticsearch, url: "${front.url.href}", format: ecs }
`;
  }

  /** As libpq wants it: readable for its owner only. */
  function writePassword(password: string): void {
    chmodSync(folder.write('pgpass', `*:*:*:auditferry:${password}\n`), 0o600);
  }

  async function readiness(): Promise<{ status: number; body: string }> {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(PROBE_MS) });
    return { status: answer.status, body: await answer.text() };
  }

  /** What check says while it is so: a sentence with a hint, and 1. */
  async function checked(): Promise<string> {
    const { code, stdout } = await run(['check', '--json', '-c', file], { env: environment() });
    expect(code).toBe(1);
    const { items } = JSON.parse(stdout) as {
      items: readonly { name: string; outcome: string; finding: string; hint?: string }[];
    };
    const failed = items.find(({ name, outcome }) => name === 'database' && outcome === 'fail');
    expect(failed?.hint, stdout).toBeTruthy();
    return `${failed?.finding}`;
  }

  const faults: readonly {
    readonly name: string;
    readonly words: RegExp;
    /** What `check` says, where that is something else: it only reads. */
    readonly check?: RegExp | null;
    readonly break: () => Promise<unknown> | void;
    readonly mend: () => Promise<unknown> | void;
  }[] = [
    {
      name: 'is stopped',
      words: /cannot be reached/,
      break: () => server.halt(),
      mend: () => server.start(),
    },
    {
      name: 'refuses the login',
      words: /refuses the login/,
      break: () => server.sql(`ALTER ROLE auditferry NOLOGIN; ${KICK}`),
      mend: () => server.sql('ALTER ROLE auditferry LOGIN'),
    },
    {
      name: 'has taken the right to the schema away',
      words: /is not the one of this release|refuses a right/,
      break: () => server.sql('REVOKE ALL ON SCHEMA auditferry FROM auditferry'),
      mend: () => server.sql('GRANT ALL ON SCHEMA auditferry TO auditferry'),
    },
    {
      name: 'has taken the right to write away',
      words: /cannot write to the journal/,
      check: null,
      break: () => server.sql('REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA auditferry FROM auditferry'),
      mend: () => server.sql('GRANT ALL ON ALL TABLES IN SCHEMA auditferry TO auditferry'),
    },
    {
      name: 'takes no more connections',
      words: /takes no more connections/,
      break: () => server.sql(`ALTER ROLE auditferry CONNECTION LIMIT 0; ${KICK}`),
      mend: () => server.sql('ALTER ROLE auditferry CONNECTION LIMIT 60'),
    },
    {
      name: 'is read-only',
      words: /cannot write to the journal/,
      check: /read-only/,
      break: () => server.sql(`ALTER ROLE auditferry SET default_transaction_read_only = on; ${KICK}`),
      mend: () => server.sql(`ALTER ROLE auditferry RESET default_transaction_read_only; ${KICK}`),
    },
    {
      name: 'has another password than the file',
      words: /refuses the login/,
      break: () => server.sql(`ALTER ROLE auditferry PASSWORD 'fifTeen15'; ${KICK}`),
      // With the next connection, and without a restart.
      mend: () => writePassword('fifTeen15'),
    },
  ];

  it.each(faults)(
    'is not ready, reads and sends nothing while it $name, and loses nothing',
    async (fault) => {
      await until('to be ready', async () => (await readiness()).status === 200, 180_000);
      await fault.break();
      await until(
        'not to be ready',
        async () => {
          const { status, body } = await readiness();
          return status === 503 && fault.words.test(body);
        },
        PROBE_MS,
      );
      if (fault.check !== null) expect(await checked()).toMatch(fault.check ?? fault.words);
      const traffic = (): object => ({ sent: front.requests.length, asked: toPlatform.bytes() });
      const before = traffic();
      await new Promise((resolve) => setTimeout(resolve, 3_000)); // three polls would be due
      expect(traffic()).toEqual(before);
      await fault.mend();
      const held = elastic.ids().length;
      await until('events to flow again', () => elastic.ids().length > held, 180_000);
      expect(running.child.exitCode, running.stderr().slice(-2_000)).toBeNull();
      expect(running.stderr()).not.toMatch(/fourTeen14|fifTeen15/);
    },
  );

  it('has every event once at the end', async () => {
    await platform.endStream();
    const wanted = await platform.ids();
    await until('everything to arrive', () => new Set(elastic.ids()).size >= wanted.length, 120_000);
    expect(tally(wanted, elastic.ids())).toEqual({ lost: 0, repeated: 0, strange: 0 });
  });
});

function setUp(server: Postgresql): void {
  const words = ['-v', 'ON_ERROR_STOP=1', '-v', `password=${PASSWORD}`, '-d', server.url, '-f', SETUP];
  const { status, stderr } = spawnSync(join(postgresFolder() ?? '', 'psql'), words);
  if (status !== 0) throw new Error(String(stderr));
}
