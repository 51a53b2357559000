import { parseTime } from '../model/time.ts';
import { basicError, fieldError, html } from './answers.ts';
import type { PlatformResponse } from './answers.ts';
import { factsOf, isPoison, jsonOf } from './body.ts';
import type { SimulatorOptions } from './options.ts';
import { shuffle } from './random.ts';
import type { Random } from './random.ts';
import type { Instant, Rows } from './rows.ts';
import { cutTo } from './stream.ts';
import type { Row } from './stream.ts';

const MAX_PER_PAGE = 1000;
const DEFAULT_PER_PAGE = 100;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A server takes RFC 3339 only: a T, and an offset. */
const STRICT_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

interface ListQuery {
  readonly page: number;
  readonly perPage: number;
  readonly from: Instant | null;
  readonly to: Instant | null;
  /** Null: no filter but the times. */
  readonly matches: ((row: Row) => boolean) | null;
}

/**
 * GET /audit-logs. Bounds, defaults and metadata as the vendor's OpenAPI says; the order, the ties and the rest that it
 * leaves open as the switches say. Filters match whole values, `search` any part in any case: both are invented.
 */
export function listAuditLogs(
  rows: Rows,
  query: URLSearchParams,
  options: SimulatorOptions,
  random: Random,
  nowMs: number,
): PlatformResponse {
  const asked = parseQuery(query, options);
  if ('status' in asked) return asked;
  const within = rows.between(asked.from, asked.to, options.end_exclusive);
  const refusal = tooMuch(asked, within, options);
  if (refusal !== null) return refusal;
  const found = asked.matches === null ? within : within.filter(asked.matches);
  arrange(found, options.order, random);
  const size = options.page_clamp > 0 ? Math.min(asked.perPage, options.page_clamp) : asked.perPage;
  const start = (asked.page - 1) * size;
  const items = found.slice(start, start + size).map((row) => jsonOf(row, options, nowMs));
  const metadata = {
    page_size: size,
    ...(options.totals ? { total_count: found.length } : {}),
    ...(options.totals && options.last_page
      ? { last_page: Math.max(1, Math.ceil(found.length / size)) }
      : {}),
    time_ms: 1 + Math.floor(found.length / 10_000),
  };
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: `{"items":[${items.join(',')}],"metadata":${JSON.stringify(metadata)}}`,
  };
}

/** The failure of a list that is too much for the server, or that holds an event it cannot show; null for any other. */
function tooMuch(
  asked: ListQuery,
  within: readonly Row[],
  options: SimulatorOptions,
): PlatformResponse | null {
  const { span, rows, per_page: perPage, answer } = options.limits;
  if (within.some((row) => isPoison(row, options))) return basicError(500, 'internal error');
  const spanMs = (asked.to?.ms ?? Infinity) - (asked.from?.ms ?? -Infinity);
  const pages = perPage > 0 && asked.perPage > perPage;
  if (!pages && !(span > 0 && spanMs > span) && !(rows > 0 && within.length > rows)) return null;
  switch (answer) {
    case 'hang':
    case 'reset':
      return { status: 200, headers: {}, body: '', fault: answer };
    case '400':
    case '422':
      return fieldError(
        Number(answer),
        pages ? `per_page must not exceed ${perPage}` : 'the range is too large',
      );
    case '500':
      return basicError(500, 'internal error');
    case '413':
    case '502':
    case '504':
      return html(Number(answer), answer);
  }
}

/** Puts rows that come oldest first into the order of the switch. */
function arrange(rows: Row[], order: SimulatorOptions['order'], random: Random): void {
  if (order === 'asc') return;
  if (order === 'random') return shuffle(rows, 0, rows.length, random);
  rows.reverse();
  if (order === 'shuffled_ties') shuffleTies(rows, random);
}

function shuffleTies(rows: Row[], random: Random): void {
  let from = 0;
  for (let index = 1; index <= rows.length; index += 1) {
    const first = rows[from];
    const row = rows[index];
    if (first !== undefined && row !== undefined && row.ms === first.ms && row.sub === first.sub) continue;
    if (index - from > 1) shuffle(rows, from, index, random);
    from = index;
  }
}

function parseQuery(query: URLSearchParams, options: SimulatorOptions): ListQuery | PlatformResponse {
  const faults: Record<string, string> = {};
  const perPage = whole(query, 'per_page', DEFAULT_PER_PAGE, MAX_PER_PAGE, faults);
  const page = whole(query, 'page', 1, Number.MAX_SAFE_INTEGER / MAX_PER_PAGE, faults);
  const from = bound(query, 'start_time', options, faults);
  const to = bound(query, 'end_time', options, faults);
  const userId = query.get('user_id') ?? '';
  if (userId !== '' && !UUID.test(userId)) faults['user_id'] = 'must be a UUID';
  if (Object.keys(faults).length > 0) return fieldError(400, 'invalid query parameters', faults);
  return { page, perPage, from, to, matches: matcher(query, options) };
}

function whole(
  query: URLSearchParams,
  key: string,
  missing: number,
  maximum: number,
  faults: Record<string, string>,
): number {
  const text = query.get(key);
  if (text === null) return missing;
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= maximum) return value;
  faults[key] =
    key === 'page' ? 'must be a whole number from 1' : `must be a whole number from 1 to ${maximum}`;
  return missing;
}

function bound(
  query: URLSearchParams,
  key: string,
  options: SimulatorOptions,
  faults: Record<string, string>,
): Instant | null {
  const text = query.get(key);
  if (text === null) return null;
  const ns = STRICT_TIME.test(text) ? parseTime(text) : null;
  if (ns === null) {
    faults[key] = 'must be an RFC 3339 time';
    return null;
  }
  const ms = ns / 1_000_000n - (ns % 1_000_000n < 0n ? 1n : 0n);
  return cutTo(options.filter_precision, Number(ms), Number(ns - ms * 1_000_000n));
}

function matcher(query: URLSearchParams, options: SimulatorOptions): ((row: Row) => boolean) | null {
  const wanted = (key: string) => query.get(key) ?? '';
  const userId = wanted('user_id').toLowerCase();
  const type = wanted('event_type');
  const entity = wanted('entity_display_name');
  const address = wanted('user_ip_address');
  const search = wanted('search').toLowerCase();
  const team = options.api === 'v1' ? wanted('team_name') : '';
  if ([userId, type, entity, address, search, team].every((value) => value === '')) return null;
  return (row) => {
    const shown = shownBy(row);
    const searched = [shown.name, shown.type, shown.entity, shown.address];
    if (options.api === 'v1') searched.push(shown.team);
    return (
      (userId === '' || shown.userId === userId) &&
      (type === '' || shown.type === type) &&
      (entity === '' || shown.entity === entity) &&
      (address === '' || shown.address === address) &&
      (team === '' || shown.team === team) &&
      (search === '' || searched.some((text) => text.toLowerCase().includes(search)))
    );
  };
}

type Shown = Record<'userId' | 'name' | 'type' | 'entity' | 'address' | 'team', string>;

function shownBy(row: Row): Shown {
  if (row.given?.json !== undefined) return shownByText(row.given.json);
  const facts = factsOf(row);
  return {
    userId: facts.person?.id ?? '',
    name: facts.person?.name ?? '',
    type: facts.type.name,
    entity: facts.entity ?? '',
    address: facts.address,
    team: facts.team ?? '',
  };
}

function shownByText(json: string): Shown {
  const event = parsed(json);
  const user = (event['user'] ?? {}) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    userId: text(user['id']),
    name: text(user['name']),
    type: text(event['event_type']),
    entity: text(event['entity_display_name']),
    address: text(event['user_ip_address']),
    team: text(event['team_name']),
  };
}

function parsed(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>;
  } catch {
    return {}; // a test may list what is no JSON; no filter finds it
  }
}
