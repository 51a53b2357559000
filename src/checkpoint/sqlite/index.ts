import type { DatabaseSync } from 'node:sqlite';

import type { Clock } from '../../model/clock.ts';
import { givingWay } from '../../model/turns.ts';
import type { Journal } from '../journal.ts';
import { appending } from './append.ts';
import { chain } from './chain.ts';
import { integer, text } from '../columns.ts';
import { coverage } from './coverage.ts';
import { deadLetters } from './deadletters.ts';
import {
  checkIdentity,
  closeToOthers,
  directoryFault,
  prepareDirectory,
  refuseMissing,
  rememberIdentity,
} from './directory.ts';
import { events } from './events.ts';
import { corrupt } from '../corrupt.ts';
import { findings } from './findings.ts';
import { headNote } from './head-note.ts';
import { soleHolder } from './sole-holder.ts';
import { ids } from './ids.ts';
import { jobs } from './jobs.ts';
import { takeLock } from './lock.ts';
import { openDatabase } from './open.ts';
import { byLooking, byWord } from './news-file.ts';
import { pageReader } from './pages.ts';
import { places } from './places.ts';
import { segments } from './segments.ts';
import { createStore, type Store } from './store.ts';
import { refuseUnfinished } from './transfer.ts';
import { upkeep } from './upkeep.ts';

export interface JournalOptions {
  /** The state directory; a writer makes it. */
  readonly dir: string;
  /** Reported by `size` as the limit; the caller of `append` checks it first. Bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /**
   * A writer holds the directory's lock until it is closed. A guest works beside a running writer: it reads everything, and
   * writes only what commands do (dead letters, jobs, findings); append, moveCursor and prune are refused.
   */
  readonly access: 'writer' | 'guest';
  readonly onWarn?: (message: string) => void;
  /** How often to look whether another process wrote; a second when absent. Milliseconds. */
  readonly lookEveryMs?: number;
  /** Whether a writer hears of that at once, where the file system tells, and hardly has to look. */
  readonly heedsWord?: boolean;
}

/**
 * Opens the journal in SQLite. Errors: `config` when the directory is in use, cannot be used or holds something else;
 * `corrupt` when the journal that was made here is missing or fails its checks; `transient` when the disk is full.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dir, access, clock } = options;
  const files = prepareDirectory(dir, access);
  refuseMissing(files, dir, access);
  const releases: (() => void)[] = [];
  try {
    if (access === 'writer') releases.push(takeLock(dir, clock).release);
    const db = openDatabase(files.journal, files.walPath, access);
    releases.push(() => db.close());
    refuseUnfinished(db, files.journal);
    const installationId = readInstallationId(db);
    checkIdentity(files, dir, installationId);
    if (access === 'writer' && files.expectedId === null) rememberIdentity(dir, installationId);
    if (access === 'writer') closeToOthers(files.journal, options.onWarn ?? (() => undefined));
    const heedsWord = access === 'writer' && options.heedsWord === true;
    const news = heedsWord ? byWord(dir, clock.now()) : byLooking(options.lookEveryMs);
    releases.push(() => news.close());
    const store = createStore(db, files.journal, clock, access, news);
    const note = access === 'writer' ? headNote(dir, clock) : null;
    const older = note?.warningFor(headOf(db)) ?? null;
    if (older !== null) options.onWarn?.(older);
    note?.note(headOf(db));
    releases.push(() => note?.close());
    return journalOn(store, options.maxBytes, installationId, () => releaseAll(releases), note?.note);
  } catch (error) {
    releaseAll(releases);
    throw directoryFault(dir, error);
  }
}

/** The journal over an open store; `release` is called by every close and lets go of what was taken. */
export function journalOn(
  store: Store,
  maxBytes: number,
  installationId: string,
  release: () => void,
  onHead: (headSeq: bigint) => void = () => {},
): Journal {
  const kept = segments(store);
  const letters = deadLetters(store, () => log.told(), kept.keep);
  const spans = coverage(store);
  const noted = findings(store);
  const pages = pageReader(store);
  const whereabouts = places(store);
  const log = events(store, pages, {
    reject: letters.reject,
    find: noted.find,
    keep: kept.keep,
    kept: kept.kept,
  });
  const { held, ...known } = ids(store);
  const methods = {
    ...appending(store, pages, whereabouts, {
      malformed: letters.malformed,
      readable: letters.readable,
      cover: spans.cover,
      find: noted.find,
      appended: (headSeq) => {
        onHead(headSeq);
        log.appended();
      },
    }),
    ...log.methods,
    ...letters.methods,
    ...spans.methods,
    ...noted.methods,
    ...kept.methods,
    ...known,
    ...jobs(store, log.told),
    ...upkeep(store, whereabouts, maxBytes),
    ...chain(store),
  };
  return {
    ...inTurns(methods, store.clock),
    ...soleHolder,
    held,
    installationId,
    close: async () => {
      log.wakeAll();
      release();
    },
  };
}

/**
 * SQLite answers at once, so a loop over the journal that waits for nothing else would never let a request, a timer or a
 * signal have its turn. Every loop of the program asks the journal each time it goes round: here each of them gives way.
 */
function inTurns<T extends object>(methods: T, clock: Clock): T {
  const giveWay = givingWay(clock);
  const each = Object.entries(methods as Record<string, (...args: unknown[]) => unknown>);
  const paced = each.map(([name, method]) => [
    name,
    (...args: unknown[]) => giveWay()?.then(() => method(...args)) ?? method(...args),
  ]);
  return Object.fromEntries(paced) as T;
}

function headOf(db: DatabaseSync): bigint {
  return integer(db.prepare('SELECT head_seq FROM chain').get() ?? {}, 'head_seq');
}

function readInstallationId(db: DatabaseSync): string {
  const row = db.prepare(`SELECT value FROM meta WHERE key = 'installation_id'`).get();
  if (row === undefined) throw corrupt('the journal has lost its installation id');
  return text(row, 'value');
}

/** In reverse order of taking: the lock goes last. Each is let go of once. */
function releaseAll(releases: (() => void)[]): void {
  for (let release = releases.pop(); release !== undefined; release = releases.pop()) release();
}
