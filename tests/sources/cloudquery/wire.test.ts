import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { readPage, sliceItems } from '../../../src/sources/cloudquery/wire.ts';

const WHERE = 'https://platform.example/api/audit-logs';
const read = (text: string | Buffer): ReturnType<typeof readPage> => readPage(Buffer.from(text), WHERE);
const page = (items: string, metadata = '{"page_size":1000}'): string =>
  `{"items":${items},"metadata":${metadata}}`;
const item = (fields: object = {}): string =>
  JSON.stringify({ id: 'a', created_at: '2026-01-02T12:00:00Z', event_type: 'login', ...fields });

/** JSON text of a value with white space wherever it may stand. */
function spaced(value: unknown, space: () => string): string {
  const s = (): string => space();
  if (Array.isArray(value)) return `[${s()}${value.map((one) => spaced(one, space) + s()).join(`,${s()}`)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, one]) => `${JSON.stringify(key)}${s()}:${s()}${spaced(one, space)}${s()}`,
  );
  return `{${s()}${members.join(`,${s()}`)}}`;
}

const tricky = fc.constantFrom(
  'items',
  'metadata',
  '__proto__',
  '\\',
  '"',
  '\\"',
  '"items":[',
  '[{,:}]',
  '🛰\u2028',
);
const anyValue = fc.jsonValue({ maxDepth: 4 }).chain((value) =>
  fc.oneof(
    fc.constant(value),
    tricky.map((key): unknown => ({ [key]: value, items: [value, key] })),
    tricky,
  ),
);
const anySpace = fc.array(fc.constantFrom('', '', ' ', '\n', '\r\n', '\t'), { minLength: 1, maxLength: 20 });

describe('sliceItems', () => {
  it('gives exactly the text of every item, whatever the items are', () => {
    fc.assert(
      fc.property(
        fc.array(anyValue, { maxLength: 6 }),
        fc.array(fc.tuple(fc.oneof(tricky, fc.string()), anyValue), { maxLength: 3 }),
        anySpace,
        fc.boolean(),
        (items, others, spaces, first) => {
          let turn = 0;
          const space = (): string => spaces[(turn += 1) % spaces.length] ?? '';
          const texts = items.map((one) => spaced(one, space));
          const list = `${space()}"items"${space()}:${space()}[${space()}${texts.map((text) => text + space()).join(`,${space()}`)}]${space()}`;
          const rest = others
            .filter(([key]) => key !== 'items')
            .map(([key, value]) => `${space()}${JSON.stringify(key)}:${spaced(value, space)}${space()}`);
          const members = first ? [list, ...rest] : [...rest, list];
          const body = `${space()}{${members.join(',')}}${space()}`;
          expect(JSON.stringify((JSON.parse(body) as { items: unknown }).items)).toBe(JSON.stringify(items));
          expect(sliceItems(Buffer.from(body)).map(String)).toEqual(texts);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    ['the last of two lists counts, as for JSON.parse', '{"items":[1,2],"items":[3]}', ['3']],
    ['a list that something else replaces', '{"items":[1],"items":7}', []],
    ['a key in escapes', '{"\\u0069tems":[1]}', ['1']],
    ['a nested key', '{"metadata":{"items":[1,2]},"items":[{"items":[4]}]}', ['{"items":[4]}']],
    [
      'scalars',
      '{"items":[ -1.5e+3 ,true,null , "a\\\\" ,"\\"" ]}',
      ['-1.5e+3', 'true', 'null', '"a\\\\"', '"\\""'],
    ],
    ['nothing', '{}', []],
    ['an empty list', '{"items": [ ] }', []],
  ])('%s', (_name, body, texts) => {
    JSON.parse(body);
    expect(sliceItems(Buffer.from(body)).map(String)).toEqual(texts);
  });
});

describe('an event', () => {
  it('keeps its own bytes: numbers over 2^53, spelling, order and all', () => {
    const text =
      '{ "created_at":"2026-01-02T12:00:00.123456789+02:00",  "big":12345678901234567890, "id":"\\u0061","event_type":"x" }';
    const [only] = read(page(`[${text}]`)).items;
    expect(only?.event).toMatchObject({
      id: 'a',
      createdAt: '2026-01-02T12:00:00.123456789+02:00',
      createdNs: 1_767_348_000_123_456_789n,
      original: text,
      eventType: 'x',
      wanted: true,
    });
    expect(only?.event.utf8).toEqual(Buffer.from(text));
  });

  it('without an id is named by its bytes, with an odd one by that id', () => {
    const idOf = (fields: object): string => read(page(`[${item(fields)}]`)).items[0]?.event.id ?? '';
    const hashed = /^sha256:[0-9a-f]{64}$/;
    for (const id of [undefined, null, '', 7, {}, ['a']]) {
      expect(idOf({ id })).toMatch(hashed);
      expect(idOf({ id, user: 'one' })).not.toBe(idOf({ id, user: 'two' }));
    }
    expect(idOf({ id: 'x'.repeat(256) })).toBe('x'.repeat(256));
    const long = 'x'.repeat(257);
    expect(idOf({ id: long })).toMatch(hashed);
    expect(idOf({ id: long, user: 'one' })).toBe(idOf({ id: long, user: 'two' }));
    expect(idOf({ id: '\ud800' })).toMatch(hashed);
    expect(idOf({ id: '\ud800' })).not.toBe(idOf({ id: '\ud801' }));
  });

  it('cannot pollute a prototype', () => {
    const text =
      '{"__proto__":{"id":"evil","created_at":"2026-01-02T12:00:00Z","polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const answer = read(page(`[${text}]`));
    expect(answer.malformed.map((one) => one.reason)).toEqual(['the item has no created_at']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(() => read('{"__proto__":{"items":[],"metadata":{}}}')).toThrow(/no "items" list/);
  });
});

describe('an item that is too large to parse', () => {
  const DENSE = `[${'[],'.repeat(300_000)}[]]`;

  it('is an event like others, with all its bytes', () => {
    const heavy = item({ user: { id: 'u', more: 1 }, event_details: { list: 0 } }).replace(
      '"list":0',
      `"list":${DENSE}`,
    );
    const { items, malformed, rows } = read(page(`[${item({ id: 'b' })},${heavy},${item({ id: 'c' })}]`));
    expect([items.map(({ event }) => event.id), malformed, rows]).toEqual([['b', 'a', 'c'], [], 3]);
    expect(items[1]?.event.original === heavy).toBe(true);
    expect(items[1]?.event.eventType).toBe('login');
  });

  it('is set aside with its bytes where nothing is left of its time', () => {
    const heavy = `{"created_at":${DENSE}}`;
    const { items, malformed } = read(page(`[${heavy},${item()}]`));
    expect(items).toHaveLength(1);
    expect(malformed.map(({ bytes }) => bytes.length)).toEqual([heavy.length]);
  });

  it('is no way past the check that the answer is JSON', () => {
    for (const items of [
      `[${item({ a: 0 }).replace('"a":0', `"a":${DENSE}`)}`,
      `[{"a":${DENSE}} {}]`,
      `[{"a":${DENSE}},]`,
    ])
      expect(() => read(page(items))).toThrow(/not complete JSON/);
  });

  it('may be the list itself', () => {
    expect(() => read(page(DENSE))).toThrow(/no "items" list/);
  });
});

describe('an item that is no event', () => {
  test.each([
    ['null', 'null', /not a JSON object/],
    ['a list', '[1]', /not a JSON object/],
    ['a number', '12345678901234567890', /not a JSON object/],
    ['no time', '{"id":"a"}', /no created_at/],
    ['a number for a time', '{"id":"a","created_at":1767348000}', /no created_at/],
    ['a time that is none', '{"id":"a","created_at":"yesterday"}', /not an RFC 3339/],
    ['a date that does not exist', '{"id":"a","created_at":"2026-02-30T00:00:00Z"}', /not an RFC 3339/],
  ])('%s is set aside with its bytes, the rest is read', (_name, text, reason) => {
    const answer = read(page(`[${item({ id: 'before' })}, ${text} ,${item({ id: 'after' })}]`));
    expect(answer.items.map((one) => one.event.id)).toEqual(['before', 'after']);
    expect(answer.malformed).toEqual([
      { reason: expect.stringMatching(reason) as string, bytes: Buffer.from(text) },
    ]);
    expect(answer.rows).toBe(3);
  });

  it('is also one whose bytes are not UTF-8: nobody may fix evidence', () => {
    const odd = Buffer.concat([
      Buffer.from('{"id":"b","created_at":"2026-01-02T12:00:00Z","n":"'),
      Buffer.of(0xc3, 0x28),
      Buffer.from('"}'),
    ]);
    const body = Buffer.concat([Buffer.from(`{"items":[${item()},`), odd, Buffer.from(`],"metadata":{}}`)]);
    const answer = read(body);
    expect(answer.items.map((one) => one.event.id)).toEqual(['a']);
    expect(answer.malformed).toEqual([{ reason: 'the item is not valid UTF-8', bytes: odd }]);
    const kept = answer.malformed[0]?.bytes;
    body.fill(0);
    expect(kept).toEqual(odd); // its own copy: the answer is let go of
  });
});

describe('an answer that is no list', () => {
  test.each([
    ['nothing', ''],
    ['white space', '  \n'],
    ['HTML', '<html></html>'],
    ['cut JSON', page(`[${item()}]`).slice(0, -1)],
    ['a list at the top', '[]'],
    ['null', 'null'],
    ['no items', '{"metadata":{}}'],
    ['no metadata', '{"items":[]}'],
    ['items null without any figure', '{"items":null,"metadata":{}}'],
    ['items null with rows to come', page('null', '{"page_size":1000,"total_count":3}')],
    ['no items with rows to come', '{"metadata":{"page_size":1000,"total_count":3}}'],
    ['no items without a count', '{"metadata":{"page_size":1000}}'],
    ['metadata null', '{"items":[],"metadata":null}'],
    ['a trailing comma', page('[1,]')],
    ['items an object', '{"items":{},"metadata":{}}'],
    ['metadata a list', '{"items":[],"metadata":[]}'],
    ['two documents', `${page('[]')}${page('[]')}`],
  ])('%s is an error, never "no events"', (_name, text) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ kind: 'transient', message: expect.stringContaining(WHERE) as string }),
    );
  });

  it('quotes its message where it has one, on one line', () => {
    const said = (text: string): (() => unknown) => {
      return () => readPage(Buffer.from(text), WHERE, { rowsBefore: 0 });
    };
    expect(said('{"message":"token expired\\nfor you","status":401}')).toThrow(
      /no "items" list.*\(token expired for you\)$/,
    );
    expect(said('{"error":"login first"}')).toThrow(/\(login first\)$/);
    expect(said('{"message":{"a":1}}')).toThrow(/metadata"$/);
  });

  it('quotes nothing of the body', () => {
    expect(() => read('{"secret":"hunter2"')).toThrow(expect.not.stringContaining('hunter2') as unknown);
  });
});

describe('an empty list', () => {
  test.each([
    ['as null with a count of none', page('null', '{"page_size":1000,"total_count":0}'), 0],
    ['as null without a count', page('null', '{"page_size":1000}'), 0],
    ['left out with a count of none', '{"metadata":{"page_size":1000,"total_count":0}}', 0],
    ['as null on the page after the last', page('null', '{"page_size":1000,"total_count":7}'), 1000],
    ['behind a byte order mark', `\ufeff${page('[]')}`, 0],
  ])('%s', (_name, text, rowsBefore) => {
    const answer = readPage(Buffer.from(text), WHERE, { rowsBefore });
    expect(answer).toMatchObject({ rows: 0, items: [], malformed: [] });
  });

  it('behind a byte order mark leaves the bytes of items as they are', () => {
    const [only] = read(`\ufeff${page(`[${item()}]`)}`).items;
    expect(only?.event.original).toBe(item());
  });
});

describe('metadata', () => {
  test.each([
    ['{"page_size":100,"total_count":5}', 100, 5],
    ['{"page_size":0,"total_count":0}', null, 0],
    ['{}', null, null],
    ['{"page_size":"100","total_count":"5"}', null, null],
    ['{"page_size":-1,"total_count":-1}', null, null],
    ['{"page_size":1.5,"total_count":1e300}', null, null],
    ['{"page_size":null,"total_count":null}', null, null],
  ])('%s', (metadata, pageSize, totalCount) => {
    expect(read(page('[]', metadata))).toMatchObject({ pageSize, totalCount, rows: 0 });
  });
});
