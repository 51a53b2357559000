import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { canMount, makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';
import { readNdjsonIds, tally } from './receivers.ts';

const KEY = 'a-key-for-the-test';
const PAGE_BYTES = 8192;
const LIMIT_MS = 120_000;
const env = { KEY };
let folder: Folder;
let platform: SimulatedPlatform;

beforeAll(async () => {
  platform = await startPlatform(['--history', '1h', '--rate', '60', '--api-key', KEY]);
});
afterAll(() => platform.stop());
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

const database = (): string => join(folder.path, 'state', 'journal.db');
const output = (): string => join(folder.path, 'out', 'audit.ndjson');
const delivered = (): string[] => readNdjsonIds(output());
/** While a daemon writes: the last line may be half of one. */
const lines = (): number => (existsSync(output()) ? readFileSync(output(), 'utf8').split('\n').length : 0);

function configure(listen = '"off"'): string {
  return folder.write(
    'auditferry.yaml',
    `state: { dir: ./state }
admin: { listen: ${listen} }
sources:
  platform: { type: cloudquery, url: "${platform.url}", api_key: "\${KEY}", start: 1d, poll_interval: 1s, rate_limit: { requests_per_second: 50 } }
sinks:
  file: { type: file, path: ./out/audit.ndjson }
`,
  );
}

const once = (file: string) => run(['run', '-c', file, '--once', '--patience', '30s'], { env });
const repair = (file: string) => run(['journal', 'repair', '-c', file, '--json'], { env });

/** Nothing is lost, and `verify` says so. Returns how many events were delivered more than once. */
async function expectComplete(file: string): Promise<number> {
  const ended = await once(file);
  expect([ended.code, ended.code === 0 ? '' : ended.stderr]).toEqual([0, '']);
  const { lost, repeated } = tally(await platform.ids(Date.now() - 15_000), delivered());
  expect(lost).toBe(0);
  const verified = await run(['verify', '-c', file, '--from', '1d', '--json'], { env });
  expect([verified.code, (JSON.parse(verified.stdout) as { summary: string }).summary]).toEqual([
    0,
    expect.stringMatching(/^complete/),
  ]);
  return repeated;
}

function pagesOf(name: string): number[] {
  const db = new DatabaseSync(database(), { readOnly: true });
  const pages = db.prepare('SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno').all(name);
  db.close();
  return pages.map(({ pageno }) => Number(pageno));
}

describe('a damaged journal', () => {
  it.each([
    ['pages', 'torn'],
    ['ids', 'garbage'],
    ['coverage', 'garbage'],
    ['progress', 'garbage'],
    ['chain', 'torn'],
    ['sqlite_schema', 'garbage'],
  ])(
    'whose table %s is %s is repaired, and the rest is read again',
    async (table, how) => {
      const file = configure();
      expect((await once(file)).code).toBe(0);
      const before = delivered().length;
      const page = pagesOf(table).at(-1) ?? 1;
      const bytes = readFileSync(database());
      const from = (page - 1) * PAGE_BYTES;
      bytes.fill(how === 'torn' ? 0 : 0xa5, how === 'torn' ? from + PAGE_BYTES / 2 : from, from + PAGE_BYTES);
      writeFileSync(database(), bytes);
      const verified = await run(['verify', '-c', file, '--from', '1d', '--json'], { env });
      expect(verified.code).not.toBe(0);
      const repaired = await repair(file);
      expect([repaired.code, repaired.stderr]).toEqual([0, '']);
      const said = JSON.parse(repaired.stdout) as {
        damaged: boolean;
        kept_in: string;
        may_be_repeated: string[];
      };
      expect(said.damaged).toBe(true);
      expect(readdirSync(said.kept_in)).toContain('journal.db');
      const repeated = await expectComplete(file);
      expect(repeated).toBeLessThanOrEqual(before);
      if (said.may_be_repeated.length === 0) expect(repeated).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'is left alone by the daemon, which says what to do, and repaired only while none runs',
    async () => {
      const file = configure();
      const daemon = start(['run', '-c', file], { env });
      await until('the first events', () => existsSync(output()));
      const refused = await repair(file);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('in use by process')]);
      daemon.child.kill('SIGTERM');
      await daemon.ended;
      const db = new DatabaseSync(database());
      db.exec(`UPDATE cursors SET seq = seq - 1`);
      db.close();
      const ended = await once(file);
      expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('auditferry journal repair')]);
      expect((await repair(file)).code).toBe(0);
      expect(await expectComplete(file)).toBeGreaterThan(0); // the cursor was not to be trusted
      const again = await run(['journal', 'repair', '-c', file], { env });
      expect([again.code, again.stdout]).toEqual([
        0,
        expect.stringContaining('is whole: nothing was changed'),
      ]);
    },
    LIMIT_MS,
  );
});

describe('a journal that went back in time', () => {
  it(
    'since its log was lost after a crash: nothing is lost',
    async () => {
      const file = configure();
      expect((await once(file)).code).toBe(0);
      const daemon = start(['run', '-c', file], { env });
      const held = lines();
      await until('more events', () => lines() > held + 10);
      daemon.child.kill('SIGKILL');
      await daemon.ended;
      for (const suffix of ['-wal', '-shm']) rmSync(`${database()}${suffix}`, { force: true });
      const repaired = await repair(file);
      expect([repaired.code, repaired.stderr]).toEqual([0, '']);
      await expectComplete(file);
    },
    LIMIT_MS,
  );

  it(
    'since an older copy was put back: it says so, and what was delivered since comes again under the same ids',
    async () => {
      const file = configure();
      expect((await once(file)).code).toBe(0);
      cpSync(database(), join(folder.path, 'backup.db'));
      const held = delivered().length;
      await until('more events at the Platform', async () => (await platform.ids()).length > held + 5);
      expect((await once(file)).code).toBe(0);
      const since = delivered().length - held;
      expect(since).toBeGreaterThan(0);
      cpSync(join(folder.path, 'backup.db'), database());
      const ended = await once(file);
      expect(ended.code).toBe(0);
      expect(ended.stderr).toContain('an older copy was put back');
      expect(await expectComplete(file)).toBe(since);
    },
    LIMIT_MS,
  );
});

describe.runIf(canMount())('a disk that takes nothing', () => {
  const mount = (): string => join(folder.path, 'state');
  beforeEach(() => {
    mkdirSync(mount());
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mount()]).status).toBe(0);
  });
  afterEach(() => void spawnSync('umount', ['-l', mount()]));

  interface Daemon {
    readonly stderr: () => string;
    readonly ready: () => Promise<number>;
    readonly readyText: () => Promise<string>;
    readonly end: () => Promise<number | null>;
  }

  async function begin(): Promise<Daemon> {
    const file = configure('"127.0.0.1:0"');
    const daemon = start(['run', '-c', file], { env });
    let url = '';
    await until('the listener', () => {
      url =
        /http:\/\/127\.0\.0\.1:\d+(?=")/.exec(
          daemon
            .stderr()
            .split('\n')
            .find((line) => line.includes('the status page')) ?? '',
        )?.[0] ?? '';
      return url !== '';
    });
    const ask = () => fetch(`${url}/readyz`);
    return {
      stderr: () => daemon.stderr(),
      ready: async () => (await ask()).status,
      readyText: async () => (await ask()).text(),
      end: async () => {
        daemon.child.kill('SIGTERM');
        return (await daemon.ended).code;
      },
    };
  }

  it(
    'since it is full: the daemon waits, says so, and goes on without a loss',
    async () => {
      const daemon = await begin();
      await until('the first events', async () => lines() > 1 && (await daemon.ready()) === 200);
      const filler = join(mount(), 'filler');
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']); // until there is no space left
      await until('the daemon to say so', () => daemon.stderr().includes('disk is full'));
      expect(daemon.stderr()).toContain('free space on that file system');
      await until('not to be ready', async () => (await daemon.readyText()).includes('disk is full'));
      rmSync(filler);
      const held = lines();
      await until('events to come again', () => lines() > held);
      await until('to be ready', async () => (await daemon.ready()) === 200);
      expect(await daemon.end()).toBe(0);
      await expectComplete(configure());
    },
    LIMIT_MS,
  );

  it(
    'since it is read-only: the daemon does not start, and says why',
    async () => {
      const file = configure();
      expect((await once(file)).code).toBe(0);
      spawnSync('mount', ['-o', 'remount,ro', mount()]);
      const refused = await once(file);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/read.?only/i);
      expect(refused.stderr.trim().split('\n').length).toBeGreaterThan(1); // with a hint
      spawnSync('mount', ['-o', 'remount,rw', mount()]);
      await expectComplete(file);
    },
    LIMIT_MS,
  );
});
