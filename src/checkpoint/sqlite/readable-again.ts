import { valuesHash } from '../../model/content-hash.ts';
import { eventIdOf, statesId } from '../../model/event-id.ts';
import type { NewEvent } from '../../model/event.ts';
import { lightJson } from '../../model/light-json.ts';
import { bytes, integer, text } from './columns.ts';
import { sha256 } from './hash.ts';
import type { Store } from './store.ts';

/** Open letters of a source that are compared with what it reads, the oldest. */
const COMPARED_LIMIT = 5000;

/** What an event that the Platform shows in another form by now has in common with the item that could not be read. */
interface Trait {
  readonly of: 'id' | 'values';
  readonly is: string;
}

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
    const bodies = new Set(
      events.map(({ original }) => sha256(Buffer.from(original, 'utf8')).toString('hex')),
    );
    const ids = new Set(events.map(({ id }) => id));
    const isAsked = [...its.values()].some((trait) => trait?.of === 'values');
    const values = new Set(isAsked ? events.map(({ original }) => valuesHash(original)) : []);
    for (const { row, body } of letters) {
      const trait = its.get(body) ?? null;
      const isRead = trait !== null && (trait.of === 'id' ? ids : values).has(trait.is);
      if (isRead || bodies.has(body)) remove.run(row);
    }
  };
}

/** Null for what is no object: it can only come back as it is. */
function traitOf(item: string): Trait | null {
  try {
    const parsed: unknown = JSON.parse(lightJson(item));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
    const { id } = parsed as { readonly id?: unknown };
    return statesId(id) ? { of: 'id', is: eventIdOf(id, item) } : { of: 'values', is: valuesHash(item) };
  } catch {
    return null; // what is no JSON at all
  }
}
