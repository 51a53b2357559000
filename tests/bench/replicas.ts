import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { openJournal } from '../../src/checkpoint/postgres/index.ts';
import { wallClock } from '../../src/model/clock.ts';
import { formatTime, parseTime } from '../../src/model/time.ts';
import type { NewEvent } from '../../src/model/event.ts';
import { Secret } from '../../src/model/secret.ts';
import { everyLease } from '../contract/every-lease.ts';
import { sqlIn, startPostgresql } from '../receivers/postgresql.ts';
import { textOf, timeOf } from './events.ts';
import { startPeer } from './measure.ts';
import type { Peer } from './measure.ts';
import { cpuTicks, parentOf, pause, residentMb, treeTicks } from './processes.ts';
import { inFolder, MAIN, sinksOf } from './setting.ts';

export interface ReplicaSetting {
  readonly replicas: number;
  readonly sources: number;
  /** In the journal before the replicas start. */
  readonly events: number;
  /** At each source, to be read; 0: the journal is filled, and nothing else. */
  readonly fresh: number;
  /** Absent: a server of its own. */
  readonly database: string | undefined;
}

const SINKS = ['hec', 'elastic', 'syslog', 'http', 'sentinel'] as const;
const SCHEMA = 'auditferry';
const DAY_MS = 86_400_000;
/** Old ones are out of what the sources read, so that nobody looks for them on the Platforms. */
const OLD = { fromMs: 28 * DAY_MS, toMs: 2 * DAY_MS };
const FRESH_MS = DAY_MS / 2;
const PAGE = 1000;
/** Appends that are under way at once while the journal is filled: one is made while another is written. */
const FILLERS = 3;
const LEASE_S = 15;
const POLL_S = 15;
const SETTLE_MS = 45_000;
const WATCH_MS = 60_000;
const LIMIT_MS = 480_000;
const SHOWN_STATEMENTS = 12;
/** As a machine for it would be set up, and unlike the tests' own: it is on disk when it says so. */
const SERVER = [
  'fsync = on',
  'shared_buffers = 1GB',
  'max_wal_size = 4GB',
  `shared_preload_libraries = 'pg_stat_statements'`,
];

type Note = (name: string, samples: readonly number[], unit: string) => void;

/** What the database has done until now. */
interface Load {
  readonly cpuMs: number;
  readonly transactions: number;
  readonly statements: number;
  readonly walBytes: number;
}

/** What many sources, and sinks, cost replicas and their database: a journal full of old events, then new ones to read and send, then nothing but polls. */
export async function manyReplicas(setting: ReplicaSetting, receivers: Peer, note: Note): Promise<void> {
  const server = setting.database === undefined ? await startPostgresql(SERVER) : null;
  const url = setting.database ?? server?.url ?? '';
  try {
    await sqlIn(url, 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const database = await openDatabase(url);
    await fill(setting, url, database, note);
    await sizes(database, note);
    if (setting.fresh > 0) await run(setting, url, database, receivers, note);
  } finally {
    await server?.stop();
  }
}

type Database = Awaited<ReturnType<typeof openDatabase>>;

async function openDatabase(url: string) {
  const number = async (sql: string): Promise<number> =>
    Number(Object.values((await sqlIn(url, sql))[0] ?? {})[0]);
  const [found] = await sqlIn(url, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`);
  const postmaster = parentOf(Number(found?.['pid']));
  return {
    number,
    sql: (text: string) => sqlIn(url, text),
    async load(): Promise<Load> {
      return {
        cpuMs: treeTicks(postmaster) * 10,
        transactions: await number(
          `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`,
        ),
        statements: await number('SELECT sum(calls) FROM pg_stat_statements'),
        walBytes: await number(`SELECT pg_current_wal_lsn() - '0/0'`),
      };
    },
  };
}

/** As the replicas would have left it: through the journal's own append, page by page, every sink past it. */
async function fill(
  { events, sources }: ReplicaSetting,
  url: string,
  database: Database,
  note: Note,
): Promise<void> {
  const journal = everyLease(
    await openJournal({
      url: Secret.of(url),
      schema: SCHEMA,
      leaseMs: LEASE_S * 1000,
      maxBytes: Number.MAX_SAFE_INTEGER,
      clock: wallClock,
      access: 'writer',
      version: '0',
      fingerprint: () => 'the filler',
      env: {},
    }),
  );
  const endMs = Date.now() - OLD.toMs;
  let next = Number((await journal.size()).headSeq);
  const begun = next;
  const before = await database.load();
  const beganMs = performance.now();
  const page = async (): Promise<void> => {
    const from = next;
    next = Math.min(from + PAGE, events);
    const made = Array.from({ length: next - from }, (_, index) =>
      newEvent(from + index, timeOf(from + index, events, endMs, OLD.fromMs - OLD.toMs)),
    );
    const source = `s${Math.floor(from / PAGE) % sources}`;
    await journal.append(source, {
      purpose: 'live',
      events: made,
      malformed: [],
      coverage: [],
      findings: [],
      progress: null,
    });
  };
  const filler = async (): Promise<void> => {
    while (next < events) await page();
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
  const { headSeq } = await journal.size();
  for (const sink of SINKS) {
    await journal.begin(sink);
    await journal.moveCursor(sink, headSeq, []);
  }
  await journal.close();
  if (begun >= events) return;
  const took = performance.now() - beganMs;
  const after = await database.load();
  const added = events - begun;
  note('filling: events a second', [(added / took) * 1000], '/s');
  note(
    'filling: processor time of the database, an event',
    [((after.cpuMs - before.cpuMs) / added) * 1000],
    'us',
  );
  note('filling: bytes of the log (WAL), an event', [(after.walBytes - before.walBytes) / added], 'B');
  await database.sql('VACUUM ANALYZE');
}

function newEvent(index: number, ms: number): NewEvent {
  const original = textOf(index, ms);
  const { id, created_at: createdAt, event_type: eventType } = JSON.parse(original) as Record<string, string>;
  const createdNs = parseTime(createdAt ?? '');
  if (id === undefined || createdNs === null || eventType === undefined) throw new Error('no such event');
  return { id, createdAt: formatTime(createdNs), createdNs, original, eventType, wanted: true };
}

async function sizes({ number }: Database, note: Note): Promise<void> {
  const events = await number(`SELECT head.seq - anchor.seq FROM ${SCHEMA}.head, ${SCHEMA}.anchor`);
  note('the journal: events', [events], '');
  for (const table of ['pages', 'ids'])
    note(
      `the journal: bytes of ${table}, an event`,
      [(await number(`SELECT pg_total_relation_size('${SCHEMA}.${table}')`)) / events],
      'B',
    );
}

/** Replicas at work, and what they had before them. */
interface Stage {
  readonly setting: ReplicaSetting;
  readonly database: Database;
  readonly platform: Peer;
  readonly pids: readonly number[];
  readonly begunMs: number;
  /** The last event in the journal before, and the load then. */
  readonly before: number;
  readonly loadBefore: Load;
}

async function run(
  setting: ReplicaSetting,
  url: string,
  database: Database,
  receivers: Peer,
  note: Note,
): Promise<void> {
  const { replicas, sources, fresh } = setting;
  const before = await headOf(database);
  // Others than those of a run before over the same database.
  const firstIndex = Math.ceil((1e9 + before) / 1000) * 1000;
  const platform = await startPeer('platform.ts', {
    events: fresh,
    spanMs: FRESH_MS,
    onDemand: true,
    firstIndex,
  });
  const { config, remove } = inFolder(configuration(platform, receivers, sources));
  const draining = setInterval(() => void receivers.ask({}), 5_000);
  const loadBefore = await database.load();
  const begunMs = Date.now();
  const children = Array.from({ length: replicas }, () =>
    spawn(process.execPath, [MAIN, 'run', '-c', config], {
      env: { TOKEN: 'token', STATE_URL: url },
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: join(config, '..'),
    }),
  );
  const pids = children.map(({ pid }) => pid ?? 0);
  const stage = { setting, database, platform, pids, begunMs, before, loadBefore };
  try {
    await catchUp(stage, note);
    await pause(SETTLE_MS);
    await watchIdle(stage, note);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    clearInterval(draining);
    platform.stop();
    remove();
  }
}

/** Everything is read and delivered, and the sources are spread over the replicas: each as soon as it is so. */
async function catchUp(
  { setting, database, platform, pids, begunMs, before, loadBefore }: Stage,
  note: Note,
): Promise<void> {
  const wanted = setting.fresh * setting.sources;
  const last = before + wanted;
  const isDelivered = async (): Promise<boolean> =>
    (await database.number(`SELECT min(seq) FROM ${SCHEMA}.cursors`)) >= last;
  const areEven = async (): Promise<boolean> => {
    const held = await shares(database, 'source');
    return held.length === setting.replicas && Math.max(...held) - Math.min(...held) <= 1;
  };
  const [readS, deliveredS, evenS] = (
    await Promise.all([
      until(async () => (await headOf(database)) >= last, 'everything to be read'),
      until(isDelivered, 'everything to be delivered'),
      until(areEven, 'even shares'),
    ])
  ).map((atMs) => (atMs - begunMs) / 1000) as [number, number, number];
  const load = await database.load();
  const seconds = (Date.now() - begunMs) / 1000;
  const { firstRequestMs } = await platform.ask<{ firstRequestMs: number }>({});
  const firstS = (firstRequestMs - begunMs) / 1000;
  note('start to first request', [firstRequestMs - begunMs], 'ms');
  note('start to even shares', [evenS], 's');
  note('sources of a replica', await shares(database, 'source'), '');
  note('sinks of a replica', await shares(database, 'sink'), '');
  note('reading: events a second', [wanted / (readS - firstS)], '/s');
  note(
    `delivering to ${SINKS.length} sinks: events a second, all sinks together`,
    [(wanted * SINKS.length) / (deliveredS - firstS)],
    '/s',
  );
  const what = 'reading and delivering';
  note(`${what}: processor time of the replicas, an event`, [(ticksOf(pids) * 10_000) / wanted], 'us');
  note(
    `${what}: processor time of the database, an event`,
    [((load.cpuMs - loadBefore.cpuMs) / wanted) * 1000],
    'us',
  );
  note(`${what}: transactions a second`, [(load.transactions - loadBefore.transactions) / seconds], '/s');
  note(`${what}: bytes of the log (WAL), an event`, [(load.walBytes - loadBefore.walBytes) / wanted], 'B');
}

/** Nothing but polls. */
async function watchIdle({ setting, database, platform, pids }: Stage, note: Note): Promise<void> {
  await platform.ask({});
  await database.sql('SELECT pg_stat_statements_reset()');
  const [from, ticksFrom, fromMs] = [await database.load(), ticksOf(pids), performance.now()];
  await pause(WATCH_MS);
  const seconds = (performance.now() - fromMs) / 1000;
  const [to, ticksTo] = [await database.load(), ticksOf(pids)];
  const { requests } = await platform.ask<{ requests: number }>({});
  note('idle: requests to the Platforms in a minute', [(requests / seconds) * 60], '');
  note('idle: statements a request', [(to.statements - from.statements) / requests], '');
  note('idle: transactions a second', [(to.transactions - from.transactions) / seconds], '/s');
  note('idle: processor time of the database in a second', [(to.cpuMs - from.cpuMs) / seconds], 'ms');
  note('idle: bytes of the log (WAL) a second', [(to.walBytes - from.walBytes) / seconds], 'B');
  note(
    'idle: processor time of a replica in a second',
    [((ticksTo - ticksFrom) * 10) / seconds / setting.replicas],
    'ms',
  );
  note('memory of a replica', pids.map(residentMb), 'MB');
  const connections = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'auditferry'`;
  note('connections of a replica', [(await database.number(connections)) / setting.replicas], '');
  for (const { calls, ms, query } of await database.sql(
    `SELECT calls, round(total_exec_time::numeric, 1) AS ms, left(regexp_replace(query, '\\s+', ' ', 'g'), 110) AS query
     FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT ${SHOWN_STATEMENTS}`,
  ))
    process.stdout.write(
      `  ${String(calls).padStart(7)} times ${String(ms).padStart(8)} ms  ${String(query)}\n`,
    );
}

function headOf({ number }: Database): Promise<number> {
  return number(`SELECT seq FROM ${SCHEMA}.head`);
}

/** How many duties of a kind each replica has that is alive. */
async function shares({ sql }: Database, kind: 'source' | 'sink'): Promise<readonly number[]> {
  const rows = await sql(
    `SELECT count(duty) FILTER (WHERE duty LIKE '${kind}:%' AND expires_at > clock_timestamp())::int AS held
     FROM ${SCHEMA}.replicas LEFT JOIN ${SCHEMA}.claims USING (holder)
     WHERE seen_at > clock_timestamp() - interval '${LEASE_S} s' GROUP BY holder`,
  );
  return rows.map((row) => Number(row['held']));
}

function ticksOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuTicks(pid), 0);
}

function configuration(from: Peer, to: Peer, sources: number): string {
  const platform = `http://127.0.0.1:${from.ports.port}`;
  const each = Array.from(
    { length: sources },
    (_, index) =>
      `  s${index}: { type: cloudquery, url: "${platform}/${index}", api_key: "\${TOKEN}", start: 1d, poll_interval: ${POLL_S}s }`,
  );
  return `state: { type: postgres, url: "\${STATE_URL}", schema: ${SCHEMA}, lease: ${LEASE_S}s, retention: 30d, max_size: 200GiB }
admin: { listen: "off" }
log: { level: warn }
sources:
${each.join('\n')}
sinks:
${sinksOf(to, SINKS)}
`;
}

/** When it was so, milliseconds since 1970. */
async function until(holds: () => Promise<boolean>, what: string): Promise<number> {
  const endMs = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited too long for ${what}`);
    await pause(500);
  }
  return Date.now();
}
