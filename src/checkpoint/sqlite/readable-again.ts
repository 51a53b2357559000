import type { NewEvent } from '../../model/event.ts';
import { bytes, integer, text } from '../columns.ts';
import { COMPARED_LIMIT, readNow, traitOf } from '../readable-again.ts';
import type { Trait } from '../readable-again.ts';
import type { Store } from './store.ts';

/**
 * What could not be read once and can be now is no dead letter any more: the same bytes, an event of the id that the item states, or, where
 * it states none, one that says the same under other names. Nothing weaker: a letter that is taken for another event's would be gone.
 */
export function readableAgain(store: Store): (source: string, events: readonly NewEvent[]) => void {
  const open = store.prepare(
    `SELECT id, event_id FROM dead_letters WHERE side = 'source' AND owner = ? AND state = 'open' ORDER BY id LIMIT ?`,
  );
  const read = store.prepare('SELECT bytes FROM dead_letters WHERE id = ?');
  const remove = store.prepare('DELETE FROM dead_letters WHERE id = ?');
  /** Of the open letters, by the hash of their bytes: a row number may be given out again after a write that failed. */
  const traits = new Map<string, ReadonlyMap<string, Trait | null>>();

  return (source, events) => {
    if (events.length === 0) return;
    const letters = open.all(source, COMPARED_LIMIT).map((row) => ({
      row: integer(row, 'id'),
      body: text(row, 'event_id'),
    }));
    if (letters.length === 0) {
      traits.delete(source);
      return;
    }
    const known = traits.get(source);
    const traitAt = ({ row, body }: (typeof letters)[number]): Trait | null => {
      const there = known?.get(body);
      if (there !== undefined) return there;
      const letter = read.get(row);
      return letter === undefined ? null : traitOf(bytes(letter, 'bytes').toString());
    };
    const its = new Map(letters.map((letter) => [letter.body, traitAt(letter)] as const));
    traits.set(source, its);
    const isReadNow = readNow(its, events);
    for (const { row, body } of letters) if (isReadNow(body)) remove.run(row);
  };
}
