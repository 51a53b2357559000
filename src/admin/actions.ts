import type { DeadLetterFilter } from '../checkpoint/journal.ts';
import type { Json } from '../model/event.ts';
import { oneLine } from '../model/errors.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import type { AdminOptions } from './options.ts';

type Body = Readonly<Record<string, Json>>;

const IDS_LIMIT = 1_000;
/** One request retries or discards at most so many. */
const LETTERS_LIMIT = 10_000;
const NOTE_LIMIT = 500;

/** What POST can do. The caller has checked the token. */
export async function act(options: AdminOptions, path: string, body: Body): Promise<Answer> {
  const { journal, log } = options;
  switch (path) {
    case '/api/dead-letters/retry': {
      const retrying = await journal.retryDeadLetters(letterFilter(body));
      log.info({ dead_letters: retrying }, 'an operator asked for dead letters to be tried again');
      return json({ retrying });
    }
    case '/api/dead-letters/discard': {
      const discarded = await journal.discardDeadLetters(letterFilter(body), readNote(body, 'reason'));
      log.warn({ dead_letters: discarded }, 'an operator discarded dead letters');
      return json({ discarded });
    }
    case '/api/findings/acknowledge': {
      const ids = readIds(body);
      if (ids === null) throw new Refused(400, 'ids is missing');
      const acknowledged = await journal.acknowledge(ids, readNote(body, 'note'));
      log.info({ findings: acknowledged }, 'an operator acknowledged findings');
      return json({ acknowledged });
    }
    case '/api/reload': {
      if (options.reload === undefined) throw new Refused(404, 'this daemon cannot reload');
      const { ok, lines } = await options.reload();
      return json({ ok, lines }, ok ? 200 : 422);
    }
    default:
      throw new Refused(404, 'there is nothing here to change');
  }
}

/** `ids`, or every one of an `owner`: never all of them by leaving both out. */
function letterFilter(body: Body): DeadLetterFilter {
  const ids = readIds(body);
  const { owner } = body;
  if (ids !== null) return { ids, limit: ids.length };
  if (typeof owner === 'string' && owner.length > 0 && owner.length <= 64)
    return { owner, limit: LETTERS_LIMIT };
  throw new Refused(400, 'name dead letters by ids, or all of one source or sink by owner');
}

function readIds(body: Body): readonly bigint[] | null {
  const { ids } = body;
  if (ids === undefined) return null;
  const fits = Array.isArray(ids) && ids.length > 0 && ids.length <= IDS_LIMIT;
  if (!fits || !ids.every((id) => typeof id === 'string' && /^\d{1,18}$/.test(id))) {
    throw new Refused(400, `ids must be 1 to ${IDS_LIMIT} ids as text`);
  }
  return ids.map((id) => BigInt(id as string));
}

function readNote(body: Body, key: string): string {
  const note = body[key];
  if (typeof note !== 'string' || note.trim() === '') throw new Refused(400, `${key} is missing: say why`);
  return oneLine(note, NOTE_LIMIT);
}
