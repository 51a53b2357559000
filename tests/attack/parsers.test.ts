import { Buffer } from 'node:buffer';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readAddress as readPostgres } from '../../src/checkpoint/postgres/address.ts';
import { readReceipts } from '../../src/checkpoint/receipts.ts';
import { readSecretPlace } from '../../src/cli/init-template.ts';
import { parseTemplate } from '../../src/config/interpolate.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { readTree } from '../../src/config/tree.ts';
import { parseListen } from '../../src/config/validate.ts';
import { readAddress } from '../../src/formats/address.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { createClassify } from '../../src/formats/classify.ts';
import { readHeartbeat } from '../../src/formats/heartbeat.ts';
import { readJson } from '../../src/formats/json.ts';
import { surveyJson } from '../../src/formats/json-text.ts';
import { idOfLine } from '../../src/formats/line-ids.ts';
import { createRedact } from '../../src/formats/redact.ts';
import { formats } from '../../src/formats/registry.ts';
import { contentHash, valuesHash } from '../../src/model/content-hash.ts';
import { ForwardError, oneLine } from '../../src/model/errors.ts';
import { eventIdOf } from '../../src/model/event-id.ts';
import { globOf } from '../../src/model/glob.ts';
import { createHide } from '../../src/model/hide.ts';
import { lightJson } from '../../src/model/light-json.ts';
import { parseMoment } from '../../src/model/moment.ts';
import { parseTime } from '../../src/model/time.ts';
import { parseDuration, parseSize } from '../../src/model/units.ts';
import { readTokenUrl } from '../../src/net/auth.ts';
import { dateMs, mediaType, retryAfterMs } from '../../src/net/http.ts';
import { readProxies } from '../../src/net/proxies.ts';
import { linesOf } from '../../src/records/export-lines.ts';
import { parseRuns } from '../../src/records/seq-runs.ts';
import { readPublicKeys } from '../../src/records/signatures.ts';
import { recordsIn } from '../../src/records/unwrap.ts';
import { cloudIdUrl } from '../../src/sinks/elastic/cloud-id.ts';
import { readItems } from '../../src/sinks/elastic/fates.ts';
import { readTarget } from '../../src/sinks/elastic/target.ts';
import { toldByText } from '../../src/sinks/elastic/told.ts';
import { readHttpAddress } from '../../src/sinks/http-address.ts';
import { assertEvent, assertRequest } from '../../src/sinks/http/template.ts';
import { asFailure, partitionAnswers } from '../../src/sinks/kafka/faults.ts';
import { readBroker } from '../../src/sinks/kafka/options.ts';
import { errorType } from '../../src/sinks/otlp/error-type.ts';
import { readAnswer as readOtlp } from '../../src/sinks/otlp/answer.ts';
import { readName } from '../../src/sinks/s3/object.ts';
import { codeOf } from '../../src/sinks/s3/store.ts';
import { readAnswer as readHec, verdictOn } from '../../src/sinks/splunk/codes.ts';
import { parseAddress } from '../../src/sinks/syslog/address.ts';
import { safeBody } from '../../src/sinks/syslog/message.ts';
import { prefix5424 } from '../../src/sinks/syslog/rfc5424.ts';
import { splitObject } from '../../src/sinks/syslog/json-members.ts';
import { createRelpDecoder, RelpFramingError } from '../../src/sinks/syslog/relp-frame.ts';
import { AnswerFault, readPage } from '../../src/sources/cloudquery/wire.ts';
import { journaled, ORIGIN } from '../formats/events.ts';
import { HOSTILE_STRINGS } from '../contract/items.ts';
import { garbage } from './garbage.ts';
import { growsTooFast } from './growth.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from './seed.ts';

interface Parser {
  readonly name: string;
  /** Texts that it takes. */
  readonly good: readonly string[];
  readonly run: (text: string) => unknown;
  /** What stands around a repeated unit when growth is measured; absent: nothing. */
  readonly around?: readonly (readonly [string, string])[];
  /** What is refused before it could cost anything, so that there is no growth to be measured. */
  readonly limited?: true;
}

const ITEM =
  '{"id":"0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f01","event_type":"role.updated","created_at":"2026-01-02T03:04:05.123456789Z",' +
  '"is_success":true,"user":{"id":"u","email":"ana@acme.example","roles":[{"id":"r","name":"Admin"}]},' +
  '"user_ip_address":"203.0.113.7","event_details":{"reason":"why","target_user":{"email":"bob@acme.example"},' +
  '"changes":{"a":[1,1.50,18446744073709551615]},"dsn":"postgres://u:hunter2@db/x"}}';
const PAGE = `{"items":[${ITEM},${ITEM}],"metadata":{"page_size":1000,"total_count":2,"page":1}}`;
const CONFIG =
  "state: { dir: ./data }\nsources: { platform: { type: cloudquery, url: 'http://127.0.0.1:9', api_key: '${KEY:-k}', start: 1h30m } }\n" +
  "sinks:\n  archive: { type: file, path: ./out.ndjson, format: raw, rotate: { size: 1MiB }, where: { event_type: ['user.*'] } }\n";
const KEY =
  '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n';

const canonicalize = createCanonicalize();
const redact = createRedact();
const classify = createClassify();
const hide = createHide([{ secret: { known: () => ['q7Xk2Vw9Zr4Tn8Bp'] }, username: undefined }]);
const rendered = formats.map((definition) => definition.create({}));
const allParts = await loadParts();
const where = 'http://receiver.example/in';
const answered = (text: string, status = 200, type = 'application/json') => ({
  status,
  headers: { 'content-type': type },
  body: Buffer.from(text),
});

const PARSERS: readonly Parser[] = [
  { name: 'durations', good: ['1h30m', '1.5h', '30d'], run: parseDuration },
  { name: 'sizes', good: ['512KiB', '1.5GB', '7'], run: parseSize },
  { name: 'times', good: ['2026-01-02T03:04:05.123456789Z', '2026-01-02 03:04:05+02:00'], run: parseTime },
  {
    name: 'moments',
    good: ['30d', 'now', 'beginning', '2026-01-02T03:04:05Z'],
    run: (text) => parseMoment(text, 0),
  },
  {
    name: 'globs',
    good: ['user.*', '?*?'],
    run: (text) => globOf(text.slice(0, 500))('user.login'.repeat(20)),
  },
  { name: 'texts of globs', good: ['user.login'], run: globOf('*u*s?e*r*.*l*o*g*') },
  {
    name: 'addresses of events',
    good: ['203.0.113.7:443', '[2001:db8::1%eth0]:443', '"::ffff:1.2.3.4", 10.0.0.1'],
    run: readAddress,
  },
  { name: 'event types', good: ['user_login', 'DeleteAPIKey', 'team member added'], run: classify },
  {
    name: 'items',
    good: [ITEM],
    run: (text) => renderAll(text),
    around: [
      ['', ''],
      ['{"event_type":"', '"}'],
      ['{"event_details":"', '"}'],
      ['{"user":{"email":"', '"}}'],
    ],
  },
  {
    name: 'redaction',
    good: [ITEM, 'Bearer abc', 'postgres://u:p@h/d'],
    run: redact,
    around: [
      ['', ''],
      ['{"a":"', '"}'],
    ],
  },
  {
    name: 'JSON of events',
    good: [ITEM],
    run: readJson,
    around: [
      ['', ''],
      ['{"a":"', '"}'],
      ['[', ']'],
    ],
  },
  {
    name: 'survey of JSON',
    good: [ITEM],
    run: surveyJson,
    around: [
      ['', ''],
      ['[', ']'],
      ['"', '"'],
    ],
  },
  {
    name: 'light JSON',
    good: [ITEM],
    run: lightJson,
    around: [
      ['', ''],
      ['[', ']'],
      ['"', '"'],
    ],
  },
  {
    name: 'hashes of items',
    good: [ITEM],
    run: (text) => [eventIdOf(text, text), onJson(text, () => [contentHash(text), valuesHash(text)])],
    around: [
      ['', ''],
      ['{"a":"', '"}'],
    ],
  },
  {
    name: 'pages of the Platform',
    good: [PAGE],
    run: (text) => readPage(Buffer.from(text), where),
    around: [
      ['', ''],
      ['{"items":[', '],"metadata":{}}'],
      ['{"message":"', '"}'],
      ['{"items":["', '"],"metadata":{"page_size":1}}'],
    ],
  },
  {
    name: 'ids of lines',
    good: ['CEF:0|a|b|c|d|e|5|externalId=x flexString2=y', 'LEEF:2.0|a|b|c|d|x09|eventId=x\tb=c', ITEM],
    run: idOfLine,
    around: [
      ['', ''],
      ['CEF:0|a|b|c|d|e|5|', ''],
      ['CEF:0|', ''],
      ['LEEF:2.0|a|b|c|d|x09|', ''],
      ['{"id":"', '"}'],
    ],
  },
  { name: 'heartbeats', good: [ITEM], run: (text) => onJson(text, readHeartbeat as never) },
  {
    name: 'exported records',
    good: [`{"result":{"_raw":${JSON.stringify(ITEM)}}}`, `{"hits":{"hits":[{"_source":${ITEM}}]}}`],
    run: recordsIn,
    around: [
      ['', ''],
      ['<14>1 - - - - - ', ''],
      ['{"_raw":"', '"}'],
    ],
  },
  { name: 'runs of seqs', good: ['1-2,4,6-9'], run: parseRuns },
  { name: 'public keys', good: [KEY], run: readPublicKeys },
  { name: 'receipts', good: ['[["2026-01-01T00:00:00.000Z","5"]]'], run: (text) => readReceipts(text) },
  {
    name: 'configuration',
    good: [CONFIG],
    run: (text) => parseConfig(text, '/nowhere/a.yaml', {}, allParts),
    limited: true,
  },
  {
    name: 'YAML',
    good: [CONFIG, 'a: &x [1, {b: *x}]\n<<: *x\n'],
    run: (text) => readTree(text),
    // The operator's own file, of at most a mebibyte.
    limited: true,
  },
  { name: 'templates of values', good: ['${A:-b}', '$${file:x}', '${file:/run/x}'], run: parseTemplate },
  { name: 'addresses to listen on', good: ['127.0.0.1:9464', '[::1]:0', 'off'], run: parseListen },
  { name: 'places of secrets', good: ['A_B', './key'], run: readSecretPlace },
  {
    name: 'PostgreSQL URLs',
    good: ['postgres://u:p@h:5432/d?sslmode=verify-full'],
    run: (text) => readPostgres(text, {}),
  },
  {
    name: 'proxies',
    good: ['http://u:p@proxy:3128', '10.0.0.0/8,.acme.example,[::1]'],
    run: (text) =>
      readProxies({ HTTP_PROXY: 'http://p:1', HTTPS_PROXY: text.slice(0, 4_000), NO_PROXY: text }).for({
        protocol: 'https:',
        hostname: 'siem.example',
        port: '',
      }),
  },
  {
    name: 'Retry-After and Date',
    good: ['120', 'Fri, 02 Jan 2026 03:04:05 GMT'],
    run: (text) => [
      retryAfterMs({ 'retry-after': text }, 0),
      dateMs({ date: text }),
      mediaType({ 'content-type': text }),
    ],
  },
  { name: 'addresses over HTTP', good: ['https://siem.example:8088/x'], run: readHttpAddress },
  { name: 'token URLs', good: ['https://login.example/token'], run: readTokenUrl },
  { name: 'syslog addresses', good: ['tls://siem:6514', 'udp://[::1]:514'], run: parseAddress },
  { name: 'brokers', good: ['kafka:9093', '[::1]:9092'], run: readBroker },
  { name: 'cloud ids', good: ['x:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRhYmMkZGVm'], run: cloudIdUrl },
  {
    name: 'data streams',
    good: ['logs-cloudquery.audit-default', 'logs-a-b'],
    run: (text) => [readTarget(text, undefined), readTarget(undefined, 'audit')],
  },
  {
    name: 'templates of bodies',
    good: ['{"a":{event}}', '{"logs":[{events}]}'],
    run: (text) => (text.includes('{events}') ? assertRequest(text) : assertEvent(text)),
  },
  { name: 'names of objects', good: ['a/2026/01/02/0001-0002-abc.ndjson.gz'], run: readName },
  {
    name: 'HEC answers',
    good: ['{"text":"Success","code":0,"ackId":1}', '{"text":"x","code":6,"invalid-event-number":1}'],
    run: (text) =>
      [200, 400, 503].map((status) => [
        readHec(answered(text, status)),
        verdictOn(answered(text, status), { where, events: 3, bytes: 10, nowMs: 0 }),
      ]),
    around: [
      ['', ''],
      ['{"code":6,"text":"', '"}'],
    ],
  },
  {
    name: 'bulk answers',
    good: [
      '{"errors":true,"items":[{"create":{"_index":"a","status":201}},{"create":{"status":400,"error":{"type":"x","reason":"y"}}}]}',
    ],
    run: (text) => onJson(text, (answer) => readItems(answer, 2)),
    around: [
      ['', ''],
      ['{"items":[{"create":{"status":400,"error":{"reason":"', '"}}},{}]}'],
    ],
  },
  {
    name: 'documents of Elasticsearch',
    good: [ITEM, '{"@timestamp":"2026-01-02T03:04:05Z","metadata":{"event_code":"x"}}'],
    run: toldByText,
  },
  {
    name: 'OTLP answers',
    good: [
      '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"x"}}',
      '\n\u0004\b\u0002\u0012\u0000',
    ],
    run: (text) => [
      readOtlp(answered(text), 'json'),
      readOtlp(answered(text, 200, 'application/x-protobuf'), 'protobuf'),
    ],
  },
  {
    name: 'errors of S3',
    good: ['<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>x</Message></Error>'],
    run: (text) => codeOf(answered(text)),
  },
  { name: 'reasons of collectors', good: ['rpc error: code = Unavailable desc = x'], run: errorType },
  {
    name: 'verdicts of Kafka',
    good: ['Unknown topic audit.', 'Connection closed'],
    run: (text) => {
      const fault: Record<string, unknown> = {
        message: text,
        apiCode: text.length,
        serverErrorMessage: text,
        errors: [new Error(text)],
      };
      fault['cause'] = fault;
      return [
        asFailure(fault, where),
        asFailure(
          onJson(text, (value) => value),
          where,
        ),
        partitionAnswers(onJson(text, (value) => value)),
      ];
    },
    limited: true,
  },
  {
    name: 'RELP frames',
    good: ['1 rsp 6 200 OK\n', '0 serverclose 0\n'],
    run: (text) => createRelpDecoder(1024)(Buffer.from(text)),
  },
  {
    name: 'members of JSON',
    good: [ITEM],
    run: splitObject,
    around: [
      ['', ''],
      ['{"a":"', '"}'],
      ['{', '}'],
    ],
  },
  {
    name: 'bodies of syslog',
    good: [ITEM],
    run: (text) => [
      safeBody(text, 'text', false),
      safeBody(text, 'json', true),
      prefix5424({ priority: 1, timeNs: 0n, hostname: text, appName: text, procId: text, msgId: text }, [
        { id: text, params: [{ name: text, value: text }] },
      ]),
    ],
  },
  {
    name: 'text shown on one line',
    good: ['a b'],
    run: (text) => [oneLine(text), oneLine(text, Infinity), hide(text)],
    limited: true,
  },
];

function renderAll(text: string): unknown {
  const event = canonicalize(journaled(text));
  return rendered.map((format) => format.render(event, ORIGIN));
}

function onJson(text: string, read: (value: unknown) => unknown): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // the caller reads JSON, and this is none
  }
  return read(value);
}

/** What a parser may throw: an error of ours with words for a person, or what its own caller catches. */
function isOurs(error: unknown): boolean {
  return error instanceof ForwardError || error instanceof AnswerFault || error instanceof RelpFramingError;
}

describe('whatever stands in a text', { timeout: FUZZ_TIMEOUT_MS }, () => {
  it.each(PARSERS)('$name: it is read or refused', ({ good, run }) => {
    for (const text of good) expect(() => run(text)).not.toThrow();
    fc.assert(
      fc.property(garbage(good), (text) => {
        try {
          run(text);
        } catch (error) {
          if (!isOurs(error)) throw error;
          expect((error as Error).message.length).toBeLessThan(10_000);
        }
        expect(Object.hasOwn(Object.prototype, 'forged')).toBe(false);
      }),
      { numRuns: 60 * FUZZ_RUNS, examples: HOSTILE_STRINGS.map((text): [string] => [text]) },
    );
  });

  const measured = PARSERS.filter(({ limited }) => limited !== true);
  it.each(measured)('$name: twice the text costs twice the work', ({ run, around = [['', '']] }) => {
    const quietly = (text: string): void => {
      try {
        run(text);
      } catch (error) {
        if (!isOurs(error)) throw error;
      }
    };
    expect(around.flatMap((both) => growsTooFast(quietly, both).map((unit) => [...both, unit]))).toEqual([]);
  });

  it('a configuration of nothing but errors: a hundred of them are told', () => {
    const { problems } = readTree('[]'.repeat(20_000));
    expect(problems.length).toBeLessThanOrEqual(100);
  });

  it('sees work that grows with the square', () => {
    const quadratic = (text: string): boolean => /[^\0]*\0\0/.test(text);
    expect(growsTooFast(quadratic, ['', ''], ['a'])).toEqual(['a']);
  });

  it('lines of an export: read in pieces of any size', async () => {
    for (const size of [1, 7, 4096]) {
      const text = `${HOSTILE_STRINGS.join('\n')}\n[${ITEM},${ITEM}]\n`.repeat(3);
      const bytes = Buffer.from(text);
      async function* pieces(): AsyncGenerator<Buffer> {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      let lines = 0;
      for await (const line of linesOf(pieces())) lines += line === undefined ? 0 : 1;
      expect(lines).toBeGreaterThan(0);
    }
  });
});
