import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import type { Clock } from '../../../model/clock.ts';
import { describe, ForwardError } from '../../../model/errors.ts';
import { corrupt } from '../../corrupt.ts';
import { chain } from '../chain.ts';
import { openDamaged } from './damaged.ts';
import { directoryFault, prepareDirectory, refuseMissing, syncDirectory } from '../directory.ts';
import type { StateFiles } from '../directory.ts';
import { isBusyFault, journalFault } from '../faults.ts';
import { takeLock } from '../lock.ts';
import { userVersion, MIGRATIONS } from '../migrations.ts';
import { salvage } from './salvage.ts';
import type { SalvageOptions, Salvaged } from './salvage.ts';
import { createStore } from '../store.ts';
import { createBlank, refuseUnfinished } from '../transfer.ts';

export interface RepairOptions extends SalvageOptions {
  readonly dir: string;
}

export interface Repaired extends Salvaged {
  /** What was wrong, in words. */
  readonly damage: readonly string[];
  /** Where the damaged files are now. */
  readonly keptIn: string;
}

const SUFFIXES = ['', '-wal', '-shm'] as const;
const WHAT = 'a journal repair';

/**
 * Makes a whole journal of a damaged one: what is whole goes into a new file, what is not is left to be read again, and the damaged
 * files are kept beside it. Null: nothing is wrong. Throws `config` while a daemon runs, and `corrupt` where nothing can be read.
 */
export async function repairJournal(options: RepairOptions): Promise<Repaired | null> {
  const { dir, clock } = options;
  const files = prepareDirectory(dir, 'guest');
  const { release } = takeLock(dir, clock);
  try {
    const fresh = join(dir, 'journal.db.repaired');
    putInPlace(dir, files, fresh, clock);
    refuseMissing(files, dir, 'guest');
    const damage = await damageOf(files, options);
    if (damage.length === 0) return null;
    for (const suffix of SUFFIXES) rmSync(`${fresh}${suffix}`, { force: true });
    const damaged = openDamaged(files.journal, [...options.horizons.keys()]);
    const made = { journal: fresh, walPath: `${fresh}-wal` };
    const target = createBlank(dir, made, clock, WHAT, () => {});
    let salvaged: Salvaged;
    try {
      salvaged = await salvage(damaged, target, files.expectedId, options);
      const report = await target.verifyChain(options.signal);
      if (!report.intact)
        throw corrupt(
          `the repaired journal is not whole: ${report.damage[0] ?? report.brokenAt?.reason ?? ''}`,
        );
      await target.finish();
    } finally {
      await target.close();
      damaged.close();
    }
    const keptIn = setAside(dir, files, clock);
    putInPlace(dir, files, fresh, clock);
    return { ...salvaged, damage, keptIn };
  } catch (error) {
    throw directoryFault(dir, journalFault(error, files.journal));
  } finally {
    release();
  }
}

/** Why the journal is not whole; nothing where it is. */
async function damageOf(
  files: StateFiles,
  { clock, signal, tell }: RepairOptions,
): Promise<readonly string[]> {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(files.journal, { readOnly: true, readBigInts: true });
    const version = userVersion(db);
    const isOurs = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'pages'`).get() !== undefined;
    if (isOurs && version > 0 && version < MIGRATIONS.length)
      throw new ForwardError('config', `the journal ${files.journal} is of schema version ${version}`, {
        hint: 'start auditferry run of this release once: it brings the journal up to date',
      });
    refuseUnfinished(db, files.journal);
    const store = createStore(db, files.journal, clock, 'guest');
    let checked = 0;
    const report = await chain(store).verifyChain(signal, (events) => {
      checked += events;
      tell(`checking the journal: ${checked.toLocaleString('en-US')} events`);
    });
    const broken =
      report.brokenAt === null ? [] : [`event ${report.brokenAt.seq}: ${report.brokenAt.reason}`];
    return [...broken, ...report.damage];
  } catch (error) {
    const fault = journalFault(error, files.journal);
    if ((fault instanceof ForwardError && fault.kind === 'config') || isBusyFault(fault)) throw fault;
    signal.throwIfAborted();
    return [describe(fault)];
  } finally {
    db?.close();
  }
}

/** Also finishes what a repair that was killed in its last steps had begun: the new journal is whole once the damaged one is moved away. */
function putInPlace(dir: string, files: StateFiles, fresh: string, clock: Clock): void {
  if (existsSync(files.journal) || !existsSync(fresh)) return;
  // A log of the damaged journal must never be taken for one of the new journal.
  if (existsSync(files.walPath)) setAside(dir, files, clock);
  renameSync(fresh, files.journal);
  syncDirectory(dir);
}

/** Keeps the damaged files, all of them under one name. */
function setAside(dir: string, files: StateFiles, clock: Clock): string {
  const time = new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let keptIn = join(dir, `damaged-${time}`);
  for (let again = 2; existsSync(keptIn); again += 1) keptIn = join(dir, `damaged-${time}-${again}`);
  mkdirSync(keptIn, { mode: 0o700 });
  for (const suffix of SUFFIXES) {
    if (existsSync(`${files.journal}${suffix}`))
      renameSync(`${files.journal}${suffix}`, join(keptIn, `journal.db${suffix}`));
  }
  syncDirectory(keptIn);
  syncDirectory(dir);
  return keptIn;
}
