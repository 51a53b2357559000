import { bytes, bytesOrNull, count, integer, text, textOrNull, word, type Row } from './columns.ts';
import type { DeadLetter, DeadLetterGlimpse, Journal, SentText } from './journal.ts';

/** What a journal does with dead letters. */
export type DeadLetterMethods = Pick<
  Journal,
  | 'addDeadLetters'
  | 'deadLetters'
  | 'glanceAtDeadLetters'
  | 'deadLetterCounts'
  | 'retryDeadLetters'
  | 'recordRetried'
  | 'discardDeadLetters'
>;

/** A receiver's own words are kept up to this many characters. */
export const REASON_MAX_LENGTH = 4000;

/** What was sent is kept up to this size: it is evidence, and the event itself is there in full. */
const SENT_KEPT_BYTES = 64 * 1024;

/** The column of what was sent: one byte more than is kept tells that there was more. */
export function sentColumn(sent: string | null | undefined): Buffer | null {
  if (sent === null || sent === undefined) return null;
  // A copy, so that no large text is held for its beginning.
  return Buffer.from(Buffer.from(sent, 'utf8').subarray(0, SENT_KEPT_BYTES + 1));
}

function sentText(row: Row, most: number): SentText | null {
  const kept = bytesOrNull(row, 'sent');
  if (kept === null) return null;
  const part = kept.subarray(0, most);
  const cut = kept.length > most;
  // A character that was cut in two is left out.
  const text = new TextDecoder().decode(part, { stream: cut });
  return { text, cut };
}

const SIDES: readonly DeadLetter['side'][] = ['sink', 'source'];
const STATES: readonly DeadLetter['state'][] = ['open', 'retrying', 'discarded'];

/** A row of `dead_letters` with `size`, the first bytes as `content`, and of what was sent one byte more. */
export function letterGlimpse(row: Row, contentBytes: number): DeadLetterGlimpse {
  const content = bytes(row, 'content');
  return {
    ...fields(row),
    event: eventPlace(row),
    sent: sentText(row, Math.min(contentBytes, SENT_KEPT_BYTES)),
    content,
    size: count(row, 'size'),
  };
}

/** A row of `dead_letters`. */
export function letterOf(row: Row): DeadLetter {
  const body = bytes(row, 'bytes');
  const place = eventPlace(row);
  return {
    ...fields(row),
    event: place === null ? null : { ...place, original: body.toString('utf8') },
    bytes: body,
    sent: sentText(row, SENT_KEPT_BYTES),
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

function fields(row: Row): Omit<DeadLetter, 'event' | 'bytes' | 'sent'> {
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
