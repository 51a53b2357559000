import type { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { MalformedItem, Window } from '../../model/event.ts';
import { PAGE_SIZES } from './care.ts';
import { mayAskForLess } from './client.ts';
import type { Client } from './client.ts';
import { pageThrough } from './read-window.ts';
import type { WindowRead } from './read-window.ts';
import type { Page, ReadItem } from './wire.ts';

/** So many failures with no success between: the instant fails whatever is asked of it. */
const FAILURES_IN_A_ROW = 12;
/** Pages up to this size are seldom too large for anybody. */
const SMALL_PAGE = 125;
/** An instant of more rows than this is not looked through row by row. */
const ROWS_LIMIT = 20_000;

/** What looking through an instant that fails as a whole brought. */
export type Isolated =
  /** It is the size of the page that failed, and this is the largest that could be had. */
  | { readonly read: WindowRead; readonly perPage: number; readonly error: null }
  /** So many rows cannot be read, the last of them for this. */
  | { readonly read: WindowRead; readonly rows: number; readonly error: ForwardError };

/**
 * Reads an instant whose answer fails as a whole by smaller pages: where one fails, the smaller pages that it is made of, down
 * to single rows. What is left are the rows that the server cannot show, or that are larger than an answer may be. Throws
 * the failure where nothing can be read.
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

  /** A small page that fails is asked for again: one failure by chance must not teach that only single rows can be had. */
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
      // A server that cuts its pages numbers them by its own size: only pages that small add up.
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
