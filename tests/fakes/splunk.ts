import { readConcatenated } from './concatenated-json.ts';
import type { ParsedObject } from './concatenated-json.ts';
import type { FakeAnswer, FakeReceiver, FakeRequest } from './faults.ts';

export interface IndexedEvent {
  /** fields.event_id. */
  readonly id: string;
  readonly envelope: Readonly<Record<string, unknown>>;
  /** The text of `event` as it came. */
  readonly eventText: string;
}

export interface SplunkFake {
  readonly receive: FakeReceiver;
  readonly indexed: IndexedEvent[];
  /** What a careful client would not have done: has to stay empty. */
  readonly faults: string[];
  /** Event ids that are refused with `poisonCode`. */
  readonly poison: Set<string>;
  poisonCode: 6 | 12 | 13 | 15;
  /** Answered one after the other to requests with events, before anything is looked at. */
  readonly scriptedPosts: FakeAnswer[];
  /** Likewise for acknowledgement polls; null lets one through. */
  readonly scriptedPolls: (FakeAnswer | null)[];
  /** Polls that answer false before the first true. */
  pollsUntilTrue: number;
  maxBodyBytes: number;
  /** Say "too large" as Splunk Cloud does. */
  cloud: boolean;
  allowedIndexes: readonly string[];
  ack: boolean;
  /** The one token that is let in. */
  token: string;
  /** Sent with every answer. */
  cookies: readonly string[];
  readonly requests: FakeRequest[];
  /** The next requests with events stop at this one and say so, having indexed those before it: `[index, status, code]`. */
  readonly stops: (readonly [index: number, status: number, code: number])[];
  /** Before this post with events (the first is 1) the indexer crashes: its queue and every channel are gone. */
  restartBeforePost: number | null;
}

export const SPLUNK_TOKEN = '8c2f6a0e-55aa-4c33-9d0f-hec-token';

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const KEYS = new Set(['time', 'host', 'source', 'sourcetype', 'index', 'event', 'fields']);
const TEXTS: Readonly<Record<number, string>> = {
  0: 'Success',
  2: 'Token is required',
  3: 'Invalid authorization',
  4: 'Invalid token',
  5: 'No data',
  6: 'Invalid data format',
  7: 'Incorrect index',
  10: 'Data channel is missing',
  11: 'Invalid data channel',
  12: 'Event field is required',
  13: 'Event field cannot be blank',
  14: 'ACK is disabled',
  15: 'Error in handling indexed fields',
  17: 'HEC is healthy',
};

interface ChannelState {
  nextAckId: number;
  /** Polls answered with false so far, per id that waits. */
  readonly waiting: Map<number, number>;
}

/** HEC to the letter, stricter than most clones: parses in order and indexes as it goes. */
export function splunkFake(settings: { readonly ack?: boolean } = {}): SplunkFake {
  const channels = new Map<string, ChannelState>();
  const fake: SplunkFake = {
    indexed: [],
    faults: [],
    poison: new Set(),
    poisonCode: 6,
    scriptedPosts: [],
    scriptedPolls: [],
    pollsUntilTrue: 2,
    maxBodyBytes: 838_860_800,
    cloud: false,
    allowedIndexes: ['audit'],
    ack: settings.ack ?? true,
    token: SPLUNK_TOKEN,
    cookies: [],
    requests: [],
    restartBeforePost: null,
    stops: [],
    receive: (request) => {
      fake.requests.push(request);
      const answer = route(fake, channels, request);
      const headers = { 'content-type': 'application/json', ...answer.headers };
      return {
        ...answer,
        headers: { ...headers, ...(fake.cookies.length > 0 ? { 'set-cookie': fake.cookies } : {}) },
      };
    },
  };
  return fake;
}

/** A HEC answer. */
export function hec(status: number, code: number, more: Readonly<Record<string, unknown>> = {}): FakeAnswer {
  return { status, body: JSON.stringify({ text: TEXTS[code] ?? `text of code ${code}`, code, ...more }) };
}

function route(fake: SplunkFake, channels: Map<string, ChannelState>, request: FakeRequest): FakeAnswer {
  if ((request.headers['user-agent'] ?? '') === '') fake.faults.push('no user agent');
  if (request.path === '/services/collector/health') return hec(200, 17);
  const isEvent = request.path === '/services/collector/event';
  const postsSeen = fake.requests.filter((one) => one.path === '/services/collector/event').length;
  if (isEvent && postsSeen === fake.restartBeforePost) {
    channels.clear();
    fake.indexed.length = 0;
  }
  if (!isEvent && request.path !== '/services/collector/ack') return notFound(404);
  if (request.method !== 'POST') return notFound(405);
  const refused = authorize(fake, request);
  if (refused !== null) return refused;
  const channel = String(request.headers['x-splunk-request-channel'] ?? '');
  if (channel !== '' && !GUID.test(channel)) return hec(400, 11);
  if (channel === '') fake.faults.push('no channel');
  if (fake.ack && channel === '') return hec(400, 10);
  const state = channels.get(channel) ?? { nextAckId: 0, waiting: new Map<number, number>() };
  channels.set(channel, state);
  return isEvent ? takeEvents(fake, state, request) : answerPoll(fake, state, request);
}

function authorize(fake: SplunkFake, request: FakeRequest): FakeAnswer | null {
  const { authorization } = request.headers;
  if (authorization === undefined) return hec(401, 2);
  if (!authorization.startsWith('Splunk ')) return hec(401, 3);
  return authorization === `Splunk ${fake.token}` ? null : hec(403, 4);
}

function takeEvents(fake: SplunkFake, state: ChannelState, request: FakeRequest): FakeAnswer {
  const scripted = fake.scriptedPosts.shift();
  if (scripted !== undefined) return scripted;
  if (request.body.length === 0) return hec(400, 5);
  if (request.body.length > fake.maxBodyBytes) {
    return fake.cloud
      ? hec(400, 6, { 'invalid-event-number': 0 })
      : { status: 413, body: '<html>413</html>' };
  }
  if (request.headers['content-length'] === undefined) fake.faults.push('no content length');
  let taken = 0;
  const stop = fake.stops.shift();
  for (const [index, object] of readConcatenated(request.body.toString('utf8')).entries()) {
    if (stop !== undefined && index === stop[0]) return partly(fake, state, stop[2], index, stop[1]);
    const code = object === null ? 6 : refusal(fake, object);
    // The silent one: an unknown key drops this object and everything behind it.
    if (code === 'drop' || object === null) {
      if (object === null) return partly(fake, state, 6, index);
      break;
    }
    if (code === 7) return hec(400, 7, { 'invalid-event-number': index + 1 });
    if (code !== null) return partly(fake, state, code, index);
    fake.indexed.push(indexedEvent(object));
    taken += 1;
  }
  if (taken === 0) return hec(400, 5);
  return hec(200, 0, fake.ack ? { ackId: giveAckId(state) } : {});
}

function partly(
  fake: SplunkFake,
  state: ChannelState,
  code: number,
  index: number,
  status = 400,
): FakeAnswer {
  const acked = fake.ack && index > 0 ? { ackId: giveAckId(state) } : {};
  return hec(status, code, { 'invalid-event-number': index, ...acked });
}

function refusal(fake: SplunkFake, object: ParsedObject): number | 'drop' | null {
  const { value } = object;
  const unknown = Object.keys(value).filter((key) => !KEYS.has(key));
  if (unknown.length > 0) {
    fake.faults.push(`unknown envelope keys: ${unknown.join()}`);
    return 'drop';
  }
  for (const key of ['time', 'host', 'source', 'sourcetype', 'fields']) {
    if (!(key in value)) fake.faults.push(`no ${key} on an object`);
  }
  if (!/^-?\d+\.\d{3}$/.test(object.raw.get('time') ?? ''))
    fake.faults.push('time is not seconds.milliseconds');
  const { index } = value;
  if (index !== undefined && !(typeof index === 'string' && fake.allowedIndexes.includes(index))) return 7;
  if (!('event' in value)) return 12;
  if (value['event'] === null || value['event'] === '') return 13;
  const fields = (value['fields'] ?? {}) as Readonly<Record<string, unknown>>;
  for (const [name, entry] of Object.entries(fields)) {
    if (typeof entry === 'object') return 15;
    if (typeof entry !== 'string') fake.faults.push(`field ${name} is no string and is dropped`);
    if (!/^[A-Za-z.:][A-Za-z0-9_.:]*$/.test(name)) fake.faults.push(`field name ${name} is not allowed`);
  }
  return fake.poison.has(String(fields['event_id'])) ? fake.poisonCode : null;
}

function indexedEvent(object: ParsedObject): IndexedEvent {
  const fields = object.value['fields'] as Readonly<Record<string, unknown>>;
  return { id: String(fields['event_id']), envelope: object.value, eventText: object.raw.get('event') ?? '' };
}

function giveAckId(state: ChannelState): number {
  const id = state.nextAckId;
  state.nextAckId += 1;
  state.waiting.set(id, 0);
  return id;
}

/** True is said once; an id that is unknown, forgotten or already told is false like one that still waits. */
function answerPoll(fake: SplunkFake, state: ChannelState, request: FakeRequest): FakeAnswer {
  const scripted = fake.scriptedPolls.shift();
  if (scripted !== undefined && scripted !== null) return scripted;
  if (request.headers['content-encoding'] !== undefined) fake.faults.push('a compressed poll');
  if (!fake.ack) return hec(400, 14);
  const { acks } = JSON.parse(request.body.toString('utf8')) as { readonly acks: readonly number[] };
  const told = acks.map((id): [string, boolean] => {
    const polls = state.waiting.get(id);
    if (polls === undefined) return [String(id), false];
    state.waiting.set(id, polls + 1);
    if (polls < fake.pollsUntilTrue) return [String(id), false];
    state.waiting.delete(id);
    return [String(id), true];
  });
  return { status: 200, body: JSON.stringify({ acks: Object.fromEntries(told) }) };
}

function notFound(status: number): FakeAnswer {
  return { status, body: '{"text":"The requested URL was not found on this server.","code":404}' };
}
