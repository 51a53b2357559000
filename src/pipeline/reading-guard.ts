import { identityKey } from '../model/event-id.ts';
import { hash } from 'node:crypto';

import type { Journal } from '../checkpoint/journal.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import type { MalformedItem } from '../model/event.ts';
import type { Fate } from '../sinks/sink.ts';
import type { Harvest, Reader } from '../sources/source.ts';
import { createMassGuard } from './mass-guard.ts';

/** How many items that were set aside before are looked up: reading those once more proves nothing. */
const LETTERS_LIMIT = 10_000;
const LETTERS_PER_LOOK = 500;

/**
 * The mass guard for what is read: when nearly every new item cannot be read for one reason, the API has changed, or something between
 * changes the answers. Then nothing becomes a dead letter or counts as read: the source holds, or, if items elsewhere can be read, only this
 * window stays open.
 */
export interface ReadingGuard extends Pick<Reader, 'doubt'> {
  /** The same for a range that is read alone: throws what `doubt` would return. */
  assertReadable(harvest: Pick<Harvest, 'events' | 'malformed'>): Promise<void>;
}

export function createReadingGuard(source: string, journal: Journal): ReadingGuard {
  let guard = createMassGuard();
  const held = journal.held(source);
  /** Items that were judged before, and do not count again. Null until those of earlier runs were looked up. */
  let judged: Set<string> | null = null;
  /** Whether a row of unreadable items goes on: only then does it matter which events are new. */
  let inARow = false;
  const doubt: ReadingGuard['doubt'] = async ({ events, malformed }, elsewhere) => {
    if (malformed.length === 0 && !inARow) return null;
    judged ??= await setAsideBefore(source, journal);
    const seen = judged;
    const fresh = new Map(
      malformed.map((item) => [keyOf(item.bytes), item] as const).filter(([key]) => !seen.has(key)),
    );
    if (fresh.size === 0 && !inARow) return null;
    const known = await held.known(events);
    const read = new Set(events.filter((_, index) => known[index] === null).map(identityKey)).size;
    const reason = guard.judge(fatesOf([...fresh.values()], read));
    if (reason !== null) {
      if (!(await elsewhere())) throw massRejection(reason);
      // Readable items elsewhere end the row.
      guard = createMassGuard();
      inARow = false;
      return massRejection(reason);
    }
    for (const key of fresh.keys()) seen.add(key);
    inARow = read === 0 || fresh.size > read;
    return null;
  };
  return {
    doubt,
    async assertReadable(harvest) {
      const error = await doubt(harvest, async () => false);
      if (error !== null) throw error;
    },
  };
}

/**
 * Alternates readable and unreadable items, whose real order is not known any more. A readable one comes first, since it ends a row of
 * unreadable ones: one item that stays unreadable must not keep a hold going for ever.
 */
function fatesOf(malformed: readonly MalformedItem[], read: number): Fate[] {
  const rejected = malformed.map(({ reason }): Fate => ({ outcome: 'rejected', reason }));
  const delivered = Array.from({ length: read }, (): Fate => ({ outcome: 'delivered' }));
  const turns = Math.max(rejected.length, delivered.length);
  return Array.from({ length: turns }, (_, turn) => [delivered[turn], rejected[turn]])
    .flat()
    .filter((fate) => fate !== undefined);
}

async function setAsideBefore(source: string, journal: Journal): Promise<Set<string>> {
  const keys = new Set<string>();
  let after = 0n;
  while (keys.size < LETTERS_LIMIT) {
    const letters = await journal.deadLetters({ owner: source, after, limit: LETTERS_PER_LOOK });
    for (const letter of letters) if (letter.side === 'source') keys.add(keyOf(letter.bytes));
    const last = letters.at(-1);
    if (last === undefined || letters.length < LETTERS_PER_LOOK) break;
    after = last.id;
  }
  return keys;
}

function keyOf(bytes: Buffer): string {
  return hash('sha256', bytes);
}

function massRejection(reason: string): ForwardError {
  return new ForwardError(
    'denied',
    `nearly nothing can be read as an event, for one reason: ${oneLine(reason)}`,
    {
      hint: 'the API may have changed: see whether a newer auditferry is out. Nothing is set aside or marked as read; it continues once the items can be read',
    },
  );
}
