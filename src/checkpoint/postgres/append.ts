import type { Harvest } from '../../sources/source.ts';
import type { Json } from '../../model/event.ts';
import { bytes, integer, json } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import type { Appended, Journal } from '../journal.ts';
import { newDraft } from '../pages.ts';
import type { Draft } from '../pages.ts';
import { newTally, recorder } from '../recorder.ts';
import type { Tally, Tip } from '../recorder.ts';
import { movedFinding, sharedFinding } from '../tally.ts';
import type { HeadWatch } from './ends.ts';
import { loadIds } from './ids.ts';
import { writePages } from './pages.ts';
import type { PageReader } from './pages.ts';
import type { Db, Store } from './store.ts';

/** The other tables that a harvest touches; each function runs inside the transaction of `append`. */
export interface HarvestWriters {
  readonly malformed: (db: Db, source: string, items: Harvest['malformed'], at: string) => Promise<void>;
  /** Told what could be read: dead letters of the same items are removed. */
  readonly readable: (db: Db, source: string, events: Harvest['events']) => Promise<void>;
  readonly cover: (db: Db, source: string, coverage: Harvest['coverage'], at: string) => Promise<void>;
  readonly find: (db: Db, source: string, findings: Harvest['findings'], at: string) => Promise<void>;
  /** Called after the commit when events were added. */
  readonly appended: (headSeq: bigint, events: number) => void;
  /** Told the head as each append finds it, and as it leaves it. */
  readonly watch: HeadWatch;
}

export function appending(
  store: Store,
  pages: PageReader,
  writers: HarvestWriters,
): Pick<Journal, 'append' | 'progress'> {
  /** Appends new events. The lock on the head row allows one append at a time. Returns the new head. */
  async function appendEvents(
    db: Db,
    source: string,
    events: Harvest['events'],
    beside: readonly string[],
    at: string,
    tally: Tally,
  ): Promise<bigint> {
    const [head] = await db.all('SELECT seq, hash FROM head FOR UPDATE');
    if (head === undefined) throw corrupt('the journal has lost the state of its chain');
    const seq = integer(head, 'seq');
    writers.watch.locked(seq);
    const table = await loadIds(db, source, events);
    const drafts: Draft[] = [];
    const tip: Tip = { source, beside, seq, draft: newDraft(seq + 1n) };
    const close = (full: Tip): void => {
      if (full.draft.entries.length > 0) drafts.push(full.draft);
      full.draft = newDraft(full.seq + 1n);
    };
    const record = recorder(table, close);
    for (const event of events) record(event, tip, tally);
    close(tip);
    const [written] = await Promise.all([
      writePages(db, drafts, source, at, bytes(head, 'hash')),
      table.write(db),
    ]);
    if (drafts.length > 0)
      await db.run(
        'UPDATE head SET seq = $1, hash = $2, bytes = bytes + $3',
        tip.seq,
        written.hash,
        written.bytes,
      );
    return tip.seq;
  }

  async function countTypes(db: Db, source: string, { types }: Tally): Promise<void> {
    const each = [...types].map(([type, { count, firstNs, lastNs }]) =>
      db.run(
        `INSERT INTO event_types AS known VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (source, event_type) DO UPDATE SET count = known.count + excluded.count,
           first_ns = least(known.first_ns, excluded.first_ns), last_ns = greatest(known.last_ns, excluded.last_ns)`,
        ...[source, type, count, firstNs, lastNs],
      ),
    );
    await Promise.all(each);
  }

  /** The bytes held of each revised event; null when it was pruned or never kept. */
  async function revisions(db: Db, { revised, heldAt }: Tally): Promise<Appended['revised']> {
    if (revised.length === 0) return [];
    const [anchor] = await db.all('SELECT seq FROM anchor');
    const anchorSeq = integer(anchor ?? {}, 'seq');
    const all: Appended['revised'][number][] = [];
    for (const [index, one] of revised.entries()) {
      const seq = heldAt[index] ?? null;
      const page = seq === null || seq <= anchorSeq ? null : await pages.holding(db, seq);
      const held =
        page === null || seq === null ? null : await pages.event(db, page, Number(seq - page.firstSeq));
      all.push({ ...one, held: held?.original ?? null });
    }
    return all;
  }

  async function commit(
    db: Db,
    source: string,
    harvest: Harvest,
    beside: readonly string[],
  ): Promise<{ appended: Appended; headSeq: bigint | null }> {
    const at = store.timestamp();
    const tally = newTally();
    const { events, malformed, coverage } = harvest;
    const headSeq = events.length === 0 ? null : await appendEvents(db, source, events, beside, at, tally);
    const findings = [...harvest.findings, ...sharedFinding(tally.shared), ...movedFinding(tally.moved)];
    const [, , , , revised] = await Promise.all([
      countTypes(db, source, tally),
      writers.malformed(db, source, malformed, at).then(() => writers.readable(db, source, events)),
      writers.cover(db, source, coverage, at),
      writers.find(db, source, findings, at),
      revisions(db, tally),
      harvest.progress === null ? null : saveProgress(db, source, harvest.progress, at),
    ]);
    const { appended, repeated, filtered } = tally;
    const counts = { malformed: malformed.length, shared: tally.shared.length };
    return { appended: { appended, repeated, filtered, revised, ...counts }, headSeq };
  }

  return {
    append: async (source, harvest, beside = []) => {
      store.onDuty('append events', `source:${source}`, 'job:');
      const { appended, headSeq } = await store.write((db) => commit(db, source, harvest, beside));
      if (headSeq !== null) writers.watch.committed(headSeq);
      if (appended.appended > 0 && headSeq !== null) writers.appended(headSeq, appended.appended);
      return appended;
    },
    progress: (source) =>
      store.read(async (db) => {
        const [row] = await db.all('SELECT value FROM progress WHERE source = $1', source);
        return row === undefined ? null : json(row, 'value');
      }),
  };
}

function saveProgress(db: Db, source: string, progress: Json, at: string): Promise<number> {
  return db.run(
    `INSERT INTO progress VALUES ($1, $2, $3)
     ON CONFLICT (source) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
    ...[source, JSON.stringify(progress), at],
  );
}
