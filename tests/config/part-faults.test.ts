import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { configErrorLines } from '../../src/config/problems.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { ForwardError } from '../../src/model/errors.ts';

const allParts = await loadParts();

/** Five lines; what is tested stands from line 7 on. */
const SOURCE = `sources:
  platform:
    type: cloudquery
    url: https://acme.example.com
    api_key: \${KEY}
`;
const ADDRESS =
  'is not an http or https address; expected one such as https://siem.example.com:8088, the port from 1 to 65535';
const UNREADABLE =
  "cannot be read (ENOENT); expected the path of a PEM file, counted from the configuration's folder";

function linesOf(text: string): readonly string[] {
  try {
    parseConfig(text, 'name.yaml', { KEY: 'key', HIDDEN: 'hunter2' }, allParts);
  } catch (error) {
    expect(error).toBeInstanceOf(ForwardError);
    expect((error as ForwardError).kind).toBe('config');
    return configErrorLines(error);
  }
  return [];
}

describe('what a sink could not be built with is told at its key', () => {
  test.each<[string, string]>([
    ['{ type: splunk_hec, url: "https://splunk:8O88", token: "${KEY}" }', `7:31: sinks.a.url: ${ADDRESS}`],
    [
      '{ type: splunk_hec, urls: ["https://a:1", "https://b:80880"], token: "${KEY}" }',
      `7:48: sinks.a.urls[1]: ${ADDRESS}`,
    ],
    ['{ type: http, url: "https://siem:80a/x" }', `7:25: sinks.a.url: ${ADDRESS}`],
    ['{ type: otlp, url: "https://siem:80880" }', `7:25: sinks.a.url: ${ADDRESS}`],
    ['{ type: elasticsearch, url: "https://es:80880" }', `7:34: sinks.a.url: ${ADDRESS}`],
    ['{ type: elasticsearch }', '7:3: sinks.a: a key is missing; expected "url", "urls" or "cloud_id"'],
    [
      '{ type: elasticsearch, url: "https://es", cloud_id: x }',
      '7:48: sinks.a.cloud_id: "url", "urls" and "cloud_id" exclude one another; expected only one of them',
    ],
    [
      '{ type: elasticsearch, url: "https://es", data_stream: a, index: b }',
      '7:64: sinks.a.index: "data_stream" and "index" exclude one another; expected only one of them',
    ],
    [
      '{ type: elasticsearch, url: "https://es", api_key: "${KEY}", username: u, password: "${KEY}" }',
      '7:67: sinks.a.username: "api_key" and "username" exclude one another; expected only one of them',
    ],
    [
      '{ type: elasticsearch, cloud_id: "label:secret" }',
      '7:39: sinks.a.cloud_id: cannot be read as an Elastic Cloud ID; copy it again from the deployment page, or give `url` instead',
    ],
    [
      '{ type: elasticsearch, url: "https://es", index: "Bad Index {dd}" }',
      '7:55: sinks.a.index: is not a name that Elasticsearch accepts; expected lower case, digits, "-", "_" and ".", and {yyyy.MM} for the month',
    ],
    [
      '{ type: syslog, address: "udp://127.0.0.1:514" }',
      '7:31: sinks.a.address: udp:// would lose events unseen; expected tls:// or relp://, or allow_lossy: true',
    ],
    [
      '{ type: syslog, address: "tcp://x:99999" }',
      '7:31: sinks.a.address: is not a syslog address; expected protocol, host and port from 1 to 65535: tls://siem:6514, tcp://, udp://, relp:// or relp+tls://; IPv6 in brackets',
    ],
    [
      '{ type: syslog, address: "tls://x:6514", tls: { ca_file: ./no.pem } }',
      `7:63: sinks.a.tls.ca_file: ${UNREADABLE}`,
    ],
    [
      '{ type: http, url: "https://siem", tls: { cert_file: ./no.pem, key_file: "${HIDDEN}" } }',
      `7:59: sinks.a.tls.cert_file: ${UNREADABLE}\n7:79: sinks.a.tls.key_file: ${UNREADABLE}`,
    ],
    [
      '{ type: http, url: "https://siem", signing_secrets: ["${HIDDEN}"] }',
      `7:59: sinks.a.signing_secrets[0]: is not of the form whsec_<base64>; make one with: printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64)"`,
    ],
    [
      '{ type: splunk_hec, url: "https://splunk", token: "${KEY}", ack_poll: 10m }',
      '7:76: sinks.a.ack_poll: "10m" does not fit; expected a duration such as 15s, 10m, 24h or 30d, from 1ms up to 5m',
    ],
  ])('%s', (sink, lines) => {
    const expected = lines.split('\n').map((line) => `name.yaml:${line}`);
    expect(linesOf(`${SOURCE}sinks:\n  a: ${sink}\n`)).toEqual(expected);
  });

  test('of a source as well', () => {
    expect(linesOf(`${SOURCE}    tls: { ca_file: no.pem }\nsinks:\n  a: { type: stdout }\n`)).toEqual([
      `name.yaml:6:21: sources.platform.tls.ca_file: ${UNREADABLE}`,
    ]);
  });

  test('a filter that no address can pass', () => {
    const filters = '    filters: { ip_address: ["10.0.0.0/8", "300.1.1.1", "10.0.0.0/99"] }\n';
    const words =
      'is neither an address nor a range; expected an IPv4 or IPv6 address, a range such as 203.0.113.0/24, or text such as 203.0.113.*';
    expect(linesOf(`${SOURCE}${filters}sinks:\n  a: { type: stdout }\n`)).toEqual([
      `name.yaml:6:43: sources.platform.filters.ip_address[1]: ${words}`,
      `name.yaml:6:56: sources.platform.filters.ip_address[2]: ${words}`,
    ]);
  });

  test('all at once, beside what the schema finds in other sinks', () => {
    const sinks = [
      '  a: { type: http, url: "https://x:99999", success: ["300-200"], headers: { Host: x } }',
      '  b: { type: http, url: "https://x", methud: POST }',
      '  c: { type: syslog, address: "udp://x:514", tls: { ca_file: no.pem } }',
    ];
    expect(linesOf(`${SOURCE}sinks:\n${sinks.join('\n')}\n`).map((line) => line.split(': ', 2)[1])).toEqual([
      'sinks.a.url',
      'sinks.a.success[0]',
      'sinks.a.headers.Host',
      'sinks.b.methud',
      'sinks.c.address',
      'sinks.c.tls',
      'sinks.c.tls.ca_file',
    ]);
  });
});

describe('a file belongs to one sink', () => {
  const room = mkdtempSync(join(tmpdir(), 'auditferry-part-faults-'));
  mkdirSync(join(room, 'real'));
  symlinkSync(join(room, 'real'), join(room, 'link'));
  afterAll(() => rmSync(room, { recursive: true }));
  const paths = (...given: readonly string[]): string =>
    `${SOURCE}sinks:\n${given.map((path, index) => `  f${index}: { type: file, path: "${path}" }\n`).join('')}`;

  test.each([
    ['one path written in two ways', './o', './x/../o'],
    ['a folder and a link to it', `${room}/real/o`, `${room}/link/o`],
    ['a folder that is not there yet', `${room}/real/new/o`, `${room}/link/new/o`],
  ])('%s', (_what, first, second) => {
    expect(linesOf(paths(first, `${first}2`, second))).toEqual([
      'name.yaml:9:27: sinks.f2.path: leads to the same place as sinks.f0.path; expected one of its own',
    ]);
  });
});

describe('one fault of a part hides no other', () => {
  const faultsOf = (source: string) =>
    linesOf(`sources: { platform: ${source} }\nsinks: { a: { type: stdout } }\n`);

  test.each<[string, string, string]>([
    ['an unknown key', '{ type: cloudquery, url: ftp://acme, api_key: "${KEY}", overlp: 1m }', 'unknown key'],
    ['a missing secret', '{ type: cloudquery, url: ftp://acme, api_key: "${GONE}" }', 'GONE is not set'],
  ])('%s', (_name, source, fault) => {
    expect(faultsOf(source)).toEqual([
      expect.stringContaining('sources.platform.url: the URL starts with neither'),
      expect.stringContaining(fault),
    ]);
  });

  test('a value of a wrong type does, for the part could not be asked', () => {
    expect(faultsOf('{ type: cloudquery, url: ftp://acme, api_key: "${KEY}", overlap: [] }')).toEqual([
      expect.stringContaining('sources.platform.overlap: is a list'),
    ]);
  });

  test('a variable that is not set is no address of its own', () => {
    expect(faultsOf('{ type: cloudquery, url: "${GONE}", api_key: "${KEY}" }')).toEqual([
      expect.stringContaining('sources.platform.url: the environment variable GONE is not set'),
    ]);
  });
});

test('a text of the wrong form is told the form, and a choice its words', () => {
  const faultOf = (sink: string) => linesOf(`${SOURCE}sinks:\n  a: ${sink}\n`).join('\n');
  expect(faultOf('{ type: s3, bucket: A_B }')).toContain(
    'sinks.a.bucket: does not have the right form; expected 3 to 63 lower-case letters, digits',
  );
  expect(faultOf('{ type: syslog, address: "tlss://siem:6514" }')).toContain(
    'expected protocol, host and port',
  );
  expect(faultOf('{ type: http, url: "https://a", auth: {} }')).toContain(
    'sinks.a.auth: holds too little; expected oauth2 or aws',
  );
  const aws = 'aws: { region: r, service: s }';
  const oauth2 = 'oauth2: { token_url: "https://t", client_id: c, client_secret: "${KEY}" }';
  expect(faultOf(`{ type: http, url: "https://a", auth: { ${aws}, ${oauth2} } }`)).toContain(
    'sinks.a.auth: holds too much; expected only one of oauth2 or aws',
  );
});

test('a start that is a number or no time is told what to write', () => {
  const faulty = (start: string) =>
    linesOf(`${SOURCE}    start: ${start}\nsinks: { out: { type: stdout } }\n`);
  const expected = 'expected a duration such as 30d, an RFC 3339 time, "now" or "beginning"';
  expect(faulty('30')).toEqual([`name.yaml:6:12: sources.platform.start: is a number; ${expected}`]);
  expect(faulty('30 days')).toEqual([`name.yaml:6:12: sources.platform.start: is not a time; ${expected}`]);
});
