import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutDeeper, surveyJson } from '../../src/formats/json-text.ts';
import { readJson } from '../../src/formats/json.ts';

/** The same figures from the parsed value, by recursion. */
function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce<number>((sum, each) => sum + keysOf(each), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Object.values(value).reduce<number>((deepest, each) => Math.max(deepest, depthOf(each)), 0);
}

describe('a survey of JSON text', () => {
  it('counts keys and nesting as parsing shows them, whatever stands in strings', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 1), (json, indent) => {
        const value: unknown = JSON.parse(json);
        const { keys, depth } = surveyJson(JSON.stringify(value, null, indent));
        return keys === keysOf(value) && depth === depthOf(value);
      }),
    );
  });

  it('counts a key that stands twice as often as it stands', () => {
    expect(surveyJson('{"a":1,"a":{"b":":","b":"\\":"}}').keys).toBe(4);
  });

  it.each([
    '0',
    '[123456789012345,-7]',
    '{"a":true,"b":false,"c":null,"e":5}',
    '"12345678901234567890 1.5 1e5 -0"',
    '{"10.5":"2026-01-02T03:04:05.123456Z"}',
    '[1234567890123456,0.5]',
    '[01,1.,-,1-2,+1]',
  ])('%s holds nothing that a double would change', (text) => {
    expect(surveyJson(text).exact).toEqual([]);
  });

  it.each([
    ['12345678901234567', ['12345678901234567']],
    ['[1.0,-0]', ['1.0', '-0']],
    ['{"a":1e3,"1e3":1}', ['1e3']],
    ['{"a": 1E3}', ['1E3']],
    ['[true,-900719925474099267.5]', ['-900719925474099267.5']],
  ])('%s holds numbers that have to stay as they are written', (text, numbers) => {
    const { exact } = surveyJson(text);
    const found = numbers.map((_, index) => text.slice(exact[index * 2], exact[index * 2 + 1]));
    expect(found).toEqual(numbers);
    expect(exact).toHaveLength(numbers.length * 2);
  });

  it('takes any text without a fault, in time that grows with its length alone', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => surveyJson(text).keys >= 0));
    expect(surveyJson(`"${'\\"'.repeat(500_000)}`).keys).toBe(0);
  });
});

describe('JSON text cut at a depth', () => {
  it('is the value with a note for what was deeper', () => {
    expect(cutDeeper('{"a":[1,{"b":"]}"},[2]],"c":{"d":[]}}', 2, '"deep"')).toBe(
      '{"a":[1,"deep","deep"],"c":{"d":"deep"}}',
    );
  });

  it('is untouched where nothing is deeper', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), (json) => cutDeeper(json, 50, '0') === json));
  });

  it('is JSON again, and no deeper', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.integer({ min: 0, max: 4 }), (json, depth) => {
        return depthOf(JSON.parse(cutDeeper(json, depth, '"deep"'))) <= depth;
      }),
    );
  });
});

describe('JSON that is read', () => {
  it('keeps every number as it was written beside nesting that no parser gets through', () => {
    const deep = `${'['.repeat(6000)}${']'.repeat(6000)}`;
    const { value, cut } = readJson(`{"n":12345678901234567890,"e":1e400,"deep":${deep}}`);
    expect(cut).toBe(true);
    expect(JSON.stringify(value)).toMatch(/^\{"n":12345678901234567890,"e":1e400,"deep":\[+"\[nested/);
  });
});

describe('JSON text read', () => {
  /** What the standard library makes of it, asked for the source of each number. */
  function byReviver(text: string): unknown {
    const exact = JSON as unknown as {
      parse(text: string, revive: (key: string, value: unknown, at: { source: string }) => unknown): unknown;
      rawJSON(text: string): object;
    };
    return exact.parse(text, (_, value, { source }) =>
      typeof value === 'number' && String(value) !== source ? exact.rawJSON(source) : value,
    );
  }

  const number = fc.oneof(
    fc.constantFrom('-0', '1.0', '1e400', '0.1', '12345678901234567890', '1E+2', '7'),
    fc.maxSafeInteger().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  );
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '\u0001'));
  const json = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      number,
      fc
        .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u0001', '\u00011.0', '\\u0001'))
        .map((text) => JSON.stringify(text)),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
      fc
        .array(fc.tuple(key, tie('value')), { maxLength: 4 })
        .map(
          (members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`,
        ),
    ),
  })).value;

  it('gives every number back as it was written, whatever stands beside it', () => {
    fc.assert(
      fc.property(json, (text) => {
        expect(JSON.stringify(readJson(text).value)).toBe(JSON.stringify(byReviver(text)));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['[01]', '[1.]', '[-]', '[.5]', '12abc', '[1e]', '[1e5.0]'])('%s stays no JSON', (text) => {
    expect(readJson(text).value).toBeUndefined();
  });
});
