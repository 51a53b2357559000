import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';

import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { Format } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { eventIdOf, hashOf } from '../../src/model/event-id.ts';
import { createFileSink } from '../../src/sinks/file.ts';
import { readPage } from '../../src/sources/cloudquery/wire.ts';
import { testClock } from '../contract/clock.ts';
import { ORIGIN } from '../formats/events.ts';

const FORMATS: readonly (readonly [string, Format])[] = [
  ['raw', rawFormat.create({})],
  ['raw, kept', rawFormat.create({ redact: false })],
  ['ecs', ecsFormat.create({})],
  ['ocsf', ocsfFormat.create({})],
  ['ocsf, one class', ocsfFormat.create({ single_class: true })],
  ['cim', cimFormat.create({})],
  ['cef', cefFormat.create({})],
  [
    'cef, all options',
    cefFormat.create({
      ipv6_in_src: true,
      replace_newlines: true,
      replace_pipe: true,
      space_after_header: true,
    }),
  ],
  ['leef', leefFormat.create({})],
  ['leef 1.0', leefFormat.create({ version: '1.0' })],
];

const folder = mkdtempSync(join(tmpdir(), 'auditferry-search-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Items as the Platform may answer them: read, normalized, rendered, written, and asked for under the ids they go by. */
async function searched(
  items: readonly string[],
  format: Format,
  others: (ids: readonly string[]) => readonly string[],
) {
  const body = Buffer.from(`{"items":[${items.join(',')}],"metadata":{}}`);
  const events = readPage(body, 'the answer').items.map(({ event }) => event);
  const canonicalize = createCanonicalize({ redact: { keys: ['hidden'] } });
  const lines = events.map((event, index) => {
    const { id, createdAt, original } = event;
    const at = '2026-01-02T03:05:00.250Z';
    const canonical = canonicalize({
      id,
      createdAt,
      original,
      source: 'platform',
      seq: BigInt(index + 1),
      receivedAt: at,
    });
    return { canonical, origin: ORIGIN, body: format.render(canonical, ORIGIN), kind: format.kind };
  });
  const path = mkdtempSync(join(folder, 'one-'));
  const sink = createFileSink(
    { path: join(path, 'out'), fsync: false },
    { name: 'archive', warn: () => {}, clock: testClock(), forwarderVersion: '0.0.0-test' },
  );
  const { signal } = new AbortController();
  await sink.send({ items: lines, attempt: 1 }, signal);
  const ids = events.map((event) => event.id);
  const expected = new Map<string, number>();
  for (const id of ids) expected.set(id, (expected.get(id) ?? 0) + 1);
  for (const other of others(ids)) expected.set(other, expected.get(other) ?? 0);
  const found = await sink.holds?.([...expected.keys()], signal);
  await sink.close();
  return { found, expected, lines: lines.map((line) => line.body) };
}

/** Ids that an inexact search would mistake for these. */
function lookalikes(ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => [
    `${id}x`,
    id.slice(1),
    id.trim(),
    id.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' '),
    JSON.stringify(id),
    hashOf(id),
    id.replaceAll('|', '/'),
    id.slice(0, 40),
  ]);
}

const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom(
      '\u0000',
      '\t',
      '\n',
      '\r',
      ' ',
      '"',
      '\\',
      '|',
      '=',
      'a',
      '\u0085',
      '\u2028',
      '\ufeff',
    ),
    maxLength: 256,
  }),
  fc.constantFrom(
    'nul\u0000byte',
    'nul byte',
    'nul\\u0000byte',
    'nul\u0001byte',
    '"nul\\u0000byte"',
    'a externalId=b',
    'a flexString2Label=eventId',
    'a\teventId=b',
    ' blank ',
    'a|b',
    'a/b',
    'https://user:geheim@host.example/',
    'half \ud800',
    'L'.repeat(256),
    'L'.repeat(5000),
    '\u0001'.repeat(256),
    `sha256:${'0'.repeat(64)}`,
  ),
);
const ID = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 2, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.constantFrom('', null, 7, true, undefined) },
);
const ITEM = fc
  .record({
    id: ID,
    // Of no event here, or of any: what an event mentions must not pass for its id.
    mentioned: text,
    secret: fc.boolean(),
    wide: fc.boolean(),
    extra: fc.constantFrom('hidden', 'event_id', 'event', 'metadata', 'auditferry_event_id', 'note'),
  })
  .map(({ id, mentioned, secret, wide, extra }) => {
    const item = {
      id,
      created_at: '2026-01-02T03:04:05Z',
      event_type: `a ${mentioned}`,
      entity_display_name: mentioned,
      user: {
        id: mentioned,
        email: 'ana@acme.example',
        roles: [{ id: '1', name: mentioned, permissions: [1] }],
      },
      event_details: { mentioned, ...(secret ? { password: 'geheim' } : {}) },
      [extra]: extra === 'event' ? { id: mentioned } : extra === 'metadata' ? { uid: mentioned } : mentioned,
    };
    return wide ? JSON.stringify(item, null, 2) : JSON.stringify(item);
  });

describe('what was written is found again, and nothing else', () => {
  it.each(FORMATS)('in %s', async (_name, format) => {
    await fc.assert(
      fc.asyncProperty(fc.array(ITEM, { minLength: 1, maxLength: 12 }), async (items) => {
        const { found, expected } = await searched(items, format, lookalikes);
        expect([...(found ?? [])]).toEqual([...expected]);
      }),
      { numRuns: 75 },
    );
  });

  it.each(FORMATS)('in %s, whatever is special about an id', async (_name, format) => {
    const ids = [
      '',
      null,
      'nul\u0000byte',
      'L'.repeat(5000),
      'l'.repeat(200),
      '\u0001'.repeat(256),
      'two\ud800',
    ];
    const items = ids.map((id, index) =>
      JSON.stringify({
        id,
        created_at: '2026-01-02T03:04:05Z',
        event_type: 'user_login',
        n: index,
        token: 'geheim',
      }),
    );
    const { found, expected } = await searched(items, format, lookalikes);
    expect([...(found ?? [])]).toEqual([...expected]);
    expect([...expected.values()].filter((count) => count > 0)).toHaveLength(ids.length);
  });
});

it('leaves an item alone that leads to its id by itself', async () => {
  const items = [
    '{"created_at":"2026-01-02T03:04:05Z","event_type":"user_login"}',
    '{"event_type":"user_login","id":"own","created_at":"2026-01-02T03:04:05Z"}',
    '{"id":"","created_at":"2026-01-02T03:04:05Z","event_type":"user_login"}',
  ];
  expect((await searched(items, rawFormat.create({}), () => [])).lines).toEqual(items);
});

it('marks an item without an id whose bytes had to change', async () => {
  const item = '{"created_at":"2026-01-02T03:04:05Z","password":"geheim"}';
  const { lines } = await searched([item], rawFormat.create({}), () => []);
  expect(lines).toEqual([
    `{"created_at":"2026-01-02T03:04:05Z","password":"[redacted]","auditferry_event_id":"${eventIdOf(undefined, item)}"}`,
  ]);
});

it('does not bring back with a mark what redaction took out of an id', async () => {
  const item = '{"id":"https://user:geheim@host.example/","created_at":"2026-01-02T03:04:05Z"}';
  const { lines, found, expected } = await searched([item], rawFormat.create({}), () => []);
  expect(lines.join()).not.toContain('geheim');
  expect(lines.join()).toContain('"auditferry_event_id_hash":"sha256:');
  expect([...(found ?? [])]).toEqual([...expected]);
});
