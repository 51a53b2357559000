import { bytes, count, integer, text, textOrNull, word, type Row } from './columns.ts';
import type { DeadLetter, DeadLetterGlimpse } from './journal.ts';

/** A receiver's own words are kept up to this many characters. */
export const REASON_MAX_LENGTH = 4000;

const SIDES: readonly DeadLetter['side'][] = ['sink', 'source'];
const STATES: readonly DeadLetter['state'][] = ['open', 'retrying', 'discarded'];

/** A row of `dead_letters` with `size` and the first bytes as `content`. */
export function letterGlimpse(row: Row): DeadLetterGlimpse {
  return { ...fields(row), event: eventPlace(row), content: bytes(row, 'content'), size: count(row, 'size') };
}

/** A row of `dead_letters`. */
export function letterOf(row: Row): DeadLetter {
  const body = bytes(row, 'bytes');
  const place = eventPlace(row);
  return {
    ...fields(row),
    event: place === null ? null : { ...place, original: body.toString('utf8') },
    bytes: body,
  };
}

/** Null for what a source could not read as an event. */
function eventPlace(row: Row): DeadLetterGlimpse['event'] {
  if (word(row, 'side', SIDES) === 'source') return null;
  return {
    seq: integer(row, 'seq'),
    source: text(row, 'event_source'),
    id: text(row, 'event_id'),
    createdAt: text(row, 'created_at'),
    receivedAt: text(row, 'received_at'),
  };
}

function fields(row: Row): Omit<DeadLetter, 'event' | 'bytes'> {
  return {
    id: integer(row, 'id'),
    owner: text(row, 'owner'),
    side: word(row, 'side', SIDES),
    reason: text(row, 'reason'),
    attempts: count(row, 'attempts'),
    firstAt: text(row, 'first_at'),
    lastAt: text(row, 'last_at'),
    state: word(row, 'state', STATES),
    discardReason: textOrNull(row, 'discard_reason'),
  };
}
