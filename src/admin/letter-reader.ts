import { setImmediate as nextTurn } from 'node:timers/promises';

import type { DeadLetter, DeadLetterFilter, DeadLetterGlimpse } from '../checkpoint/journal.ts';
import { sharedReason } from '../model/reason.ts';
import { formatSize } from '../model/units.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import { groupLetters, lettersOf } from './letter-groups.ts';
import type { AdminOptions } from './options.ts';
import { readCount, readSeq } from './query.ts';
import { cut, RENDERED_LIMIT_BYTES } from './shown-event.ts';

const LETTERS_LIMIT = 200;
const LETTERS_DEFAULT = 50;
/** One answer of an export holds no more letters than this. */
const EXPORT_LIMIT = 200;

/** What `owner` and `reason_group` may not be longer than. */
const NAME_LIMIT = 64;
const REASON_LIMIT = 300;

/** Dead letters by owner and reason, with how many there are. */
export async function readGroups(
  { journal }: AdminOptions,
  _query: URLSearchParams,
  mayReadEvents: boolean,
): Promise<Answer> {
  const { groups, whole } = await groupLetters(journal);
  // Types are what events say; the words of a receiver may quote one.
  return json({
    groups: mayReadEvents ? groups : groups.map((group) => ({ ...group, event_types: {} })),
    whole,
  });
}

export async function readLetters(
  options: AdminOptions,
  query: URLSearchParams,
  mayReadEvents: boolean,
): Promise<Answer> {
  const limit = readCount(query, 'limit', LETTERS_DEFAULT, LETTERS_LIMIT);
  const filter = await filterOf(options, query, limit);
  const letters =
    filter === null ? [] : await options.journal.glanceAtDeadLetters(filter, RENDERED_LIMIT_BYTES);
  const shown: object[] = [];
  for (const letter of letters) {
    shown.push(describeLetter(options, letter, mayReadEvents));
    await nextTurn();
  }
  return json({ dead_letters: shown });
}

/** The letters that a request means: of an owner, of one reason, behind an id. Null: there are none. */
async function filterOf(
  { journal }: AdminOptions,
  query: URLSearchParams,
  limit: number,
): Promise<DeadLetterFilter | null> {
  const owner = query.get('owner');
  const reason = query.get('reason_group');
  const after = readSeq(query, 'after') ?? 0n;
  if ((owner?.length ?? 0) > NAME_LIMIT || (reason?.length ?? 0) > REASON_LIMIT)
    throw new Refused(400, 'owner or reason_group is too long');
  const states = ['open', 'retrying'] as const;
  if (reason === null) return { ...(owner === null ? {} : { owner }), after, states, limit };
  if (owner === null) throw new Refused(400, 'reason_group needs the owner that it belongs to');
  const { ids } = await lettersOf(journal, owner, reason, Number.MAX_SAFE_INTEGER);
  const behind = ids.filter((id) => id > after).slice(0, limit);
  return behind.length === 0 ? null : { ids: behind, states, limit: behind.length };
}

function describeLetter(options: AdminOptions, letter: DeadLetterGlimpse, mayReadEvents: boolean): object {
  const { id, owner, side, event, reason, attempts, firstAt, lastAt, state } = letter;
  return {
    id: id.toString(),
    owner,
    side,
    state,
    reason,
    reason_group: sharedReason(reason),
    attempts,
    first_at: firstAt,
    last_at: lastAt,
    seq: event === null ? null : Number(event.seq),
    event_id: event?.id ?? null,
    created_at: event?.createdAt ?? null,
    bytes: letter.size,
    ...(mayReadEvents ? contentOf(options, letter) : { content: null, sent: null, rendered_now: null }),
  };
}

/**
 * What the Platform said, redacted, beside it what the sink sent, and what it would send today. An item that is no event is shown as it came.
 */
function contentOf(options: AdminOptions, letter: DeadLetterGlimpse): object {
  const { event, content, size, owner } = letter;
  const sent = letter.sent === null ? null : cut(letter.sent.text);
  const text = content.toString('utf8');
  if (event === null) return { content: cut(text), sent, rendered_now: null };
  if (size > content.length) {
    const tooLarge = `an event of ${formatSize(size)} is too large to be shown here`;
    return { content: tooLarge, sent, rendered_now: null };
  }
  const whole = { ...event, original: text };
  const now = options.view().renderFor(owner, whole);
  return {
    content: cut(options.view().understand(whole).text),
    sent,
    rendered_now: now?.kind === 'sent' ? { format: now.format, text: cut(now.rendered.text) } : null,
  };
}

/** The letters with all that they hold, a part at a time: `next_after` says where the next part begins, null at the end. */
export async function exportLetters(options: AdminOptions, query: URLSearchParams): Promise<Answer> {
  const filter = await filterOf(options, query, EXPORT_LIMIT);
  const letters = filter === null ? [] : await options.journal.deadLetters(filter);
  return json({
    dead_letters: letters.map(exported),
    next_after: letters.at(-1)?.id.toString() ?? null,
  });
}

/** As `auditferry dead-letters export` prints it. */
function exported(letter: DeadLetter): object {
  const { id, owner, side, state, reason, attempts, event, bytes } = letter;
  return {
    id: id.toString(),
    owner,
    side,
    state,
    reason,
    attempts,
    first_at: letter.firstAt,
    last_at: letter.lastAt,
    discard_reason: letter.discardReason,
    event_id: event?.id ?? null,
    source: event?.source ?? (side === 'source' ? owner : null),
    created_at: event?.createdAt ?? null,
    bytes: bytes.toString('base64'),
    original: event?.original ?? null,
    sent: letter.sent?.text ?? null,
    sent_cut: letter.sent?.cut ?? false,
  };
}
