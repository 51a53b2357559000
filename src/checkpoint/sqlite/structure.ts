import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe, oneLine } from '../../model/errors.ts';
import { integer, text, type Row } from '../columns.ts';
import { isBusyFault, journalFault } from './faults.ts';
import { migrate } from './migrations.ts';
import type { Store } from './store.ts';
import { rowName, rowsWithWrongSums, SUMMED } from './sums.ts';
import type { SummedName } from './sums.ts';

/** What a report of damage names. */
const DAMAGE_MAX = 100;
const ROW_NAME_UNITS = 200;

/**
 * What of the file is damaged beside the events, in words, one for each place: its pages and indexes by SQLite's own check, its schema,
 * its counters, and every row by its checksum. Throws `transient` where another process keeps it from looking: that is no damage.
 */
export function structureCheck(store: Store): (signal: AbortSignal) => Promise<readonly string[]> {
  return async (signal) => {
    const damage: string[] = [];
    const add = (what: string): void => void (damage.length < DAMAGE_MAX && damage.push(what));
    const attempt = (what: string, work: () => void): void => {
      try {
        work();
      } catch (error) {
        const fault = journalFault(error, store.path);
        if (isBusyFault(fault)) throw fault;
        add(`${what}: ${describe(error)}`);
      }
    };
    attempt('the file', () => integrityOf(store, add));
    await nextTurn();
    attempt('the schema', () => schemaOf(store, add));
    attempt('the counters', () => countersOf(store, add));
    for (const name of Object.keys(SUMMED) as SummedName[]) {
      const slices = rowsWithWrongSums(store, name)[Symbol.iterator]();
      for (let goesOn = true; goesOn;) {
        signal.throwIfAborted();
        goesOn = false;
        attempt(`table ${name}`, () => {
          const slice = store.read(() => slices.next());
          const wrong: readonly Row[] = slice.done === true ? [] : slice.value;
          for (const row of wrong)
            add(
              `table ${name}: row ${oneLine(rowName(name, row), ROW_NAME_UNITS)} does not match its checksum`,
            );
          goesOn = slice.done !== true;
        });
        await nextTurn();
      }
    }
    return damage;
  };
}

function integrityOf(store: Store, add: (what: string) => void): void {
  for (const row of store.prepare(`PRAGMA integrity_check(${DAMAGE_MAX})`).all()) {
    const found = text(row, 'integrity_check');
    if (found !== 'ok') add(`the file: ${oneLine(found, ROW_NAME_UNITS)}`);
  }
}

/** What is said of tables, indexes and triggers is what this release says of them. */
function schemaOf(store: Store, add: (what: string) => void): void {
  const fresh = new DatabaseSync(':memory:');
  migrate(fresh);
  const list = 'SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY type, name';
  const expected = JSON.stringify(fresh.prepare(list).all());
  const found = JSON.stringify(store.prepare(list).all());
  fresh.close();
  if (found !== expected) add('the schema: it is not the one that this release makes');
}

/** What is deleted last must not give its id to what comes next. */
function countersOf(store: Store, add: (what: string) => void): void {
  for (const name of ['dead_letters', 'findings', 'jobs']) {
    const row = store
      .prepare(
        `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${name}'), 0) >= coalesce(max(id), 0) AS sound FROM ${name}`,
      )
      .get();
    if (row !== undefined && integer(row, 'sound') !== 1n)
      add(`the counters: ${name} would give an id a second time`);
  }
}
