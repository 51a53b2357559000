import type { DeadLetterFilter } from '../checkpoint/journal.ts';
import type { Json } from '../model/event.ts';
import { oneLine } from '../model/errors.ts';
import { json, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import { lettersOf } from './letter-groups.ts';
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
      const { filters, more } = await letterFilters(options, body);
      let retrying = 0;
      for (const filter of filters) retrying += await journal.retryDeadLetters(filter);
      log.info({ dead_letters: retrying }, 'an operator asked for dead letters to be tried again');
      return json({ retrying, ...(more ? { more } : {}) });
    }
    case '/api/dead-letters/discard': {
      const why = readNote(body, 'reason');
      const { filters, more } = await letterFilters(options, body);
      let discarded = 0;
      for (const filter of filters) discarded += await journal.discardDeadLetters(filter, why);
      log.warn({ dead_letters: discarded }, 'an operator discarded dead letters');
      return json({ discarded, ...(more ? { more } : {}) });
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
      throw new Refused(404, 'not found');
  }
}

interface Meant {
  /** Each small enough for one question. */
  readonly filters: readonly DeadLetterFilter[];
  /** True where the request leaves some of those that are meant. */
  readonly more: boolean;
}

/** `ids`, or those of an `owner` in a `reason_group`, or every one of an `owner`: never all of them by leaving everything out. */
async function letterFilters({ journal }: AdminOptions, body: Body): Promise<Meant> {
  const ids = readIds(body);
  const { owner, reason_group: reason } = body;
  if (ids !== null) return { filters: [{ ids, limit: ids.length }], more: false };
  if (typeof owner !== 'string' || owner.length === 0 || owner.length > 64)
    throw new Refused(
      400,
      'name dead letters by ids, or by the owner (a source or sink), with or without a reason_group',
    );
  if (reason === undefined) {
    const count = (await journal.deadLetterCounts()).get(owner) ?? 0;
    return { filters: [{ owner, limit: LETTERS_LIMIT }], more: count > LETTERS_LIMIT };
  }
  if (typeof reason !== 'string' || reason === '')
    throw new Refused(400, 'reason_group must be one of /api/dead-letters/groups');
  const { ids: found, whole } = await lettersOf(journal, owner, reason, LETTERS_LIMIT);
  const filters: DeadLetterFilter[] = [];
  for (let at = 0; at < found.length; at += IDS_LIMIT) {
    const part = found.slice(at, at + IDS_LIMIT);
    filters.push({ ids: part, limit: part.length });
  }
  return { filters, more: !whole };
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
