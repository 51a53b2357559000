import type { FakeAnswer, FakeReceiver, FakeRequest } from './faults.ts';

/** The columns that docs/sinks/sentinel.md declares. */
const COLUMNS: Readonly<Record<string, 'string' | 'datetime' | 'dynamic'>> = {
  TimeGenerated: 'datetime',
  EventTime: 'datetime',
  EventId: 'string',
  EventType: 'string',
  Outcome: 'string',
  Severity: 'string',
  ActorId: 'string',
  ActorEmail: 'string',
  SourceAddress: 'string',
  Instance: 'string',
  Event: 'dynamic',
};
const LIMIT_BYTES = 1_000_000;
const VALUE_LIMIT_BYTES = 64 * 1024;

export interface SentinelFake {
  readonly receive: FakeReceiver;
  /** Rows as they were sent, in order. */
  readonly rows: { readonly EventId: string; readonly text: string }[];
  readonly poison: Set<string>;
  /** Tokens that were given; the last one is good. */
  readonly tokens: string[];
  /** Answers every row with this. */
  refusal: FakeAnswer | null;
}

/** Stricter than Azure: what it would drop, cut or lose without a word throws here, and the connection breaks. */
export function sentinelFake(secret: string): SentinelFake {
  const fake: SentinelFake = {
    rows: [],
    poison: new Set(),
    tokens: [],
    refusal: null,
    receive: (request) => {
      if (request.path === '/tenant-1/oauth2/v2.0/token') return giveToken(request, secret, fake.tokens);
      if (request.path !== '/dataCollectionRules/dcr-00aa/streams/Custom-CloudQueryAudit')
        return failure(404, 'NotFound');
      if (request.query.get('api-version') !== '2023-01-01') return failure(400, 'InvalidApiVersion');
      if (request.headers.authorization !== `Bearer ${fake.tokens.at(-1)}`)
        return failure(401, 'InvalidToken');
      if (fake.refusal !== null) return fake.refusal;
      if (request.body.length > LIMIT_BYTES) return failure(413, 'ContentLengthLimitExceeded');
      const rows = readRows(request);
      if (rows.some(({ EventId }) => fake.poison.has(EventId))) return failure(400, 'InvalidPayload');
      fake.rows.push(...rows);
      return { status: 204 };
    },
  };
  return fake;
}

function giveToken(request: FakeRequest, secret: string, tokens: string[]): FakeAnswer {
  const form = Object.fromEntries(new URLSearchParams(request.body.toString()));
  const json = { 'content-type': 'application/json' };
  const good =
    form['grant_type'] === 'client_credentials' &&
    form['client_id'] === 'app-1' &&
    form['scope'] === 'https://monitor.azure.com/.default' &&
    form['client_secret'] === secret;
  if (!good) {
    const body = {
      error: 'invalid_client',
      error_description: `AADSTS7000215: ${form['client_secret']} is wrong`,
    };
    return { status: 401, headers: json, body: JSON.stringify(body) };
  }
  tokens.push(`token-number-${tokens.length + 1}`);
  return {
    status: 200,
    headers: json,
    body: JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: tokens.at(-1) }),
  };
}

function readRows(request: FakeRequest): { EventId: string; text: string }[] {
  if (request.headers['content-type'] !== 'application/json') throw new Error('not JSON');
  const rows = JSON.parse(request.body.toString('utf8')) as Record<string, unknown>[];
  if (!Array.isArray(rows)) throw new Error('a body that is no array gets 204 and is lost');
  return rows.map((row) => {
    for (const [name, value] of Object.entries(row)) {
      const type = COLUMNS[name];
      if (type === undefined) throw new Error(`the column ${name} is not declared and would be dropped`);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      if (Buffer.byteLength(text) > VALUE_LIMIT_BYTES) throw new Error(`${name} would be cut`);
      if (type === 'datetime' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(text))
        throw new Error(`${name} is no time that every table reads`);
      if (type === 'string' && typeof value !== 'string') throw new Error(`${name} is no text`);
    }
    if (typeof row['TimeGenerated'] !== 'string') throw new Error('TimeGenerated is mandatory');
    return { EventId: row['EventId'] as string, text: JSON.stringify(row) };
  });
}

function failure(status: number, code: string): FakeAnswer {
  const body = JSON.stringify({ error: { code, message: 'in the words of the service' } });
  return { status, headers: { 'content-type': 'application/json' }, body };
}
