import type { NewEvent } from '../../model/event.ts';
import { bytes, integer } from '../columns.ts';
import { COMPARED_LIMIT, readNow, traitOf } from '../readable-again.ts';
import type { Trait } from '../readable-again.ts';
import type { Db } from './store.ts';

/** What could not be read once and can be now is no dead letter any more: see ../readable-again.ts. */
export function readableAgain(): (db: Db, source: string, events: readonly NewEvent[]) => Promise<void> {
  /** Of the open letters, by the hash of their bytes. */
  const traits = new Map<string, ReadonlyMap<string, Trait | null>>();

  return async (db, source, events) => {
    if (events.length === 0) return;
    const rows = await db.all(
      `SELECT id, event_id FROM dead_letters WHERE side = 'source' AND owner = $1 AND state = 'open' ORDER BY id LIMIT $2`,
      ...[source, COMPARED_LIMIT],
    );
    const letters = rows.map((row) => ({
      id: integer(row, 'id'),
      body: bytes(row, 'event_id').toString('utf8'),
    }));
    if (letters.length === 0) {
      traits.delete(source);
      return;
    }
    const known = traits.get(source);
    const its = new Map<string, Trait | null>();
    for (const { id, body } of letters) {
      const there = known?.get(body);
      if (there !== undefined) its.set(body, there);
      else {
        const [letter] = await db.all('SELECT bytes FROM dead_letters WHERE id = $1', id);
        its.set(body, letter === undefined ? null : traitOf(bytes(letter, 'bytes').toString()));
      }
    }
    traits.set(source, its);
    const isReadNow = readNow(its, events);
    const ids = letters.filter(({ body }) => isReadNow(body)).map(({ id }) => id);
    if (ids.length > 0) await db.run('DELETE FROM dead_letters WHERE id = ANY($1::int8[])', ids);
  };
}
