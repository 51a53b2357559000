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
  ])('%s is safe with doubles', (text) => {
    expect(surveyJson(text).delicate).toBe(false);
  });

  it.each(['1234567890123456', '[1.0]', '{"a":1e3}', '{"a": 1E3}', '[-0]', '{"a":-0}', '[true,0.5]'])(
    '%s is not',
    (text) => {
      expect(surveyJson(text).delicate).toBe(true);
    },
  );

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
