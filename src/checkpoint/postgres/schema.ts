import { randomUUID } from 'node:crypto';

import { ForwardError } from '../../model/errors.ts';
import { integer, text } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import { genesisHash } from '../hash.ts';
import { quoted } from './store.ts';
import type { Db } from './store.ts';

/** Of every auditferry that may set up a schema at once, one does: a lock by this number ("AFJ1") lasts to the end of its transaction. */
const SETUP_LOCK = 0x41464a31;

type Migration = (db: Db) => Promise<void>;

/** Only ever appended to. Step n leads from version n to n + 1. */
const MIGRATIONS: readonly Migration[] = [createJournal, keepWhatWasSent];

/**
 * Makes or brings up to date the tables of the schema, inside a transaction: others wait meanwhile. Returns the installation id.
 * `schema` is there already unless this role may make it.
 */
export async function migrate(db: Db, schema: string): Promise<string> {
  await db.all('SELECT pg_advisory_xact_lock($1, hashtext($2))', SETUP_LOCK, schema);
  const there = await db.all('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', schema);
  if (there.length === 0) await db.run(`CREATE SCHEMA ${quoted(schema)}`);
  const found = await versionOf(db, schema);
  if (found === null) await refuseForeign(db, schema);
  for (const step of MIGRATIONS.slice(found ?? 0)) await step(db);
  if (found !== MIGRATIONS.length)
    await db.run(
      `INSERT INTO meta VALUES ('schema_version', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      String(MIGRATIONS.length),
    );
  await assertFence(db);
  return installationIdOf(db);
}

/** What a command finds: it changes nothing of the schema. Returns the installation id. */
export async function assertMigrated(db: Db, schema: string): Promise<string> {
  const found = await versionOf(db, schema);
  if (found === MIGRATIONS.length) return installationIdOf(db);
  const what =
    found === null
      ? 'there is no journal'
      : `the journal is of version ${found} and not yet ${MIGRATIONS.length}`;
  throw new ForwardError('config', `${what} in the schema ${schema}`, {
    hint: 'start auditferry run of this release first, or check state.url and state.schema',
  });
}

/** Null before the first. */
async function versionOf(db: Db, schema: string): Promise<number | null> {
  const [table] = await db.all('SELECT to_regclass($1)::text AS name', `${quoted(schema)}.meta`);
  if (table?.['name'] == null) return null;
  const [row] = await db.all(`SELECT value FROM meta WHERE key = 'schema_version'`);
  if (row === undefined) throw foreign(schema);
  const version = Number(text(row, 'value'));
  if (!Number.isInteger(version) || version < 1) throw corrupt('the journal has lost its version');
  if (version > MIGRATIONS.length)
    throw new ForwardError(
      'config',
      `the journal in the schema ${schema} is of version ${version}; this release knows up to ${MIGRATIONS.length}`,
      { hint: 'run the newer release that wrote it: there is no way back' },
    );
  return version;
}

/** Nobody's tables are mixed with ours. */
async function refuseForeign(db: Db, schema: string): Promise<void> {
  const [row] = await db.all(
    'SELECT count(*) AS tables FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1',
    schema,
  );
  if (row !== undefined && integer(row, 'tables') > 0n) throw foreign(schema);
}

function foreign(schema: string): ForwardError {
  return new ForwardError(
    'config',
    `the schema ${schema} holds something that is not an auditferry journal`,
    {
      hint: 'give state.schema the name of a schema of its own',
    },
  );
}

/** Without the index a replica that lost its lease could write: see leases.ts. */
async function assertFence(db: Db): Promise<void> {
  const found = await db.all(
    `SELECT 1 FROM pg_catalog.pg_index WHERE indrelid = 'claims'::regclass AND indisunique AND indisvalid AND indpred IS NULL AND indnatts = 2`,
  );
  if (found.length === 0)
    throw corrupt(
      'the table claims has lost its unique index over duty and epoch, without which replicas cannot share the journal',
    );
}

async function installationIdOf(db: Db): Promise<string> {
  const [row] = await db.all(`SELECT value FROM meta WHERE key = 'installation_id'`);
  if (row === undefined) throw corrupt('the journal has lost its installation id');
  return text(row, 'value');
}

async function keepWhatWasSent(db: Db): Promise<void> {
  await db.run('ALTER TABLE dead_letters ADD COLUMN sent bytea');
}

async function createJournal(db: Db): Promise<void> {
  await db.script(SCHEMA_1);
  const installationId = randomUUID();
  await db.run(`INSERT INTO meta VALUES ('installation_id', $1)`, installationId);
  const start = genesisHash(installationId);
  await db.run('INSERT INTO head VALUES (1, 0, $1, 0)', start);
  await db.run('INSERT INTO anchor VALUES (1, 0, 0, $1, 0)', start);
  await db.run('INSERT INTO news VALUES (1, 0)');
}

// Texts that come from outside may hold a zero character, which PostgreSQL's text does not: ids of events are bytes. Keys are in the order
// of their bytes everywhere. Times of the audit log (…_ns) are nanoseconds since 1970; times of ours (…_at) are RFC 3339 text with
// milliseconds, but for claims and replicas, which live by the database's clock.
const SCHEMA_1 = `
  CREATE TABLE meta (
    key   text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
  );

  -- One row each, apart, so that pruning blocks no append. An append locks head, so that seqs have no holes and one order.
  -- bytes: of all pages ever written, and ever removed.
  CREATE TABLE head (
    one   int PRIMARY KEY CHECK (one = 1),
    seq   int8 NOT NULL,
    hash  bytea NOT NULL,
    bytes int8 NOT NULL
  );
  CREATE TABLE anchor (
    one          int PRIMARY KEY CHECK (one = 1),
    seq          int8 NOT NULL CHECK (seq >= removed_seq),
    removed_seq  int8 NOT NULL,
    removed_hash bytea NOT NULL,
    bytes        int8 NOT NULL
  );
  -- Counts what commands left to be done: replicas look at it now and then.
  CREATE TABLE news (
    one     int PRIMARY KEY CHECK (one = 1),
    version int8 NOT NULL
  );

  CREATE TABLE pages (
    first_seq   int8 PRIMARY KEY,
    last_seq    int8 NOT NULL CHECK (last_seq >= first_seq),
    oldest_ns   int8 NOT NULL,
    newest_ns   int8 NOT NULL CHECK (newest_ns >= oldest_ns),
    source      text COLLATE "C" NOT NULL,
    received_at text COLLATE "C" NOT NULL,
    hash        bytea NOT NULL,
    entries     bytea NOT NULL,
    body        bytea NOT NULL
  );
  -- They are compressed already.
  ALTER TABLE pages ALTER COLUMN entries SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL;
  CREATE INDEX pages_by_time ON pages (newest_ns, oldest_ns, source);
  CREATE INDEX pages_by_receipt ON pages (received_at, first_seq);

  CREATE TABLE ids (
    source    text COLLATE "C" NOT NULL,
    second    int8 NOT NULL,
    id        bytea NOT NULL,
    ns        int8 NOT NULL,
    body_hash bytea NOT NULL,
    type_hash bytea NOT NULL,
    seq       int8,
    PRIMARY KEY (source, second, id)
  );
  CREATE INDEX ids_by_id ON ids (id);

  CREATE TABLE coverage (
    source       text COLLATE "C" NOT NULL,
    start_ns     int8 NOT NULL,
    end_ns       int8 NOT NULL CHECK (end_ns >= start_ns),
    status       text NOT NULL CHECK (status IN ('read', 'verified', 'suspect')),
    server_count int8,
    read_at      text NOT NULL,
    PRIMARY KEY (source, start_ns)
  );

  CREATE TABLE progress (
    source     text COLLATE "C" PRIMARY KEY,
    value      text NOT NULL,
    updated_at text NOT NULL
  );

  CREATE TABLE cursors (
    sink       text COLLATE "C" PRIMARY KEY,
    seq        int8 NOT NULL,
    updated_at text COLLATE "C" NOT NULL
  );

  CREATE TABLE dead_letters (
    id             int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    side           text NOT NULL CHECK (side IN ('sink', 'source')),
    owner          text COLLATE "C" NOT NULL,
    event_source   text COLLATE "C" NOT NULL,
    event_id       bytea NOT NULL,
    seq            int8,
    created_at     text,
    received_at    text,
    bytes          bytea NOT NULL,
    reason         text NOT NULL,
    attempts       int8 NOT NULL,
    first_at       text NOT NULL,
    last_at        text NOT NULL,
    state          text NOT NULL CHECK (state IN ('open', 'retrying', 'discarded')),
    discard_reason text,
    UNIQUE (side, owner, event_source, event_id)
  );
  CREATE INDEX dead_letters_by_owner ON dead_letters (owner, state);

  CREATE TABLE findings (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source          text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    subject_hash    bytea NOT NULL,
    start_ns        int8,
    end_ns          int8,
    event_id        bytea,
    summary         text NOT NULL,
    detail          text,
    first_at        text NOT NULL,
    last_at         text COLLATE "C" NOT NULL,
    seen            int8 NOT NULL,
    acknowledged_at text,
    acknowledgement text,
    UNIQUE (source, kind, subject_hash)
  );
  CREATE INDEX findings_open ON findings (kind, source) WHERE acknowledged_at IS NULL;
  CREATE INDEX findings_newest ON findings (last_at, id) WHERE acknowledged_at IS NULL;

  CREATE TABLE event_types (
    source     text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    count      int8 NOT NULL,
    first_ns   int8 NOT NULL,
    last_ns    int8 NOT NULL,
    PRIMARY KEY (source, event_type)
  );

  CREATE TABLE jobs (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    params     text NOT NULL,
    state      text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress   text NOT NULL,
    created_at text NOT NULL,
    updated_at text NOT NULL
  );

  -- Who shares the journal, and who does what: see leases.ts. Claims are never deleted while their duty may come back, so that an epoch
  -- is never given twice. The unique constraint is what makes a lock FOR KEY SHARE hold up a change of the epoch.
  CREATE TABLE replicas (
    holder      uuid PRIMARY KEY,
    name        text NOT NULL,
    version     text NOT NULL,
    fingerprint text NOT NULL,
    started_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL
  );
  CREATE TABLE claims (
    duty       text COLLATE "C" PRIMARY KEY,
    holder     uuid,
    epoch      int8 NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (duty, epoch)
  );
`;
