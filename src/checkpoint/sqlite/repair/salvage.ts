import { randomUUID } from 'node:crypto';

import type { Clock } from '../../../model/clock.ts';
import type { Window } from '../../../model/event.ts';
import { zonesApart } from '../../../model/moved-time.ts';
import { NS_PER_SECOND } from '../../../model/time.ts';
import { createdNsOf, integer, secondOf, text, type Row } from '../../columns.ts';
import { remainders, spanOf } from '../../coverage.ts';
import { pageHash } from '../../hash.ts';
import { bodyOf } from '../../pages.ts';
import { typeHashOf } from '../../recorder.ts';
import type { IdTable } from '../../recorder.ts';
import { COUNTED_TABLES, INSTALLATION_ID, OWN_KEYS } from '../../transfer.ts';
import type { Blank, TableName } from '../../transfer.ts';
import { chainState } from '../../walk.ts';
import type { ChainState } from '../../walk.ts';
import { idOf, knownIds } from '../identity.ts';
import type { Store } from '../store.ts';
import { findingsFor, jobsFor, lostLetter } from './aftermath.ts';
import type { LostLetter } from './aftermath.ts';
import { wholeRows } from './damaged.ts';
import type { DamagedFile } from './damaged.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { addInstant, gapsIn, planReread } from './reread.ts';
import type { Reread } from './reread.ts';
import type { WholePage } from './whole-pages.ts';

/** What became of the parts of a damaged journal. */
export interface Salvaged {
  readonly installationId: string;
  /** Events that are kept, and those that should be there and are not whole. */
  readonly events: number;
  readonly lostEvents: number;
  /** Rows that are kept, by table. */
  readonly kept: Readonly<Record<string, number>>;
  /** Rows that do not match their checksum, and stretches that cannot be read, by table. */
  readonly lost: Readonly<Record<string, number>>;
  /** Events got new places in a new chain, since the old one has holes. */
  readonly renumbered: boolean;
  readonly reread: ReadonlyMap<string, Reread>;
  readonly deadLetters: readonly LostLetter[];
}

export interface SalvageOptions {
  readonly clock: Clock;
  /** For each source of the configuration, how far back its Platform shows events. Milliseconds. */
  readonly horizons: ReadonlyMap<string, number>;
  /** The type of an event, from its bytes. */
  readonly eventTypeOf: (original: string) => string;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/** The two journals, and what is noted on the way from one to the other. */
interface Bench extends SalvageOptions {
  readonly target: Blank & { readonly store: Store };
  readonly kept: Record<string, number>;
  readonly lost: Record<string, number>;
  readonly damagedLetters: (Row | null)[];
  /** Rows that match their checksum. */
  rows(table: Exclude<TableName, 'pages'> | 'chain'): Iterable<Row>;
  write(table: TableName, rows: Iterable<Row>): Promise<void>;
}

const BATCH_ROWS = 1_000;
const LARGE_ROWS = 4;
const LARGE: readonly TableName[] = ['pages', 'dead_letters'];

/**
 * Brings what is whole of a damaged file into a new journal, and leaves jobs there that read the rest again. `expectedId` is the
 * installation id that stands beside the journal.
 */
export async function salvage(
  file: DamagedFile,
  target: Blank & { readonly store: Store },
  expectedId: string | null,
  options: SalvageOptions,
): Promise<Salvaged> {
  const bench = benchFor(file, target, options);
  const meta = new Map([...bench.rows('meta')].map((row) => [text(row, 'key'), text(row, 'value')]));
  const installationId = meta.get(INSTALLATION_ID) ?? expectedId ?? randomUUID();
  const [chainRow] = [...bench.rows('chain')];
  const old = chainRow === undefined ? null : chainState(chainRow);
  const known = { installationId, receipts: meta.get('pruned_by_day') };
  const layout = layoutOf(file, old, known, (seq) => {
    options.signal.throwIfAborted();
    options.tell(`looking for whole events: up to ${seq}`);
  });
  const lostAt = await keepIds(bench, layout);
  const ends = await keepPages(bench, layout, old);
  await keepCursors(bench, layout, ends.anchorSeq);
  for (const table of ['progress', 'event_types'] as const) await bench.write(table, bench.rows(table));
  await bench.write('dead_letters', withPlaces(bench.rows('dead_letters'), layout));
  // A needless search for shared ids only takes time.
  if (bench.lost['meta'] !== undefined) meta.set('shared_ids', '1');
  const kept = [...meta].filter(([key]) => !OWN_KEYS.includes(key));
  await bench.write(
    'meta',
    kept.map(([key, value]) => ({ key, value })),
  );
  const reread = await keepCoverage(bench, lostAt);
  const nowNs = nowOf(options.clock);
  const oldest = new Map([...options.horizons].map(([name, ms]) => [name, nowNs - nsOf(ms)]));
  const deadLetters = bench.damagedLetters.map((row) => lostLetter(row, oldest));
  const counters = await keepCounted(bench, file, reread, deadLetters);
  await target.writeState({ installationId, chain: ends, counters });
  return {
    installationId,
    events: Number(ends.headSeq - ends.anchorSeq),
    lostEvents: Number(layout.lostEvents),
    kept: bench.kept,
    lost: bench.lost,
    renumbered: layout.renumbered,
    reread,
    deadLetters,
  };
}

function benchFor(file: DamagedFile, target: Bench['target'], options: SalvageOptions): Bench {
  const kept: Bench['kept'] = {};
  const lost: Bench['lost'] = {};
  const damagedLetters: Bench['damagedLetters'] = [];
  return {
    ...options,
    target,
    kept,
    lost,
    damagedLetters,
    rows: (table) =>
      wholeRows(file, table, (row) => {
        lost[table] = (lost[table] ?? 0) + 1;
        if (table === 'dead_letters') damagedLetters.push(row);
      }),
    write: async (table, rows) => {
      let batch: Row[] = [];
      let written = kept[table] ?? 0;
      const flush = async (): Promise<void> => {
        options.signal.throwIfAborted();
        if (batch.length > 0) await target.write(table, batch);
        written += batch.length;
        batch = [];
        kept[table] = written;
        options.tell(`keeping ${table}: ${written.toLocaleString('en-US')} rows`);
      };
      for (const row of rows) {
        batch.push(row);
        if (batch.length >= (LARGE.includes(table) ? LARGE_ROWS : BATCH_ROWS)) await flush();
      }
      await flush();
    },
  };
}

/** All but those of lost events, which are new when they are read again. Returns when these were created, by source. */
async function keepIds(bench: Bench, layout: Layout): Promise<Map<string, Window[]>> {
  const lostAt = new Map<string, { startNs: bigint; endNs: bigint }[]>();
  const { anchorSeq, headSeq, isWhole, placeOf } = layout;
  let timed = 0n;
  let ofWhole = 0n;
  function* known(): Iterable<Row> {
    for (const row of bench.rows('ids')) {
      const [id, seq] = [idOf(row), row['seq']];
      if (typeof seq !== 'bigint' || seq <= anchorSeq) yield { ...row, id };
      else if (isWhole(seq)) {
        ofWhole += 1n;
        yield { ...row, id, seq: placeOf(seq) };
      } else {
        if (seq <= headSeq) timed += 1n;
        const source = text(row, 'source');
        const windows = lostAt.get(source) ?? [];
        addInstant(windows, createdNsOf(row));
        lostAt.set(source, windows);
      }
    }
  }
  await bench.write('ids', known());
  if (ofWhole !== layout.wholeEvents) bench.lost['ids'] ??= 1;
  // Of some of the lost events nothing tells any more when they were: all that the Platform shows is read again.
  if (timed < layout.lostEvents)
    for (const source of bench.horizons.keys()) lostAt.set(source, [await everything(bench, source, [])]);
  return lostAt;
}

/** The events, in a chain without holes, and with their ids. Returns the ends of the chain. */
async function keepPages(bench: Bench, layout: Layout, old: ChainState | null): Promise<ChainState> {
  const { renumbered, placeOf, removedSeq, removedHash, anchorSeq, headSeq } = layout;
  const known = knownIds(bench.target.store);
  let hash = removedHash;
  for (const whole of layout.pages()) {
    const { row, page } = whole;
    const firstSeq = placeOf(page.firstSeq);
    hash = renumbered ? pageHash(hash, { ...page, firstSeq }) : page.hash;
    const place = { first_seq: firstSeq, last_seq: placeOf(page.lastSeq), hash: Uint8Array.from(hash) };
    await bench.write('pages', [{ ...row, ...place }]);
    if (bench.lost['ids'] !== undefined)
      await bench.write('ids', missingIds(whole, layout, known, bench.eventTypeOf));
  }
  if (old !== null && !renumbered) return old;
  return {
    removedSeq,
    removedHash,
    anchorSeq: placeOf(anchorSeq),
    headSeq: placeOf(headSeq),
    headHash: hash,
  };
}

/** Rows of the list of known ids for events of a page that it lacks. */
function* missingIds(
  { page, body }: WholePage,
  { anchorSeq, placeOf }: Layout,
  known: Pick<IdTable, 'find'>,
  eventTypeOf: SalvageOptions['eventTypeOf'],
): Iterable<Row> {
  const { source } = page;
  for (const [index, { id, createdNs, bodyHash }] of page.entries.entries()) {
    const seq = page.firstSeq + BigInt(index);
    if (seq <= anchorSeq) continue;
    const times = [createdNs, ...[...zonesApart()].map((apartNs) => createdNs + apartNs)];
    const isKnown = times.some((ns) => known.find(source, secondOf(ns), id)?.seq === placeOf(seq));
    if (isKnown) continue;
    const second = secondOf(createdNs);
    const type_hash = typeHashOf(eventTypeOf(bodyOf(page, body, index).toString('utf8')));
    yield {
      ...{ source, second, id, ns: createdNs - second * NS_PER_SECOND },
      body_hash: Uint8Array.from(bodyHash),
      type_hash: Uint8Array.from(type_hash),
      seq: placeOf(seq),
    };
  }
}

/** Each stays behind the same events. One that is lost, or that is ahead of everything, is not kept: its sink begins anew. */
async function keepCursors(bench: Bench, layout: Layout, newAnchorSeq: bigint): Promise<void> {
  const { renumbered, anchorSeq, headSeq, placeOf } = layout;
  const place = (seq: bigint): bigint => {
    if (!renumbered) return seq;
    if (seq >= anchorSeq) return placeOf(seq);
    const behind = newAnchorSeq - (anchorSeq - seq); // so many were pruned before this sink had them
    return behind > 0n ? behind : 0n;
  };
  function* cursors(): Iterable<Row> {
    for (const row of bench.rows('cursors')) {
      const seq = integer(row, 'seq');
      if (seq <= headSeq) yield { ...row, seq: place(seq) };
      else bench.lost['cursors'] = (bench.lost['cursors'] ?? 0) + 1;
    }
  }
  await bench.write('cursors', cursors());
}

function* withPlaces(rows: Iterable<Row>, { anchorSeq, isWhole, placeOf }: Layout): Iterable<Row> {
  for (const row of rows) {
    const seq = row['seq'];
    yield typeof seq === 'bigint' && seq > anchorSeq && isWhole(seq) ? { ...row, seq: placeOf(seq) } : row;
  }
}

/** What is to be read again is a gap until then. Returns what that is, by source. */
async function keepCoverage(
  bench: Bench,
  lostAt: ReadonlyMap<string, readonly Window[]>,
): Promise<Map<string, Reread>> {
  const { horizons, lost, clock } = bench;
  const nowNs = nowOf(clock);
  const rows = [...bench.rows('coverage')];
  const readProgress = bench.target.store.prepare('SELECT 1 FROM progress WHERE source = ?');
  const reread = new Map<string, Reread>();
  for (const [source, horizonMs] of horizons) {
    const spans = rows.filter((row) => text(row, 'source') === source).map(spanOf);
    const all = await everything(bench, source, spans);
    const windows = [...(lostAt.get(source) ?? [])];
    if (lost['progress'] !== undefined && readProgress.get(source) === undefined) windows.push(all);
    else if (lost['coverage'] !== undefined) windows.push(...gapsIn(spans, all.startNs, nowNs));
    reread.set(source, planReread(windows, nowNs - nsOf(horizonMs)));
  }
  await bench.write(
    'coverage',
    rows.flatMap((row) => {
      const { again = [], never = [] } = reread.get(text(row, 'source')) ?? {};
      let spans = [spanOf(row)];
      for (const gap of [...again, ...never]) spans = spans.flatMap((span) => [...remainders(span, gap)]);
      return spans.map(({ startNs, endNs, serverCount }) => ({
        ...row,
        ...{
          start_ns: startNs,
          end_ns: endNs,
          server_count: serverCount === null ? null : BigInt(serverCount),
        },
      }));
    }),
  );
  return reread;
}

/** From the first event that is known of a source, or the first time that was read, until now. */
async function everything(
  { target, horizons, clock }: Bench,
  source: string,
  spans: readonly Window[],
): Promise<Window> {
  const row = target.store.prepare('SELECT min(second) AS second FROM ids WHERE source = ?').get(source);
  const endNs = nowOf(clock);
  const starts = spans.map(({ startNs }) => startNs);
  if (typeof row?.['second'] === 'bigint') starts.push(row['second'] * NS_PER_SECOND);
  const horizonNs = endNs - nsOf(horizons.get(source) ?? 0);
  const startNs = starts.reduce((one, other) => (one < other ? one : other), starts[0] ?? horizonNs);
  return { startNs, endNs };
}

/** Jobs and findings, those that were there and those that say what is lost. Returns the last ids given. */
async function keepCounted(
  bench: Bench,
  file: DamagedFile,
  reread: ReadonlyMap<string, Reread>,
  letters: readonly LostLetter[],
): Promise<Record<(typeof COUNTED_TABLES)[number], bigint>> {
  const at = new Date(bench.clock.now()).toISOString();
  await bench.write('jobs', bench.rows('jobs'));
  await bench.write('findings', bench.rows('findings'));
  const last = Object.fromEntries(COUNTED_TABLES.map((table) => [table, lastId(bench, file, table)]));
  const jobs = jobsFor(reread, letters, last['jobs'] ?? 0n, at);
  const findings = findingsFor(reread, letters, last['findings'] ?? 0n, at);
  await bench.write('jobs', jobs);
  await bench.write('findings', findings);
  return {
    dead_letters: last['dead_letters'] ?? 0n,
    findings: (last['findings'] ?? 0n) + BigInt(findings.length),
    jobs: (last['jobs'] ?? 0n) + BigInt(jobs.length),
  };
}

/** The greatest id that was ever given, as far as anything tells. */
function lastId({ target }: Bench, file: DamagedFile, table: string): bigint {
  const kept = target.store.prepare(`SELECT coalesce(max(id), 0) AS id FROM ${table}`).get();
  const least = integer(kept ?? {}, 'id');
  try {
    const row = file.db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(table);
    const seq = row?.['seq'];
    return typeof seq === 'bigint' && seq > least && seq < ID_MOST ? seq : least;
  } catch {
    return least; // it cannot be read
  }
}

/** Nobody gives so many ids: a greater counter was changed. */
const ID_MOST = 2n ** 53n;

function nsOf(ms: number): bigint {
  return BigInt(ms) * 1_000_000n;
}

function nowOf(clock: Clock): bigint {
  return nsOf(clock.now());
}
