import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { expect, it } from 'vitest';

import { describe as inWords } from '../../../src/model/errors.ts';
import { LIMIT_BYTES, harvest, manualClock, newEvents } from '../../contract/journal.ts';
import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { stateDirectories } from './state-directory.ts';
import type { StateDirectory } from './state-directory.ts';

const freshDirectory = stateDirectories();
const PAGE_BYTES = 8192;
const FLIPS_PER_KIND = 5;

/** A journal with something in every table, some of it pruned, closed again. */
async function fill({ dir }: StateDirectory): Promise<void> {
  const journal = await openJournal({ dir, maxBytes: LIMIT_BYTES, clock: manualClock(), access: 'writer' });
  for (let round = 0; round < 3; round += 1) {
    const startNs = BigInt(round) * 10n ** 14n;
    await journal.append('platform', {
      ...harvest(newEvents(1 + round * 60, (round + 1) * 60)),
      progress: { frontier: String(round) },
      coverage: [{ startNs, endNs: startNs + 10n ** 12n, status: 'read', serverCount: 60 }],
    });
  }
  const events = await journal.read(0n, { maxEvents: 5, maxBytes: 1e6 });
  await journal.moveCursor(
    'splunk',
    5n,
    events.map((event) => ({ event, reason: 'refused', attempts: 1 })),
  );
  await journal.keepSegment('splunk', { first: 1 });
  await journal.addFindings('platform', [{ kind: 'late_event', summary: 'late' }]);
  await journal.addJob('backfill', { source: 'platform' });
  await journal.moveCursor('splunk', 65n, []);
  await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
  await journal.close();
}

/** What the file says, all of it, but for the counters of ids, of which any that is not too low is as good. */
function contentOf(file: string): string {
  const db = new DatabaseSync(file, { readOnly: true, readBigInts: true });
  try {
    const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).all();
    return JSON.stringify(
      tables
        .map(({ name }) => String(name))
        .filter((name) => name !== 'sqlite_sequence')
        .map((name) =>
          db
            .prepare(`SELECT * FROM ${name}`)
            .all()
            .map((row) =>
              Object.values(row).map((one) =>
                one instanceof Uint8Array ? Buffer.from(one).toString('hex') : String(one),
              ),
            ),
        ),
    );
  } finally {
    db.close();
  }
}

/** Why the journal is not sound; null when nothing is found. */
async function findingOf({ dir }: StateDirectory): Promise<string | null> {
  try {
    const journal = await openJournal({ dir, maxBytes: LIMIT_BYTES, clock: manualClock(), access: 'guest' });
    try {
      const report = await journal.verifyChain(new AbortController().signal);
      return report.intact ? null : (report.damage[0] ?? report.brokenAt?.reason ?? 'broken');
    } finally {
      await journal.close();
    }
  } catch (error) {
    return inWords(error);
  }
}

it('a flipped bit is found wherever it changes what the journal says', async () => {
  const state = freshDirectory();
  await fill(state);
  const file = state.file('journal.db');
  const whole = readFileSync(file);
  const content = contentOf(file);
  const db = new DatabaseSync(file, { readOnly: true });
  const pages = db.prepare('SELECT pageno, name, unused FROM dbstat').all();
  db.close();
  let seed = 7;
  const below = (limit: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % limit;
  };
  const byKind = Map.groupBy(pages, ({ name }) => String(name));
  // Every table and index, those of SQLite itself included.
  expect(byKind.size).toBeGreaterThanOrEqual(20);
  const found = new Map<string, number>();
  for (const [kind, its] of byKind) {
    for (let flip = 0; flip < FLIPS_PER_KIND; flip += 1) {
      const page = its[below(its.length)];
      // What a page holds stands at its end, its head at its beginning; between them nothing does.
      const used = PAGE_BYTES - Number(page?.['unused'] ?? 0);
      const within = flip % 4 === 0 ? below(12) : PAGE_BYTES - 1 - below(Math.max(1, used - 12));
      const at = (Number(page?.['pageno']) - 1) * PAGE_BYTES + within;
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << below(8)), at);
      writeFileSync(file, damaged);
      const finding = await findingOf(state);
      if (finding !== null) found.set(kind, (found.get(kind) ?? 0) + 1);
      else expect(contentOf(file), `${kind}, byte ${within} of its page`).toBe(content);
    }
  }
  for (const kind of byKind.keys()) {
    if (kind !== 'sqlite_sequence') expect(found.get(kind) ?? 0, kind).toBeGreaterThanOrEqual(1);
  }
  writeFileSync(file, whole);
  expect(await findingOf(state)).toBeNull();
}, 60_000);
