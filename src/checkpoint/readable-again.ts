import { valuesHash } from '../model/content-hash.ts';
import { eventIdOf, statesId } from '../model/event-id.ts';
import type { NewEvent } from '../model/event.ts';
import { parseObject } from '../model/json.ts';
import { sha256 } from './hash.ts';

/** How many open dead letters of a source are compared with what it reads: the oldest. */
export const COMPARED_LIMIT = 5000;

/** What tells that an event is an item that could not be read before, although its bytes are others now: its id, or else its values. */
export interface Trait {
  readonly of: 'id' | 'values';
  readonly is: string;
}

/** Returns whether a dead letter, named by the hash of its bytes, is among `events`. `its`: the trait of each letter, by that hash. */
export function readNow(
  its: ReadonlyMap<string, Trait | null>,
  events: readonly NewEvent[],
): (body: string) => boolean {
  const bodies = new Set(events.map(({ original }) => sha256(Buffer.from(original, 'utf8')).toString('hex')));
  const ids = new Set(events.map(({ id }) => id));
  const isAsked = [...its.values()].some((trait) => trait?.of === 'values');
  const values = new Set(isAsked ? events.map(({ original }) => valuesHash(original)) : []);
  return (body) => {
    const trait = its.get(body) ?? null;
    return bodies.has(body) || (trait !== null && (trait.of === 'id' ? ids : values).has(trait.is));
  };
}

/** Null for what is no JSON object: only the same bytes tell it again. */
export function traitOf(item: string): Trait | null {
  const parsed = parseObject(item);
  if (parsed === null) return null;
  const id = parsed['id'];
  return statesId(id) ? { of: 'id', is: eventIdOf(id, item) } : { of: 'values', is: valuesHash(item) };
}
