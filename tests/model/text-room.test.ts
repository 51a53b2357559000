import fc from 'fast-check';
import { expect, it } from 'vitest';

import { textRoom } from '../../src/model/text-room.ts';

const PIECE_BYTES = 256 * 1024;

it('keeps every text as its UTF-8, in parts or as a whole, whatever came before it', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.string().map((text) => Buffer.from(text)),
  );
  const property = fc.property(fc.array(fc.array(part, { maxLength: 3 }), { maxLength: 30 }), (texts) => {
    const write = textRoom();
    const kept = texts.map((parts) => write(...parts));
    expect(kept.map(String)).toEqual(texts.map((parts) => parts.map(String).join('')));
  });
  fc.assert(property, { numRuns: 100 });
});

it.each([
  ['of one byte a character', 'a'],
  ['of three', '\u20ac'],
  ['of four in two units', '\u{1f600}'],
])('begins another piece of memory where one is full, with characters %s', (_, character) => {
  const write = textRoom();
  const texts = Array.from({ length: 60 }, (_unused, at) => character.repeat(at * 300));
  const kept = texts.map((text) => write(text));
  expect(kept.map(String)).toEqual(texts);
  expect(new Set(kept.map(({ buffer }) => buffer)).size).toBeGreaterThan(1);
});

it('gives a text that no piece holds a piece of its own', () => {
  const write = textRoom();
  const large = '\u20ac'.repeat(PIECE_BYTES);
  expect([write('a'), write(large), write('b')].map(String)).toEqual(['a', large, 'b']);
});
