/**
 * The table of the simulator's switches. The schema, the defaults, the command's flags and the check of live changes
 * are all made from it, so that a switch is described once.
 */
export interface Switch {
  /** `order`, or `late.share` for one inside a group. */
  readonly path: string;
  readonly kind: 'flag' | 'text' | 'time' | 'choice' | 'choices' | 'number' | 'integer' | 'duration' | 'size';
  readonly initial: boolean | string | number | readonly string[];
  readonly choices?: readonly string[];
  /** Inclusive; zero when absent. */
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description: string;
  /** What the group is about; on its first switch. */
  readonly group?: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MAX_ROWS_AT_ONCE = 1_000_000;
const MAX_DETAILS_BYTES = 1_048_576;
const MAX_PER_PAGE = 1000;
const PRECISIONS = ['s', 'ms', 'us', 'ns'];
const LIMIT_ANSWERS = ['400', '413', '422', '500', '502', '504', 'hang', 'reset'];
const FAULTS = ['500', '502', '503', '429', 'reset', 'truncate', 'html', 'hang', 'slow'];

export const switches: readonly Switch[] = [
  text('listen', '127.0.0.1:9465', 'Address and port to listen on; port 0 picks a free one.'),
  choice(
    'api',
    ['v2', 'v1'],
    'Which API to speak: v1 has team_name in events and parameters, and a slim user.',
  ),
  text('api_key', 'demo-key', 'The bearer key it demands; empty asks for none.'),
  integer(
    'seed',
    1,
    0xffff_ffff,
    'The same seed gives the same events for the same minutes, also after a restart.',
  ),
  duration('history', DAY_MS, 'How far back events exist when it starts.'),
  time('since', 'When the first event can be, as a time; overrides history and stays put over restarts.'),
  number('rate', 10, 1_000_000, 'Events per minute, on average.'),
  {
    ...duration('burst.every', 0, 'A burst at every multiple of this; 0s for none.'),
    group: 'Bulk operations that write many events within milliseconds.',
  },
  integer('burst.rows', 2500, MAX_ROWS_AT_ONCE, 'Events in one burst.'),
  { ...number('burst.rows_per_ms', 40, 100_000, 'Events of a burst per millisecond.'), minimum: 0.001 },
  {
    ...integer('instant.rows', 0, MAX_ROWS_AT_ONCE, 'Events with one identical created_at; 0 for none.'),
    group: 'One instant that no window can split.',
  },
  duration('instant.ago', 10 * MINUTE_MS, 'How long before the start the instant was.'),
  time('instant.at', 'When the instant was, as a time; overrides ago and stays put over restarts.'),
  {
    ...choice(
      'order',
      ['asc', 'desc', 'shuffled_ties', 'random'],
      'Order of the list; shuffled_ties is newest first with equal times in a new order on each request.',
    ),
    initial: 'shuffled_ties',
  },
  {
    ...choice('precision', PRECISIONS, 'Digits of created_at; trailing zeros are not written.'),
    initial: 'us',
  },
  {
    ...choice(
      'filter_precision',
      PRECISIONS,
      'What the server cuts start_time and end_time down to before it compares.',
    ),
    initial: 'ns',
  },
  flag('end_exclusive', false, 'Leaves out events at exactly end_time, against the documentation.'),
  flag('totals', true, 'Gives total_count and last_page; off gives neither.'),
  flag('last_page', true, 'Gives last_page, when totals is on.'),
  integer('page_clamp', 0, MAX_PER_PAGE, 'Largest per_page it honours, silently; 0 for no clamp.'),
  {
    ...share('late.share', 'Share of events that become visible late.'),
    group: 'A tail of events that show up long after their created_at.',
  },
  duration('late.up_to', 3 * HOUR_MS, 'The most a late event is late.'),
  duration(
    'visibility_lag',
    0,
    'Typical time from created_at to being visible; each event takes half to one and a half times it.',
  ),
  integer('drift', 0, 10_000, 'Events that appear in the last minute after each page read.'),
  duration('retention', 0, 'Older events vanish, also between two pages; 0s keeps all.'),
  share('duplicate_ids', 'Share of events that are listed twice, byte for byte.'),
  share('missing_ids', 'Share of events without an id: no key, null, blanks, or the nil UUID.'),
  share('shared_ids', 'Share of events that state the id of another event.'),
  share(
    'malformed',
    'Share of items that are no events: null, a text, a number, a list, no created_at, an unreadable one.',
  ),
  share(
    'odd',
    'Share of events with an unusual user or address: no user, an empty address, host:port, a list, IPv6.',
  ),
  {
    ...share('stray.share', 'Share of events that show another created_at than the one they are listed by.'),
    group: 'Times that differ from the time filter, such as local times.',
  },
  {
    ...duration('stray.by', 3 * HOUR_MS, 'Shown time minus listed time; may be negative.'),
    minimum: -DAY_MS,
  },
  text('created_at_key', 'created_at', 'The key that holds created_at, as after a renaming.'),
  share('poison', 'Share of events that make each list fail with 500 whose window holds them.'),
  {
    ...duration('limits.span', 0, 'Longest window that is answered; 0s for any.'),
    group: 'Lists that are too much for the server, which answers something smaller.',
  },
  integer('limits.rows', 0, MAX_ROWS_AT_ONCE, 'Most events in a window that is answered; 0 for any.'),
  integer('limits.per_page', 0, MAX_PER_PAGE, 'Largest per_page that is answered; 0 for any.'),
  choice('limits.answer', LIMIT_ANSWERS, 'What it does with more.'),
  flag(
    'live_users',
    false,
    'Shows users as of the read, so that the same event comes back with another body.',
  ),
  { ...duration('clock_skew', 0, 'Its clock minus the real one; may be negative.'), minimum: -365 * DAY_MS },
  duration('latency', 0, 'Time before each answer.'),
  { ...share('faults.share', 'Share of requests that fail.'), group: 'Failing answers.' },
  {
    path: 'faults.kinds',
    kind: 'choices',
    initial: FAULTS,
    choices: FAULTS,
    description: 'Which failures, each as likely as the others.',
  },
  {
    ...number(
      'rate_limit.requests_per_second',
      0,
      100_000,
      'Requests per second before 429; 0 for no limit.',
    ),
    group: 'Answers 429 to requests beyond a rate.',
  },
  choice('rate_limit.retry_after', ['seconds', 'date', 'none'], 'Form of the Retry-After header.'),
  choice(
    'plan',
    ['enterprise', 'foundations'],
    'The plan of the tenant; foundations has no audit log and answers 403.',
  ),
  flag('role_ok', true, 'Whether the role of the key may read the audit log; off answers 403.'),
  {
    path: 'details_bytes',
    kind: 'size',
    initial: 300,
    maximum: MAX_DETAILS_BYTES,
    description: 'Least size of event_details; 0 leaves them out.',
  },
];

function text(path: string, initial: string, description: string): Switch {
  return { path, kind: 'text', initial, description };
}

function time(path: string, description: string): Switch {
  return { path, kind: 'time', initial: '', description };
}

function choice(path: string, choices: readonly string[], description: string): Switch {
  return { path, kind: 'choice', initial: choices[0] ?? '', choices, description };
}

function flag(path: string, initial: boolean, description: string): Switch {
  return { path, kind: 'flag', initial, description };
}

function integer(path: string, initial: number, maximum: number, description: string): Switch {
  return { path, kind: 'integer', initial, maximum, description };
}

function number(path: string, initial: number, maximum: number, description: string): Switch {
  return { path, kind: 'number', initial, maximum, description };
}

function share(path: string, description: string): Switch {
  return { path, kind: 'number', initial: 0, maximum: 1, description };
}

function duration(path: string, initial: number, description: string): Switch {
  return { path, kind: 'duration', initial, description };
}
