import { NS_PER_SECOND } from '../../model/time.ts';
import { bytes, createdNsOf, integer, type Row } from '../columns.ts';
import type { IdRow, IdTable } from '../recorder.ts';
import { SHARED_MARK } from '../transfer.ts';
import type { Places } from './places.ts';
import { sumOf } from './sums.ts';
import type { Store } from './store.ts';

/** Reads the table `ids`, inside a transaction. */
export function knownIds(store: Store): Pick<IdTable, 'find' | 'hasShared'> {
  const findId = store.prepare(
    'SELECT second, ns, body_hash, seq, type_hash FROM ids WHERE source = ? AND second = ? AND id = ?',
  );
  const readMark = store.prepare(`SELECT 1 FROM meta WHERE key = '${SHARED_MARK}'`);
  return {
    find: (source, second, id) => {
      const row = findId.get(source, second, idKey(id));
      return row === undefined ? undefined : idRow(row);
    },
    hasShared: () => readMark.get() !== undefined,
  };
}

/**
 * The table `ids` for the process that appends. Memory tells where an id may be (places.ts), so a new id costs no query. It also tells
 * whether any id is shared: no other process appends, and if a transaction with that mark rolls back, it only costs further queries.
 */
export function idTable(store: Store, places: Places): IdTable {
  const known = knownIds(store);
  let shared = false;
  let looked = false;
  const insertId = store.prepare(
    'INSERT INTO ids (source, second, id, ns, body_hash, type_hash, seq, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const removeId = store.prepare('DELETE FROM ids WHERE source = ? AND second = ? AND id = ?');
  const writeMark = store.prepare(`INSERT OR IGNORE INTO meta (key, value) VALUES ('${SHARED_MARK}', '1')`);
  return {
    find: (source, second, id) =>
      places.secondsOf(id).includes(second) ? known.find(source, second, id) : undefined,
    hasShared: () => {
      shared ||= !looked && known.hasShared();
      looked = true;
      return shared;
    },
    secondsOf: (id) => places.secondsOf(id),
    insert: (source, second, id, { createdNs, bodyHash, typeHash, seq }) => {
      const row = [source, second, idKey(id), createdNs - second * NS_PER_SECOND, bodyHash, typeHash, seq];
      insertId.run(...row, sumOf(row));
      places.add(id, second);
    },
    remove: (source, second, id) => void removeId.run(source, second, idKey(id)),
    noteShared: () => {
      shared = true;
      writeMark.run();
    },
  };
}

function idRow(row: Row): IdRow {
  return {
    createdNs: createdNsOf(row),
    bodyHash: bytes(row, 'body_hash'),
    typeHash: bytes(row, 'type_hash'),
    seq: row['seq'] === null ? null : integer(row, 'seq'),
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The key of an id in the table `ids`: 16 bytes for a UUID in its usual form, which is half of its text; any other id as it is. */
export function idKey(id: string): string | Buffer {
  if (lastKey.id === id) return lastKey.key;
  const key = UUID.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : id;
  lastKey = { id, key };
  return key;
}

/** The last answer: an id is looked up first, and then added. */
let lastKey: { readonly id: string; readonly key: string | Buffer } = { id: '', key: '' };

/** The id whose key is in the column `id`. */
export function idOf(row: Row): string {
  const value = row['id'];
  if (typeof value === 'string') return value;
  return bytes(row, 'id')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
