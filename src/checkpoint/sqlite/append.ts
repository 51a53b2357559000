import type { Harvest } from '../../sources/source.ts';
import { oneLine } from '../../model/errors.ts';
import { bytes, integer, type Row } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import type { Appended, Journal } from '../journal.ts';
import { newDraft } from '../pages.ts';
import { newTally, recorder } from '../recorder.ts';
import type { Tip } from '../recorder.ts';
import { movedFinding, sharedFinding } from '../tally.ts';
import { idTable } from './identity.ts';
import { pageWriter } from './pages.ts';
import type { PageReader } from './pages.ts';
import type { Places } from './places.ts';
import type { Store } from './store.ts';

/** The other tables that a harvest touches; each function runs inside the transaction of `append`. */
export interface HarvestWriters {
  readonly malformed: (source: string, item: Harvest['malformed'][number], at: string) => void;
  /** Told what could be read: dead letters of the same items are removed. */
  readonly readable: (source: string, events: Harvest['events']) => void;
  readonly cover: (source: string, coverage: Harvest['coverage'][number], at: string) => void;
  readonly find: (source: string, finding: Harvest['findings'][number], at: string) => void;
  /** Called after the commit when events were added. */
  readonly appended: (headSeq: bigint) => void;
}

/** The tip of the chain, with what its pages are written with. */
interface SqliteTip extends Tip {
  readonly at: string;
  /** Events up to here were pruned. */
  readonly anchorSeq: bigint;
  hash: Buffer;
}

export function appending(
  store: Store,
  pages: PageReader,
  places: Places,
  writers: HarvestWriters,
): Pick<Journal, 'append' | 'progress'> {
  const writePage = pageWriter(store, pages);
  const record = recorder(idTable(store, places), (tip) => close(tip as SqliteTip));
  const readHead = store.prepare('SELECT anchor_seq, head_seq, head_hash FROM chain');
  const writeHead = store.prepare('UPDATE chain SET head_seq = ?, head_hash = ?');
  const readProgress = store.prepare('SELECT value FROM progress WHERE source = ?');
  const writeProgress = store.prepare(
    `INSERT INTO progress (source, value, updated_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
  );
  const countType = store.prepare(
    `INSERT INTO event_types (source, event_type, count, first_ns, last_ns) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count,
       first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)`,
  );

  function close(tip: SqliteTip): void {
    const { draft, source, at } = tip;
    if (draft.entries.length > 0) tip.hash = writePage(draft, source, at, tip.hash);
    tip.draft = newDraft(tip.seq + 1n);
  }

  /** The bytes of an event that is in the journal; null when it was pruned or never kept. */
  function held(seq: bigint | null, tip: SqliteTip): string | null {
    if (seq === null || seq <= tip.anchorSeq) return null;
    const page = pages.holding(seq);
    return page === null ? null : pages.event(page, Number(seq - page.firstSeq)).original;
  }

  function commit(
    source: string,
    harvest: Harvest,
    beside: readonly string[],
  ): { appended: Appended; headSeq: bigint } {
    const at = store.timestamp();
    const tip = tipOf(readHead.get(), source, beside, at);
    const tally = newTally();
    for (const event of harvest.events) record(event, tip, tally);
    close(tip);
    places.write(tip.seq);
    if (tally.appended > 0) writeHead.run(tip.seq, tip.hash);
    for (const [type, { count, firstNs, lastNs }] of tally.types) {
      countType.run(source, type, count, firstNs, lastNs);
    }
    for (const item of harvest.malformed) writers.malformed(source, item, at);
    writers.readable(source, harvest.events);
    for (const window of harvest.coverage) writers.cover(source, window, at);
    const findings = [...harvest.findings, ...sharedFinding(tally.shared), ...movedFinding(tally.moved)];
    for (const finding of findings) writers.find(source, finding, at);
    if (harvest.progress !== null) writeProgress.run(source, JSON.stringify(harvest.progress), at);
    const { appended, repeated, filtered } = tally;
    const revised = tally.revised.map((one, index) => ({
      ...one,
      held: held(tally.heldAt[index] ?? null, tip),
    }));
    const malformed = harvest.malformed.length;
    const shared = tally.shared.length;
    return { appended: { appended, repeated, filtered, malformed, revised, shared }, headSeq: tip.seq };
  }

  function committed(...harvested: Parameters<typeof commit>): ReturnType<typeof commit> {
    try {
      return store.write(() => commit(...harvested));
    } catch (error) {
      places.forget();
      throw error;
    }
  }

  return {
    append: async (source, harvest, beside = []) => {
      store.writerOnly('append events');
      const { appended, headSeq } = committed(source, harvest, beside);
      if (appended.appended > 0) writers.appended(headSeq);
      return appended;
    },
    progress: async (source) => {
      const row = store.read(() => readProgress.get(source));
      if (row === undefined) return null;
      try {
        return JSON.parse(String(row['value'])) as Harvest['progress'];
      } catch (error) {
        throw corrupt(`the progress of source ${oneLine(source)} in ${store.path} is not JSON`, error);
      }
    },
  };
}

function tipOf(row: Row | undefined, source: string, beside: readonly string[], at: string): SqliteTip {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  const seq = integer(row, 'head_seq');
  const anchorSeq = integer(row, 'anchor_seq');
  return { source, beside, at, anchorSeq, seq, hash: bytes(row, 'head_hash'), draft: newDraft(seq + 1n) };
}
