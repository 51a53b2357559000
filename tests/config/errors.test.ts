import { describe, expect, test } from 'vitest';

import { configErrorLines } from '../../src/config/problems.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { FileError } from '../../src/config/problems.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { fakeParts } from './parts.ts';

/** A sound source, 5 lines; what is tested comes from line 6 on, or replaces it. */
const SOURCE = `sources:
  platform:
    type: cloudquery
    url: https://acme.example.com
    api_key: \${KEY}
`;
const SINK = `sinks:
  a: { type: heap, path: x }
`;
const SINK_KEYS =
  'format, format_options, batch, where, concurrent, rate_limit, max_event_age, max_event_bytes or on_mass_rejection';
const TOP_KEYS = 'state, admin, log, heartbeat, shutdown_timeout, normalize, simulator, sources or sinks';

function linesOf(text: string): readonly string[] {
  try {
    parseConfig(text, 'name.yaml', { KEY: 'key', WORD: 'w0rd', PORT: '80x' }, fakeParts);
  } catch (error) {
    expect(error).toBeInstanceOf(ForwardError);
    expect((error as ForwardError).kind).toBe('config');
    return configErrorLines(error);
  }
  return [];
}

test('sixty faults are sixty lines', () => {
  const keys = Array.from({ length: 60 }, (_, at) => `k${at}: 1\n`).join('');
  expect(linesOf(`${SOURCE}${SINK}${keys}`)).toHaveLength(60);
});

test('a file that is no configuration at all fills neither memory nor screen, and every fault is counted', () => {
  const keys = Array.from({ length: 3_000 }, (_, at) => `k${at}: 1\n`).join('');
  const lines = linesOf(`${SOURCE}${SINK}${keys}`);
  expect(lines).toHaveLength(1_001);
  expect(lines.at(-1)).toBe('… and 2000 more');
});

describe('one fault, one line', () => {
  test.each<[string, string, string]>([
    [
      'an unknown key at the top',
      `${SOURCE}${SINK}adnim: {}\n`,
      `name.yaml:8:1: adnim: unknown key; expected ${TOP_KEYS}; did you mean "admin"?`,
    ],
    [
      'an unknown key without a value',
      `${SOURCE}${SINK}stat:\n`,
      `name.yaml:8:1: stat: unknown key; expected ${TOP_KEYS}; did you mean "state"?`,
    ],
    [
      'an unknown key of a sink',
      `${SOURCE}sinks:\n  a:\n    type: heap\n    path: x\n    formt: raw\n`,
      `name.yaml:10:5: sinks.a.formt: unknown key; expected type, path, ${SINK_KEYS}; did you mean "format"?`,
    ],
    [
      'a misspelt required key',
      `${SOURCE}sinks:\n  a:\n    type: heap\n    pth: x\n`,
      `name.yaml:9:5: sinks.a.pth: unknown key; expected type, path, ${SINK_KEYS}; did you mean "path"?`,
    ],
    [
      'a key below a common one',
      `${SOURCE}sinks:\n  a: { type: heap, path: x, batch: { max_event: 1 } }\n`,
      'name.yaml:7:38: sinks.a.batch.max_event: unknown key; expected max_events, max_bytes or max_wait; did you mean "max_events"?',
    ],
    [
      'an option of the wrong format',
      `${SOURCE}sinks:\n  a: { type: heap, path: x, format_options: { joint: x } }\n`,
      'name.yaml:7:47: sinks.a.format_options.joint: unknown key; expected no key',
    ],
    [
      'a missing key',
      `${SOURCE}sinks:\n  a: { type: heap }\n`,
      'name.yaml:7:3: sinks.a: the key "path" is missing; expected a path',
    ],
    [
      'a key without its value',
      `${SOURCE}sinks:\n  a: { type: heap, path: }\n`,
      'name.yaml:7:20: sinks.a.path: has no value; expected a path',
    ],
    [
      'a missing section',
      SOURCE,
      'name.yaml:1:1: the key "sinks" is missing; expected a mapping of keys to values',
    ],
    ['no sink', `${SOURCE}sinks: {}\n`, 'name.yaml:6:1: sinks: holds too little; expected 1 or more keys'],
    [
      'a sink without keys',
      `${SOURCE}sinks:\n  a:\n`,
      'name.yaml:7:3: sinks.a: is empty; expected a mapping of keys to values',
    ],
    [
      'a missing type',
      `${SOURCE}sinks:\n  a: { path: x }\n`,
      'name.yaml:7:3: sinks.a: the key "type" is missing; expected bucket or heap',
    ],
    [
      'a misspelt "type"',
      `${SOURCE}sinks:\n  a: { tpye: heap, path: x }\n`,
      'name.yaml:7:8: sinks.a.tpye: unknown key; expected type; did you mean "type"?',
    ],
    [
      'an unknown type, whatever else is there',
      `${SOURCE}sinks:\n  a: { type: heep, pth: 3 }\n`,
      'name.yaml:7:14: sinks.a.type: unknown type "heep"; expected bucket or heap; did you mean "heap"?',
    ],
    [
      'a type that is a list',
      `${SOURCE}sinks:\n  a: { type: [heap] }\n`,
      'name.yaml:7:14: sinks.a.type: is a list; expected bucket or heap',
    ],
    [
      'an unknown word',
      `${SOURCE}sinks:\n  a: { type: heap, path: x, format: doted }\n`,
      'name.yaml:7:37: sinks.a.format: unknown value "doted"; expected raw or dotted; did you mean "dotted"?',
    ],
    [
      'a word from outside the file',
      `${SOURCE}sinks:\n  a:\n    type: heap\n    path: x\n    format: \${WORD}\n`,
      'name.yaml:10:13: sinks.a.format: unknown value; expected raw or dotted',
    ],
    [
      'a duration without a unit',
      `${SOURCE}    overlap: 15\n${SINK}`,
      'name.yaml:6:14: sources.platform.overlap: 15 does not fit; expected a duration such as 15s, 10m, 24h or 30d',
    ],
    [
      'a duration below its limit',
      `${SOURCE}    poll_interval: 10ms\n${SINK}`,
      'name.yaml:6:20: sources.platform.poll_interval: "10ms" does not fit; expected a duration such as 15s, 10m, 24h or 30d, from 1s',
    ],
    [
      'a size that is none',
      `${SOURCE}${SINK}state: { max_size: 2GIGS }\n`,
      'name.yaml:8:20: state.max_size: "2GIGS" does not fit; expected a size such as 512KiB, 1MiB or 2GiB, from 16MiB',
    ],
    [
      'a plain size below its limit',
      `${SOURCE}${SINK}state: { max_size: 5 }\n`,
      'name.yaml:8:20: state.max_size: 5 does not fit; expected a size such as 512KiB, 1MiB or 2GiB, from 16MiB',
    ],
    [
      'a number out of range',
      `${SOURCE}sinks:\n  a: { type: bucket, url: "https://x", port: 70000 }\n`,
      'name.yaml:7:46: sinks.a.port: 70000 does not fit; expected a whole number, from 1 up to 65535',
    ],
    [
      'text for a number',
      `${SOURCE}sinks:\n  a: { type: bucket, url: "https://x", port: "80" }\n`,
      'name.yaml:7:46: sinks.a.port: is text; expected a whole number, from 1 up to 65535',
    ],
    [
      'a variable that is no number',
      `${SOURCE}sinks:\n  a: { type: bucket, url: "https://x", port: "\${PORT}" }\n`,
      'name.yaml:7:46: sinks.a.port: is text; expected a whole number, from 1 up to 65535',
    ],
    [
      'a URL that is none',
      `${SOURCE}sinks:\n  a: { type: bucket, url: nowhere }\n`,
      'name.yaml:7:27: sinks.a.url: has no scheme; expected https:// before it; did you mean "https://nowhere"?',
    ],
    [
      'none of two keys',
      `${SOURCE}sinks:\n  a: { type: bucket }\n`,
      'name.yaml:7:3: sinks.a: a key is missing; expected "url" or "cloud_id"',
    ],
    [
      'keys that exclude one another',
      `${SOURCE}sinks:\n  a: { type: bucket, cloud_id: x, token: "\${KEY}", username: u }\n`,
      'name.yaml:7:52: sinks.a.username: "token" and "username" exclude one another; expected only one of them',
    ],
    [
      'a key that needs another',
      `${SOURCE}sinks:\n  a: { type: bucket, cloud_id: x, tls: { cert_file: y } }\n`,
      'name.yaml:7:42: sinks.a.tls.cert_file: needs "key_file" beside it; expected both or neither',
    ],
    [
      'an item of a list',
      `${SOURCE}sinks:\n  a: { type: heap, path: x, where: { status: [success, failur] } }\n`,
      'name.yaml:7:56: sinks.a.where.status[1]: unknown value "failur"; expected success, failure or unknown; did you mean "failure"?',
    ],
    [
      'a name that cannot be used',
      `${SOURCE}sinks:\n  "a b": { type: heap, path: x }\n`,
      'name.yaml:7:3: sinks.a b: this name cannot be used; expected letters, digits, "_", "." or "-", the first a letter or digit, at most 64 of them',
    ],
    [
      'a missing variable',
      SOURCE.replace('KEY', 'NO_KEY') + SINK,
      'name.yaml:5:14: sources.platform.api_key: the environment variable NO_KEY is not set; set it, or write ${NO_KEY:-default}',
    ],
    [
      'a missing file',
      SOURCE.replace('${KEY}', '${file:/nowhere/key}') + SINK,
      'name.yaml:5:14: sources.platform.api_key: the file /nowhere/key cannot be read (ENOENT); expected a file that holds the value',
    ],
    [
      'a broken interpolation',
      SOURCE.replace('${KEY}', '${KEY') + SINK,
      'name.yaml:5:14: sources.platform.api_key: holds a ${…} that cannot be read; expected ${NAME}, ${NAME:-default} or ${file:/path}, and $$ for a dollar',
    ],
    [
      'an empty secret',
      SOURCE.replace('${KEY}', '""') + SINK,
      'name.yaml:5:14: sources.platform.api_key: is empty; expected a secret, as ${NAME} or ${file:/path}',
    ],
    [
      'a secret that is a number',
      SOURCE.replace('${KEY}', '12345') + SINK,
      'name.yaml:5:14: sources.platform.api_key: is a number; expected a secret, as ${NAME} or ${file:/path}',
    ],
    [
      'a heartbeat too often',
      `${SOURCE}${SINK}heartbeat: { every: 10ms }\n`,
      'name.yaml:8:21: heartbeat.every: "10ms" does not fit; expected a duration such as 15s, 10m, 24h or 30d, from 1s up to 1d',
    ],
    [
      'a key that cannot sign',
      `${SOURCE}${SINK}heartbeat: { signing_key: "\${KEY}" }\n`,
      'name.yaml:8:27: heartbeat.signing_key: cannot sign; expected an Ed25519 private key in PEM, as openssl genpkey -algorithm ed25519 writes it',
    ],
    [
      'a listener that is none',
      `${SOURCE}${SINK}admin: { listen: 9464 }\n`,
      'name.yaml:8:18: admin.listen: is a number; expected host:port such as 127.0.0.1:9464, or "off"',
    ],
    [
      'both schedules',
      `${SOURCE}    poll_interval: 15s\n    schedule: "* * * * *"\n${SINK}`,
      'name.yaml:7:15: sources.platform.schedule: schedule and poll_interval exclude one another; keep one',
    ],
    [
      'a schedule that is none',
      `${SOURCE}    schedule: every day\n${SINK}`,
      'name.yaml:6:15: sources.platform.schedule: is not a cron expression; expected five fields such as "*/5 * * * *"',
    ],
    [
      'the wrong host',
      SOURCE.replace('acme.example.com', 'api.cloudquery.io/v1') + SINK,
      'name.yaml:4:10: sources.platform.url: api.cloudquery.io is CloudQuery Cloud, which has no audit log; expected the address of your Platform, such as https://acme.mycloudquery.com',
    ],
  ])('%s', (_name, text, line) => {
    expect(linesOf(text)).toEqual([line]);
  });
});

describe('YAML that is none', () => {
  test.each<[string, string, string]>([
    ['a tab', 'sources:\n\ta: 1\n', 'name.yaml:2:1: a tab in the indentation; expected spaces'],
    [
      'a key twice',
      'sources: {}\nsinks: {}\nsources: {}\n',
      'name.yaml:3:1: the key "sources" appears twice in the same mapping, first on line 1; expected it once',
    ],
    [
      'a line that is indented deeper',
      `${SOURCE}       start: 1h\n`,
      'name.yaml:6:8: line 6 is indented deeper than line 5; expected the same indentation',
    ],
    [
      'a line that is indented deeper behind a comment, in a list',
      'sinks:\n  - type: heap\n\n    # a path\n      path: x\n',
      'name.yaml:5:7: line 5 is indented deeper than line 2; expected the same indentation',
    ],
    [
      'lines that are indented alike, once',
      'sinks:\n  a:\n      type: heap\n    path: x\n    name: y\n    text: z\n',
      'name.yaml:4:5: line 4 lines up with no line above it; expected 0 or 2 or 6 spaces before it, it has 4',
    ],
    [
      'a line that lines up with nothing',
      'sinks:\n    a:\n      type: heap\n     path: x\n',
      'name.yaml:4:6: line 4 lines up with no line above it; expected 0 or 4 or 6 spaces before it, it has 5',
    ],
    [
      'no space after a colon',
      'sinks:\n  a:x\n  b: y\n',
      'name.yaml:2:3: expected a space after the colon of "a"',
    ],
    [
      'no space after the colon of the last line',
      'sinks:\n  b: y\n  a:x\n',
      'name.yaml:3:3: expected a space after the colon of "a"',
    ],
    [
      'a quote that is not closed',
      'sinks:\n  a: it\'s\n  b: "x" # not "this\n  c: "raw\n  d: y\n',
      'name.yaml:4:3: the quote that opens on line 4 is not closed; expected one at its end',
    ],
    [
      'one below quotes that run over several lines, or are text',
      'sinks:\n  a: "first\n    second"\n  b: |\n    say "hello\n  c: "raw \\"\n  d: y\n',
      'name.yaml:6:3: the quote that opens on line 6 is not closed; expected one at its end',
    ],
    [
      'one above a line with quotes',
      "sinks:\n  c: 'it''s raw\n  d: 'y'\n",
      'name.yaml:2:3: the quote that opens on line 2 is not closed; expected one at its end',
    ],
    ['no colon', 'sinks:\n  a\n  b: y\n', 'name.yaml:2:3: line 2 has no colon; expected "key: value"'],
    [
      'a variable in braces without quotes',
      `sources:\n  a: { api_key: \${KEY} }\n`,
      'name.yaml:2:18: this cannot be read as YAML (UNEXPECTED_TOKEN); expected "key: value"; inside { } and [ ] write "${NAME}" with quotes',
    ],
    ['an empty file', '', 'name.yaml:1:1: the file is empty; expected at least "sources" and "sinks"'],
    [
      'only a comment',
      '# nothing\n',
      'name.yaml:1:1: the file is empty; expected at least "sources" and "sinks"',
    ],
    [
      'two documents',
      'sources: {}\n---\nsinks: {}\n',
      'name.yaml:2:1: a second document starts here; expected one document in the file',
    ],
    [
      'an unknown alias',
      'sources: *nowhere\n',
      'name.yaml:1:10: this alias names no anchor above it; expected *name after &name',
    ],
    [
      'an alias that holds itself',
      'sources: &a { b: *a }\n',
      'name.yaml:1:13: nested deeper than 64 levels, or an alias that holds itself',
    ],
    ['a list at the top', '- a\n', 'name.yaml:1:1: is a list; expected a mapping of keys to values'],
    [
      '__proto__',
      `${SOURCE}${SINK}__proto__: { a: 1 }\n`,
      'name.yaml:8:1: the key "__proto__" is not allowed',
    ],
  ])('%s', (_name, text, line) => {
    expect(linesOf(text)).toEqual([line]);
  });

  test('an alias bomb is refused before it is unpacked', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i += 1) bomb.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`);
    const [line] = linesOf(bomb.join('\n'));
    expect(line).toMatch(
      /^name\.yaml:\d+:\d+: the file holds more than 20000 values once its aliases are followed/,
    );
  });

  test('deep nesting is refused', () => {
    expect(linesOf('['.repeat(100_000))).toHaveLength(1);
  });
});

describe('an excerpt', () => {
  const illustrated = (text: string): string => {
    try {
      parseConfig(text, 'name.yaml', {}, fakeParts);
    } catch (error) {
      return (error as FileError).illustrated;
    }
    return '';
  };

  test('shows the line and the place', () => {
    const text = illustrated(`${SOURCE.replace('${KEY}', 'k')}    overlop: 10m\n${SINK}`);
    expect(text).toMatch(/overlop: unknown key; .*\n {2}6 \| {5}overlop: 10m\n {4}\| {5}\^$/);
  });

  test('of a long line shows what is around the place', () => {
    const sink = `  out: { type: heap, ${'x'.repeat(80)}: y, more: ${'z'.repeat(80)} }`;
    const lines = illustrated(`${SOURCE.replace('${KEY}', 'k')}sinks:\n${sink}\n`).split('\n');
    const at = lines.findIndex((line) => line.startsWith('  7 | '));
    expect([...(lines[at] ?? '')].length).toBeLessThanOrEqual(80);
    expect(lines[at]?.slice(lines[at + 1]?.indexOf('^'))).toMatch(/^(?:x|out)/);
  });

  test.each([
    ['a: [\n    api_key: s3cr3t\n  x'],
    ['a:\n  token: s3cr3t\n    b: 1\n'],
    ['a:\n  b: { password: s3cr3t, c: 1\n'],
    ['a:\n  url: https://user:s3cr3t@host\n    b: 1\n'],
    ['a:\n  headers:\n    X-Scope: s3cr3t\n      b: 1\n'],
    ['a:\n  private_key: |\n    s3cr3tBase64+/=\n  b: 1\n c: 1\n'],
    ['a:\n  - s3cr3tBase64+/=AAAAAAAAAAAAAAAAAAAAAAAAA\n  b\n'],
  ])('holds no secret: %j', (text) => {
    const shown = illustrated(text);
    expect(shown).toMatch(/^name\.yaml:\d+:\d+: /);
    expect(shown).not.toContain('s3cr3t');
  });
});

test('all faults are told at once, in the order of the file', () => {
  const lines = linesOf(
    `${SOURCE}    overlap: x\n    url2: y\nsinks:\n  a: { type: heap }\n  b: { type: bukket }\nlog: { level: loud }\n`,
  );
  expect(lines.map((line) => line.split(': ', 2).join(' '))).toEqual([
    'name.yaml:6:14 sources.platform.overlap',
    'name.yaml:7:5 sources.platform.url2',
    'name.yaml:9:3 sinks.a',
    'name.yaml:10:14 sinks.b.type',
    'name.yaml:11:15 log.level',
  ]);
});

test('a part that is sound is checked to the end although another is not', () => {
  const text = SOURCE.replace('${KEY}', 'cqsr_abc') + 'sinks:\n  a: { type: heap }\n';
  expect(linesOf(text)).toEqual([
    'name.yaml:5:14: sources.platform.api_key: this is the token of one sync run (cqsr_…); create an API key in the Platform under Organization settings',
    'name.yaml:7:3: sinks.a: the key "path" is missing; expected a path',
  ]);
});
