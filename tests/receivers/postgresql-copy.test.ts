import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openJournal } from '../../src/checkpoint/postgres/index.ts';
import type { Row } from '../../src/checkpoint/columns.ts';
import { openBlank, openContents as openPostgres } from '../../src/checkpoint/postgres/transfer.ts';
import { openContents as openSqlite } from '../../src/checkpoint/sqlite/transfer.ts';
import { openJournal as openSqliteJournal } from '../../src/checkpoint/sqlite/index.ts';
import { BATCH_BYTES, TABLE_NAMES } from '../../src/checkpoint/transfer.ts';
import type { Contents } from '../../src/checkpoint/transfer.ts';
import { wallClock } from '../../src/model/clock.ts';
import { Secret } from '../../src/model/secret.ts';
import { everyLease } from '../contract/every-lease.ts';
import { fill } from '../checkpoint/filled.ts';
import { makeFolder, run, start, startPlatform, until } from '../e2e/program.ts';
import type { Folder, SimulatedPlatform } from '../e2e/program.ts';
import { readNdjsonIds, tally } from '../e2e/receivers.ts';
import { startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { available } from './receivers.ts';

const KEY = 'a-key-for-the-test';

describe.runIf(available('postgresql'))('journal copy between SQLite and PostgreSQL', () => {
  let server: Postgresql;
  let folder: Folder;
  let platform: SimulatedPlatform;
  beforeAll(async () => {
    folder = makeFolder();
    server = await startPostgresql();
    platform = await startPlatform(['--history', '1h', '--rate', '90', '--api-key', KEY]);
  });
  afterAll(async () => {
    await platform.stop();
    await server.stop();
    folder.remove();
  });

  const env = () => ({ STATE_URL: server.url, KEY });
  const configure = (name: string, state: string): string =>
    folder.write(
      `${name}.yaml`,
      `state: ${state}
admin: { listen: "off" }
sources:
  platform: { type: cloudquery, url: "${platform.url}", api_key: "\${KEY}", start: 1d, poll_interval: 1s, rate_limit: { requests_per_second: 50 } }
sinks:
  file: { type: file, path: ./out/audit.ndjson }
`,
    );
  const sqlite = (dir: string): string => configure(dir, `{ dir: ./${dir} }`);
  const postgres = (schema: string): string =>
    configure(schema, `{ type: postgres, url: "\${STATE_URL}", schema: ${schema}, lease: 4s }`);
  const copy = (from: string, to: string) =>
    run(['journal', 'copy', '--from', from, '--to', to, '--json'], { env: env() });
  const transfer = (schema: string) => ({ url: Secret.of(server.url), schema, env: {} });

  async function everything(contents: Contents): Promise<unknown> {
    try {
      const tables: Record<string, string[]> = {};
      for (const table of TABLE_NAMES) {
        const all: string[] = [];
        for await (const rows of contents.rows(table))
          for (const row of rows)
            all.push(
              Object.entries(row)
                .filter(([name]) => name !== 'subject_hash')
                .map(([name, value]) =>
                  [
                    name,
                    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value),
                  ].join('='),
                )
                .toSorted()
                .join(' '),
            );
        tables[table] = all.toSorted();
      }
      return { state: await contents.state(), tables };
    } finally {
      await contents.close();
    }
  }

  it('brings everything there and back, to the row', async () => {
    const dir = join(folder.path, 'full');
    const journal = await openSqliteJournal({ dir, maxBytes: 1e9, clock: wallClock, access: 'writer' });
    await fill(journal);
    await journal.close();
    const before = await everything(openSqlite(dir, wallClock));
    const there = await copy(sqlite('full'), postgres('full_copy'));
    expect([there.code, there.code === 0 ? '' : there.stderr]).toEqual([0, '']);
    expect(JSON.parse(there.stdout)).toMatchObject({ copied: true, rows: { pages: 6, dead_letters: 6 } });
    expect(await everything(await openPostgres(transfer('full_copy')))).toEqual(before);
    const back = await copy(postgres('full_copy'), sqlite('full_back'));
    expect([back.code, back.code === 0 ? '' : back.stderr]).toEqual([0, '']);
    expect(await everything(openSqlite(join(folder.path, 'full_back'), wallClock))).toEqual(before);
  });

  it('reads large rows a few at a time, and all of them', async () => {
    const sizes = [...Array<number>(30).fill(600_000), 9_000_000, ...Array<number>(250).fill(10)];
    const letter = (size: number, index: number): Row => ({
      id: BigInt(index + 1),
      side: 'sink',
      owner: 'splunk',
      event_source: 'platform',
      event_id: `event ${index}`,
      seq: BigInt(index + 1),
      created_at: null,
      received_at: null,
      bytes: Buffer.alloc(size, 'a'),
      reason: 'refused',
      attempts: 1n,
      first_at: 'then',
      last_at: 'then',
      state: 'open',
      discard_reason: null,
      sent: Buffer.alloc(size > 10 ? 60_000 : 0, 'b'),
    });
    const blank = await openBlank(transfer('large'), 'a test');
    for (const [index, size] of sizes.entries()) await blank.write('dead_letters', [letter(size, index)]);
    const ids: bigint[] = [];
    for await (const rows of blank.rows('dead_letters')) {
      const bytes = (row: Row): number => Buffer.concat([row['bytes'], row['sent']] as Buffer[]).length;
      // The last one may be of any size.
      expect(rows.slice(0, -1).reduce((sum, row) => sum + bytes(row), 0)).toBeLessThan(BATCH_BYTES);
      ids.push(...rows.map((row) => row['id'] as bigint));
    }
    await blank.close();
    expect(ids).toEqual(sizes.map((_, index) => BigInt(index + 1)));
  });

  it('refuses a schema that holds a journal, and one that a replica works on', async () => {
    const from = sqlite('full');
    const full = await copy(from, postgres('full_copy'));
    expect([full.code, full.stderr]).toEqual([2, expect.stringContaining('holds a journal already')]);
    const replica = everyLease(
      await openJournal({
        ...transfer('busy'),
        leaseMs: 4_000,
        maxBytes: 1e9,
        clock: wallClock,
        access: 'writer',
        version: '0',
        fingerprint: () => '',
      }),
    );
    const busy = await copy(from, postgres('busy'));
    const source = await copy(postgres('busy'), sqlite('from_busy'));
    await replica.close();
    expect([busy.code, busy.stderr]).toEqual([2, expect.stringMatching(/replica .* works on the journal/)]);
    expect([source.code, source.stderr]).toEqual([
      2,
      expect.stringMatching(/replica .* works on the journal/),
    ]);
  });

  it('leaves an interrupted copy unusable until it was started again', async () => {
    const to = postgres('broken_off');
    // As a copy leaves it that was killed: made, marked, a part of the rows.
    expect((await copy(sqlite('full'), to)).code).toBe(0);
    await server.sql(`INSERT INTO broken_off.meta VALUES ('unfinished_copy', 'a journal copy x')`);
    await server.sql('DELETE FROM broken_off.ids');
    const daemon = await run(['run', '-c', to, '--once'], { env: env() });
    expect([daemon.code, daemon.stderr]).toEqual([
      2,
      expect.stringContaining('is unfinished: a journal copy was interrupted'),
    ]);
    expect((await copy(sqlite('full'), to)).code).toBe(0);
    expect(await everything(await openPostgres(transfer('broken_off')))).toEqual(
      await everything(openSqlite(join(folder.path, 'full'), wallClock)),
    );
  });

  it('a daemon goes on at the new place and back again: nothing lost, nothing twice', async () => {
    const ids = (): string[] => readNdjsonIds(join(folder.path, 'out', 'audit.ndjson'));
    const once = async (file: string): Promise<void> => {
      const ended = await run(['run', '-c', file, '--once', '--patience', '30s'], { env: env() });
      expect([ended.code, ended.code === 0 ? '' : ended.stderr]).toEqual([0, '']);
    };
    const first = sqlite('life');
    await once(first);
    const held = ids().length;
    expect(held).toBeGreaterThan(500);
    const second = postgres('life_there');
    expect((await copy(first, second)).code).toBe(0);
    const daemon = start(['run', '-c', second], { env: env() });
    // The last line may be half of one while it is written.
    const lines = (): number =>
      readFileSync(join(folder.path, 'out', 'audit.ndjson'), 'utf8').split('\n').length;
    await until('more events', () => lines() > held + 20);
    daemon.child.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
    const third = sqlite('life_back');
    const back = await copy(second, third);
    expect([back.code, back.code === 0 ? '' : back.stderr]).toEqual([0, '']);
    await once(third);
    const { lost, repeated } = tally(await platform.ids(Date.now() - 15_000), ids());
    expect({ lost, repeated }).toEqual({ lost: 0, repeated: 0 });
    const verified = await run(['verify', '-c', third, '--from', '1d', '--to', 'now', '--json'], {
      env: env(),
    });
    expect([verified.code, (JSON.parse(verified.stdout) as { verdict: string }).verdict]).toEqual([
      0,
      'complete',
    ]);
  }, 120_000);
});
