import type { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { MalformedItem, Window } from '../../model/event.ts';
import { PAGE_SIZES } from './care.ts';
import { mayAskForLess } from './client.ts';
import type { Client } from './client.ts';
import { pageThrough } from './read-window.ts';
import type { WindowRead } from './read-window.ts';
import type { Page, ReadItem } from './wire.ts';

/** After so many failures in a row the instant counts as unreadable as a whole. */
const FAILURES_IN_A_ROW = 12;
/** A page up to this size is seldom too large for a server. */
const SMALL_PAGE = 125;
/** Rows beyond this are not asked for one by one. */
const ROWS_LIMIT = 20_000;

/** What isolating the unreadable rows of an instant came to. */
export type Isolated =
  /** Every row can be read: only larger pages than this fail. */
  | { readonly read: WindowRead; readonly perPage: number; readonly error: null }
  /** So many rows cannot be read. `error`: of the last one. */
  | { readonly read: WindowRead; readonly rows: number; readonly error: ForwardError };

/**
 * Reads an instant whose answer fails as a whole in smaller pages. A page that fails is split again, down to single rows: those that
 * still fail are the ones that the server cannot show, or that are larger than an answer may be. Throws `failure` if nothing can be read.
 */
export async function isolate(
  client: Client,
  window: Window,
  failure: ForwardError,
  signal: AbortSignal,
): Promise<Isolated> {
  const items = new Map<string, ReadItem>();
  const malformed = new Map<string, MalformedItem>();
  let error: ForwardError | null = null;
  let rows = 0;
  let failuresInARow = 0;
  let largest = 0;
  let endsAt = ROWS_LIMIT;

  /** Asks twice for a small page that fails: a failure by chance must not suggest that only single rows can be read. */
  const askFor = async (number: number, size: number): Promise<Page> => {
    const ask = (): Promise<Page> => client.page(window, number, size, signal, true);
    if (size > SMALL_PAGE || size === 1) return ask();
    return ask().catch((thrown: unknown) => {
      if (!mayAskForLess(thrown)) throw thrown;
      return ask();
    });
  };

  const visit = async (level: number, number: number): Promise<void> => {
    const size = PAGE_SIZES[level] ?? 1;
    if ((number - 1) * size >= endsAt) return;
    try {
      const page = await askFor(number, size);
      const cut = page.pageSize !== null && page.pageSize < size && page.rows >= page.pageSize;
      failuresInARow = 0;
      for (const item of page.items) items.set(identityKey(item.event), item);
      for (const item of page.malformed) malformed.set(item.bytes.toString('base64'), item);
      if (page.rows === 0) endsAt = (number - 1) * size;
      if (!cut && (page.rows > 0 || number === 1)) largest = Math.max(largest, size);
      // A server that caps the page size numbers pages by its own size: larger pages would leave rows out.
      if (!cut || size === 1) return;
    } catch (thrown) {
      if (!mayAskForLess(thrown)) throw thrown;
      failuresInARow += 1;
      if (failuresInARow >= FAILURES_IN_A_ROW) throw thrown;
      if (size === 1) {
        rows += 1;
        error = thrown;
        return;
      }
    }
    const parts = size / (PAGE_SIZES[level + 1] ?? 1);
    for (let part = 1; part <= parts; part += 1) await visit(level + 1, (number - 1) * parts + part);
  };

  for (let number = 1; (number - 1) * PAGE_SIZES[0] < endsAt; number += 1) await visit(0, number);
  const found = { items: [...items.values()], malformed: [...malformed.values()] };
  if (rows > 0) {
    return { read: { ...found, outcome: { kind: 'failed', rows } }, rows, error: error ?? failure };
  }
  if (largest === 0) throw failure;
  const paged = await pageThrough(client, window, largest, signal);
  const read = {
    ...paged,
    items: [...found.items, ...paged.items],
    malformed: [...found.malformed, ...paged.malformed],
  };
  return { read, error: null, perPage: largest };
}
