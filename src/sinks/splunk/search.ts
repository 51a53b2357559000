import { ForwardError, oneLine } from '../../model/errors.ts';
import type { Clock } from '../../model/clock.ts';
import { exchangeWith } from '../../net/credentials.ts';
import type { HttpClient } from '../../net/http.ts';
import { readHttpAddress } from '../http-address.ts';
import { placeOf, statusFailure } from '../http-fates.ts';
import type { SplunkSearchOptions } from './options.ts';

const EXPORT_PATH = '/services/search/v2/jobs/export';
/** Ids in one search: keeps the search text near 16 kB. */
const IDS_PER_SEARCH = 250;
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const SEARCH_TIMEOUT_MS = 120_000;

export interface SearchContext {
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly userAgent: string;
}

/**
 * How many copies of each event the index holds, by the indexed field event_id. Reads index files only, so that it is
 * quick also over millions of events. Ids that are not there are left out. Recent events show up some seconds late.
 */
export async function countCopies(
  options: SplunkSearchOptions,
  index: string | undefined,
  ids: readonly string[],
  context: SearchContext,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const copies = new Map<string, number>();
  for (let start = 0; start < ids.length; start += IDS_PER_SEARCH) {
    const asked = new Set(ids.slice(start, start + IDS_PER_SEARCH));
    const rows = await runSearch(options, searchFor(index, [...asked]), context, signal);
    for (const { event_id: id, count } of rows) {
      // A star in an id would match others as well: only what was asked for is told.
      if (typeof id === 'string' && asked.has(id)) copies.set(id, Number(count));
    }
  }
  return copies;
}

/** Source: Splunk's tstats; the values are quoted, so that an id cannot become a command. */
export function searchFor(index: string | undefined, ids: readonly string[]): string {
  const where = index === undefined ? 'index=*' : `index=${quoted(index)}`;
  return `| tstats count where ${where} event_id IN (${ids.map(quoted).join(',')}) by event_id`;
}

/** Rows of a search, each an object of strings. */
export async function runSearch(
  options: SplunkSearchOptions,
  search: string,
  context: SearchContext,
  signal: AbortSignal,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const url = exportUrl(options.url);
  // Events carry their own time, so all of it is searched; a day ahead, because clocks differ.
  const range = { earliest_time: '0', latest_time: '+1d' };
  const form = new URLSearchParams({ search, output_mode: 'json', preview: 'false', ...range });
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'user-agent': context.userAgent,
  };
  const limits = { timeoutMs: SEARCH_TIMEOUT_MS, maxResponseBytes: MAX_RESPONSE_BYTES };
  const request = { method: 'POST', url, body: form.toString(), ...limits } as const;
  const response = await exchangeWith(
    context.client,
    async (show) => ({
      ...request,
      headers: { ...headers, authorization: `Bearer ${await show(options.token)}` },
    }),
    signal,
  );
  if (response.status !== 200) {
    const failure = statusFailure(placeOf(url), response, context.clock.now());
    if (failure.kind !== 'rejected') throw failure;
    throw new ForwardError('denied', `${failure.message}: the search was refused`, {
      hint: 'check that the address is the management port and that the user may search the index',
    });
  }
  const lines = response.body.toString('utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').flatMap((line) => readRow(line, placeOf(url)));
}

interface SearchMessage {
  readonly type?: unknown;
  readonly text?: unknown;
}

/** One line of the stream: a result, or a message that may say the search has failed. */
function readRow(line: string, where: string): readonly Readonly<Record<string, unknown>>[] {
  let row: { readonly result?: unknown; readonly messages?: unknown } | null;
  try {
    row = JSON.parse(line) as typeof row;
  } catch (error) {
    throw new ForwardError('transient', `${where} answered a line that is not JSON`, { cause: error });
  }
  const messages = Array.isArray(row?.messages) ? (row.messages as readonly (SearchMessage | null)[]) : [];
  const bad = messages.find((entry) => entry?.type === 'FATAL' || entry?.type === 'ERROR');
  if (bad?.type !== undefined) {
    throw new ForwardError('transient', `${where} could not search: ${oneLine(String(bad.text))}`);
  }
  const result = row?.result;
  return typeof result === 'object' && result !== null ? [result as Readonly<Record<string, unknown>>] : [];
}

function exportUrl(address: string): URL {
  const url = readHttpAddress(address);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${EXPORT_PATH}`;
  return url;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
