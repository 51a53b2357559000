import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { configErrorLines } from '../../src/config/problems.ts';
import type { Config, Parts } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Secret } from '../../src/model/secret.ts';
import type { CloudqueryOptions } from '../../src/sources/cloudquery/options.ts';
import { fakeParts } from './parts.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'auditferry-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SOURCE = `sources:
  platform:
    type: cloudquery
    url: https://acme.example.com
    api_key: \${KEY}
`;
const SINK = `sinks:
  a: { type: heap, path: x }
`;

function load(text: string, env: Record<string, string> = {}): Config {
  return parseConfig(text, join(folder, 'name.yaml'), { KEY: 'key', ...env }, fakeParts);
}

function optionsOf(config: Config, sink: string): Record<string, unknown> {
  return config.sinks.get(sink)?.options as Record<string, unknown>;
}

describe('a configuration', () => {
  test('has the defaults that a newcomer wants', () => {
    const config = load(SOURCE + SINK);
    expect(config).toMatchObject({
      file: join(folder, 'name.yaml'),
      folder,
      state: { dir: join(folder, 'data'), retention: 7 * 86_400_000, max_size: 2 * 2 ** 30 },
      admin: { listen: { host: '127.0.0.1', port: 9464 }, allowed_hosts: [] },
      log: { level: 'info', format: 'auto' },
      shutdown_timeout: 20_000,
      normalize: { trim: true },
      simulator: null,
      warnings: [],
    });
    expect(config.admin).not.toHaveProperty('token');
    expect(config.sinks.get('a')).toEqual({
      name: 'a',
      type: 'heap',
      format: 'raw',
      formatOptions: {},
      batch: { maxEvents: 100, maxBytes: 4096, maxWaitMs: 250 },
      where: { eventType: [], status: [], severity: 'informational' },
      concurrent: 1,
      rateLimit: null,
      limits: { maxAgeMs: Infinity, maxBytes: Infinity },
      onMassRejection: 'hold',
      options: { path: join(folder, 'x') },
    });
    const options = config.sources.get('platform')?.options as CloudqueryOptions;
    expect(options).toMatchObject({
      url: 'https://acme.example.com',
      start: '30d',
      overlap: 600_000,
      audit_horizon: 30 * 86_400_000,
      rate_limit: { requests_per_second: 5, concurrent: 1 },
      filters: { event_type: [], user: [], team: [], entity: [], ip_address: [], search: '' },
      request_timeout: 30_000,
      max_response_size: 64 * 2 ** 20,
      api: 'auto',
    });
    expect(options.api_key.reveal()).toBe('key');
    expect(config.sources.get('platform')?.schedule).toEqual({ everyMs: 15_000 });
  });

  test('can be written in full', () => {
    const config = load(`${SOURCE}    schedule: "*/5 * * * *"
sinks:
  b:
    type: heap
    path: /abs/olute
    format: dotted
    format_options: { joint: "-", pause: 1m }
    batch: { max_events: 7, max_bytes: 1MiB, max_wait: 0s }
    where: { event_type: ["user.*"], status: [failure], severity: high }
    concurrent: 4
    rate_limit: 2.5
    max_event_age: 18h
    max_event_bytes: 1000000
admin: { listen: "off", token: "\${KEY}", allowed_hosts: [ops.example.com] }
simulator:
`);
    expect(config.sources.get('platform')?.schedule).toEqual({ cron: '*/5 * * * *' });
    expect(config.sinks.get('b')).toEqual({
      name: 'b',
      type: 'heap',
      format: 'dotted',
      formatOptions: { joint: '-', pause: 60_000 },
      batch: { maxEvents: 7, maxBytes: 2 ** 20, maxWaitMs: 0 },
      where: { eventType: ['user.*'], status: ['failure'], severity: 'high' },
      concurrent: 4,
      rateLimit: 2.5,
      limits: { maxAgeMs: 64_800_000, maxBytes: 1_000_000 },
      onMassRejection: 'hold',
      options: { path: '/abs/olute' },
    });
    expect(config.admin.listen).toBeNull();
    expect(config.admin.token?.reveal()).toBe('key');
    expect(config.simulator).toEqual({ seed: 1 });
  });

  test('fills the defaults of a format that is not the default one', () => {
    const config = load(`${SOURCE}sinks:\n  a: { type: heap, path: x, format: dotted }\n`);
    expect(config.sinks.get('a')?.formatOptions).toEqual({ joint: '.', pause: 2000 });
  });

  test('takes keys without a value as not written', () => {
    const config = load(
      `${SOURCE}sinks:\n  a: { type: bucket, cloud_id: x, port: , tls: { ca_file: , cert_file: } }\n`,
    );
    expect(optionsOf(config, 'a')).toMatchObject({ port: 80, tls: { verify: true } });
    expect(Object.keys(optionsOf(config, 'a')['tls'] as object)).toEqual(['verify']);
  });

  test('takes numbers and booleans from outside when they are the whole value', () => {
    const text = `${SOURCE}sinks:
  a: { type: bucket, cloud_id: x, port: "\${PORT}", gzip: "\${GZIP}", share: "\${SHARE}", batch: { max_bytes: "\${BYTES}" } }
`;
    const config = load(text, { PORT: '8088', GZIP: 'true', SHARE: '-0.5', BYTES: '2048' });
    expect(optionsOf(config, 'a')).toMatchObject({ port: 8088, gzip: true, share: -0.5 });
    expect(config.sinks.get('a')?.batch.maxBytes).toBe(2048);
  });

  test('leaves text that looks like a number alone where text is wanted', () => {
    const config = load(`${SOURCE}sinks:\n  a: { type: bucket, cloud_id: "\${ID}", token: "\${ID}" }\n`, {
      ID: '0123',
    });
    expect(optionsOf(config, 'a')['cloud_id']).toBe('0123');
    expect((optionsOf(config, 'a')['token'] as Secret).reveal()).toBe('0123');
  });

  test('follows merge keys, and what is nearer wins', () => {
    const config = load(`${SOURCE}sinks:
  a: &base { type: heap, path: x, concurrent: 2, batch: { max_events: 5 } }
  b: { <<: *base, path: y }
`);
    expect(config.sinks.get('b')).toMatchObject({ concurrent: 2, options: { path: join(folder, 'y') } });
  });

  test('may use names of things that every object has', () => {
    const config = load(
      `${SOURCE}sinks:\n  constructor: { type: heap, path: x }\n  toString: { type: heap, path: x }\n`,
    );
    expect([...config.sinks.keys()]).toEqual(['constructor', 'toString']);
  });
});

describe('warnings', () => {
  const warningsOf = (text: string): string[] =>
    load(text).warnings.map((line) => line.slice(line.indexOf('name.yaml')));

  test('name what is allowed but unwise, with its place', () => {
    expect(
      warningsOf(`${SOURCE.replace('https', 'http')}sinks:
  a: { type: bucket, url: "https://x", token: literal, tls: { verify: false } }
`),
    ).toEqual([
      'name.yaml:4:10: sources.platform.url: credentials are sent unencrypted over http://; better https://',
      'name.yaml:7:47: sinks.a.token: the secret itself is in the file; better ${NAME} (with braces) or ${file:/path}',
      'name.yaml:7:71: sinks.a.tls.verify: the certificate is not verified: anyone in between can read and change everything',
    ]);
  });

  test.each(['http://127.0.0.1:9465', 'http://localhost:1', 'http://[::1]:1'])(
    'say nothing about %s',
    (url) => {
      expect(warningsOf(SOURCE.replace('https://acme.example.com', url) + SINK)).toEqual([]);
    },
  );

  test('tell of a sink that has the name of a source', () => {
    expect(warningsOf(`${SOURCE}sinks:\n  platform: { type: bucket, url: "https://x" }\n`)).toEqual([
      'name.yaml:7:3: sinks.platform: a source has this name as well: their dead letters are counted together; better another name',
    ]);
  });

  test('say nothing about a clear address without a secret', () => {
    expect(warningsOf(`${SOURCE}sinks:\n  a: { type: bucket, url: "http://x" }\n`)).toEqual([]);
  });
});

describe('secrets', () => {
  test('are read again from their file, and survive its absence', () => {
    const file = join(folder, 'rotating');
    writeFileSync(file, 'first\n');
    const config = load(SOURCE.replace('${KEY}', '${file:rotating}') + SINK);
    const { api_key: key } = config.sources.get('platform')?.options as CloudqueryOptions;
    expect(key.reveal()).toBe('first');
    writeFileSync(file, 'second\n');
    expect(key.reveal()).toBe('second');
    writeFileSync(file, '\n');
    expect(key.reveal()).toBe('second');
    rmSync(file);
    expect(key.reveal()).toBe('second');
  });

  test('show nowhere when the configuration is printed', () => {
    const config = load(SOURCE + SINK, { KEY: 's3cr3t-value' });
    expect(inspect(config, { depth: 20 })).not.toContain('s3cr3t');
    expect(JSON.stringify([...config.sources])).not.toContain('s3cr3t');
  });

  test.each([
    ['with a line break', 's3cr3t\nvalue', ''],
    ['of the wrong kind', 'cqpd_s3cr3t', ''],
    ['in a field of another type', 's3cr3t', 'log: { level: "${KEY}" }\n'],
    ['where a duration belongs', 's3cr3t', 'state: { retention: "${KEY}" }\n'],
    ['as a literal under a wrong key', 'x', 'admin: { tokn: s3cr3t }\n'],
    ['as a literal of the wrong type', 'x', 'admin: { token: [s3cr3t] }\n'],
    ['as a literal in broken YAML', 'x', 'admin: { token: "s3cr3t }\n'],
    ['as a literal under a bad escape', 'x', 'admin: { token: "s3cr3t\\q" }\n'],
    ['as a literal list where text belongs', 'x', 'log: { level: [s3cr3t] }\n'],
    ['in an address', 'x', 'admin: { listen: "${SECRET}" }\n'],
  ])('%s stand in no error', (_name, key, more) => {
    const error = thrownBy(() => load(SOURCE + SINK + more, { KEY: key, SECRET: 's3cr3t' }));
    expect(error).toBeInstanceOf(ForwardError);
    expect(inspect(configErrorLines(error))).not.toContain('s3cr3t');
  });
});

describe('the file', () => {
  const loadFake = async (): Promise<Parts> => fakeParts;
  const fails = async (path: string): Promise<readonly string[]> =>
    configErrorLines(await loadConfig(path, {}, loadFake).catch((error: unknown) => error));

  test('has to be there', async () => {
    expect(await fails(join(folder, 'nowhere.yaml'))).toEqual([
      `${folder}/nowhere.yaml: the configuration cannot be read: there is no such file; write one with \`auditferry init\`, or name another with --config or in AUDITFERRY_CONFIG`,
    ]);
  });

  test('has to be a file', async () => {
    mkdirSync(join(folder, 'dir.yaml'));
    expect((await fails(join(folder, 'dir.yaml')))[0]).toMatch(
      /the configuration cannot be read: it is a directory/,
    );
  });

  test('has to be small', async () => {
    writeFileSync(join(folder, 'large.yaml'), ' '.repeat(2 ** 20 + 1));
    expect(await fails(join(folder, 'large.yaml'))).toEqual([
      `${folder}/large.yaml: the configuration cannot be read: it is larger than 1048576 bytes; expected a YAML file`,
    ]);
  });

  test('has to be UTF-8, with or without a mark', async () => {
    writeFileSync(join(folder, 'latin.yaml'), Buffer.from([0x61, 0xe4, 0x62]));
    expect((await fails(join(folder, 'latin.yaml')))[0]).toMatch(/not UTF-8/);
    writeFileSync(join(folder, 'mark.yaml'), `\uFEFF${SOURCE}${SINK}`);
    expect((await loadConfig(join(folder, 'mark.yaml'), { KEY: 'k' }, loadFake)).sinks.size).toBe(1);
  });
});

describe('whatever the file holds', () => {
  const throwsOnlyConfig = (text: string): void => {
    const error = thrownBy(() => load(text));
    if (error === null) return;
    expect(error).toBeInstanceOf(ForwardError);
    expect((error as ForwardError).kind).toBe('config');
    for (const line of configErrorLines(error)) expect(line).toMatch(/name\.yaml:\d+:\d+: |^… and \d+ more$/);
  };

  test('any text ends in a configuration or in a config error', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), throwsOnlyConfig), { numRuns: 150 });
  });

  test('any mixture of YAML and our keys does too', () => {
    const word = fc.constantFrom(
      ...[
        'sources',
        'sinks',
        'type',
        'heap',
        'cloudquery',
        'path',
        ': ',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
      ],
      ...[
        '<<',
        '"',
        "'",
        '#',
        '${KEY}',
        '${',
        '$$',
        '|',
        '>',
        '!!binary',
        '? ',
        '---\n',
        '\t',
        '15s',
        'null',
        '.nan',
        '0x1',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => throwsOnlyConfig(words.join(''))),
      { numRuns: 300 },
    );
  });

  test('any value in place of a sound one does too', () => {
    const sound = {
      sources: { p: { type: 'cloudquery', url: 'https://x', api_key: 'k' } },
      sinks: { a: { type: 'heap', path: 'x' } },
    };
    fc.assert(
      fc.property(
        fc.constantFrom('sources', 'sinks', 'state', 'admin', 'log'),
        fc.jsonValue(),
        fc.boolean(),
        (key, value, deep) => {
          throwsOnlyConfig(JSON.stringify({ ...sound, [key]: deep ? { a: value } : value }));
        },
      ),
      { numRuns: 150 },
    );
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}
