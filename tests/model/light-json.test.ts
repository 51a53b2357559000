import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { lightJson, TEXT_LIMIT, VALUES_LIMIT } from '../../src/model/light-json.ts';

/** A text of about a million characters of one thing after the other. */
function many(one: string, separator = ','): string {
  return Array.from({ length: Math.ceil(1e6 / (one.length + 1)) }, () => one).join(separator);
}

function parsed(text: string): Record<string, unknown> {
  return JSON.parse(lightJson(text)) as Record<string, unknown>;
}

/** Values and keys of parsed JSON. */
function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.entries(value).reduce(
    (sum, [, inner]) => sum + countOf(inner) + (Array.isArray(value) ? 0 : 1),
    1,
  );
}

describe('light JSON', () => {
  it('is the same text where it parses within bounds', () => {
    for (const text of [
      '',
      'x',
      '{"a":[1,{"b":"}"}]}',
      `["${'x,'.repeat(500_000)}"]`,
      `[${many('"a long text of forty characters, or so"')}]`,
    ])
      expect(lightJson(text)).toBe(text);
  });

  it.each([
    ['empty lists', `[${many('[]')}]`],
    ['empty objects', `[${many('{}')}]`],
    ['numbers', `[${many('1')}]`],
    ['nested lists', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
    ['objects in objects', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`],
    ['keys', `{${Array.from({ length: 150_000 }, (_, n) => `"k${n}":1`).join(',')}}`],
    ['texts', `[${many('""')}]`],
    ['blank space between', `[ ${many('[ ]', ' ,\n')} ]`],
    ['objects with lists', `{"a":{"b":{"c":[${many('[]')}]},"d":[${many('0')}]}}`],
  ])('leaves out %s, and keeps what is small beside them', (_name, dense) => {
    const text = `{"before":"1","dense":${dense},"id":"x","details":{"first":[true],"dense":${dense},"last":null}}`;
    const light = parsed(text);
    expect(countOf(light)).toBeLessThanOrEqual(VALUES_LIMIT);
    expect(light).toMatchObject({ before: '1', id: 'x', details: { first: [true], last: null } });
    expect(JSON.stringify(light).includes('[left out: ')).toBe(true);
  });

  it('names what is left out by its hash, so that two parts are told apart', () => {
    const dense = `[${many('[]')}]`;
    const hash = createHash('sha256').update(dense).digest('hex');
    expect(parsed(`{"a":${dense}}`)['a']).toBe(
      `[left out: ${dense.length} characters that are too large to read, sha256 ${hash}]`,
    );
  });

  it('leaves out a text, a number and a key that are too long', () => {
    const long = 'a'.repeat(TEXT_LIMIT);
    expect(parsed(`{"id":"x","text":"${long}"}`)).toMatchObject({
      id: 'x',
      text: expect.stringMatching(/^\[left out/) as string,
    });
    expect(parsed(`{"id":"x","n":${'1'.repeat(TEXT_LIMIT)}}`)['n']).toMatch(/^\[left out/);
    expect(parsed(`{"${long}":1,"id":"x"}`)).toEqual({
      id: 'x',
      '[left out]': expect.stringMatching(/^\[left out/) as string,
    });
  });

  it('takes brackets and quotation marks within texts for what they are', () => {
    const text = `{"t":"\\\\\\"}],[{","dense":[${many('"\\"]"')}],"id":"x"}`;
    expect(parsed(text)).toMatchObject({ t: '\\"}],[{', id: 'x' });
  });

  it.each([
    ['cut off', `{"a":[${many('[]')}],"b":`],
    ['cut off within a list', `{"id":"x","a":[${many('[]')}`],
    ['with more behind it', `{"a":[${many('[]')}]} {}`],
    ['without a colon', `{"a"[${many('[]')}]}`],
    ['without a comma', `{"a":[${many('[]')}] "b":1}`],
    ['no JSON at all', many('<p>')],
  ])('stays no JSON when it is %s', (_name, text) => {
    expect(() => parsed(text)).toThrow(SyntaxError);
  });

  it('is JSON for any JSON, with every member that is small', () => {
    const dense = `[${many('{}')}]`;
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          fc.jsonValue({ maxDepth: 2 }),
        ),
        (small) => {
          const text = JSON.stringify({ ...small, dense: null }).replace('"dense":null', `"dense":${dense}`);
          const { dense: note, ...rest } = parsed(text);
          expect(note).toMatch(/^\[left out/);
          expect(rest).toEqual(JSON.parse(JSON.stringify({ ...small, dense: undefined })));
        },
      ),
      { numRuns: 30 },
    );
  });
});
