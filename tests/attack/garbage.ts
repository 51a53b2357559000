import { Buffer } from 'node:buffer';

import fc from 'fast-check';

import { HOSTILE_STRINGS } from '../contract/items.ts';

/** Text that is no good: what has broken parsers, what nobody expects, and what was good until something was done to it. */
export function garbage(good: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: damaged(good) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...HOSTILE_STRINGS, '', ' ', '\ufeff{}', 'null', '[]', '0', '""'),
    },
    { weight: 2, arbitrary: fc.json({ maxDepth: 4 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(deep('['), deep('{"a":'), '[1e999,-0,1e-999]', `"${'\\'.repeat(999)}`),
    },
  );
}

function deep(open: string): string {
  return open.repeat(20_000);
}

/** A good text with some of its parts left out, doubled, swapped for others, or turned into what is hostile. */
function damaged(good: readonly string[]): fc.Arbitrary<string> {
  const cut = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 0, max: 40 }),
    how: fc.constantFrom('drop', 'double', 'replace', 'end'),
    by: fc.oneof(fc.constantFrom(...HOSTILE_STRINGS, ...TOKENS), fc.string({ unit: 'binary', maxLength: 5 })),
  });
  return fc.tuple(fc.constantFrom(...good), fc.array(cut, { maxLength: 4 })).map(([text, cuts]) =>
    cuts.reduce((whole, { at, length, how, by }) => {
      const start = Math.floor(at * whole.length);
      const [before, part, after] = [
        whole.slice(0, start),
        whole.slice(start, start + length),
        whole.slice(start + length),
      ];
      if (how === 'end') return before;
      return `${before}${how === 'drop' ? '' : how === 'double' ? part + part : by}${after}`;
    }, text),
  );
}

const TOKENS = [
  ...[
    'null',
    'true',
    '-1',
    '1e309',
    '9007199254740993',
    '0.1',
    '[]',
    '{}',
    '""',
    '"__proto__":',
    '"constructor":1,',
  ],
  ...[',', ':', '}', ']', '<', '&', '&#x110000;', '%', '\\u', '\\ud800', '\u0000', '99999999999999999999'],
];

/** An answer of a server that does not mean well, or of what stands before it. */
export function badAnswer(good: readonly string[]): fc.Arbitrary<{
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}> {
  const word = fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    'soon',
    'Fri, 31 Feb 2026 99:00:00 GMT',
    '9'.repeat(40),
    '1;2',
  );
  return fc.record({
    status: fc.oneof(
      { weight: 3, arbitrary: fc.constant(200) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(201, 202, 204, 207, 301, 304, 307, 400, 401, 403, 404, 409, 412, 413),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(408, 415, 421, 422, 425, 429, 500, 502, 503, 504, 511, 599, 999),
      },
    ),
    headers: fc.record(
      {
        'retry-after': word,
        date: word,
        'content-type': fc.constantFrom(
          'application/json',
          'text/html',
          'application/x-protobuf',
          ';;',
          'a/b'.repeat(99),
        ),
        'content-encoding': fc.constantFrom(
          'gzip',
          'deflate',
          'br',
          'zstd',
          'gzip, gzip',
          'identity',
          'nobody',
        ),
        location: fc.constantFrom('http://127.0.0.1:1/', '//', 'file:///etc/passwd', ''),
        'x-elastic-product': fc.constantFrom('Elasticsearch', ''),
        'www-authenticate': word,
      },
      { requiredKeys: [] },
    ),
    body: garbage(good).map((text) => Buffer.from(text)),
  });
}
