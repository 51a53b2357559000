import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { globOf, globsOf } from '../../src/model/glob.ts';

describe('a glob', () => {
  test.each<[glob: string, text: string, fits: boolean]>([
    ['user.login', 'USER.Login', true],
    ['user.login', 'user.login ', false],
    ['user.login', 'userxlogin', false],
    ['user?login', 'user.login', true],
    ['user?login', 'userlogin', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['?', '', false],
    ['**', 'anything\nat all', true],
    ['*login', 'user.login', true],
    ['*.l*n', 'user.login', true],
    ['user.lo*ogin', 'user.login', false],
    ['a*a', 'a', false],
    ['*?', '', false],
    ['*?*', 'x', true],
    ['a.c', 'abc', false],
    ['[a]{1}+(b)|$^\\', '[A]{1}+(B)|$^\\', true],
    ['?', '😀', true],
    ['??', '😀', false],
    ['*\ud83d*', '😀', false],
    ['*ΟΔΟΣ*', 'μια οδος.', true],
    ['stra?e', 'STRAßE', true],
    ['straße', 'STRASSE', false],
    ['İ*', 'İstanbul', true],
    ['𐐀*', '𐐨x', true],
  ])('%j against %j', (glob, text, fits) => {
    expect(globOf(glob)(text)).toBe(fits);
  });

  it('is held by any of several', () => {
    expect(globsOf(['sync.*', '*LOGIN'])('user.login')).toBe(true);
    expect(globsOf(['sync.*'])('user.login')).toBe(false);
    expect(globsOf([])('user.login')).toBe(false);
  });

  it('finds what a plain reading of its definition finds', () => {
    const letters = fc.constantFrom('a', 'b', 'A', '?', '*', '.', '😀', 'ß');
    const short = fc.array(letters, { maxLength: 12 }).map((some) => some.join(''));
    fc.assert(
      fc.property(short, short, (glob, text) => {
        expect(globOf(glob)(text)).toBe(plainly([...glob.toLowerCase()], [...text.toLowerCase()]));
      }),
      { numRuns: 3000 },
    );
  });

  it('finds it beyond the bits of one number as well', () => {
    const piece = fc.constantFrom('ab', 'ba', 'a', '?', '*');
    const globs = fc.array(piece, { minLength: 20, maxLength: 60 }).map((some) => some.join(''));
    fc.assert(
      fc.property(globs, fc.constantFrom('a', 'b', 'ab'), (glob, letters) => {
        const text = glob.replaceAll('?', 'b').replaceAll('*', letters);
        for (const tried of [text, `${text}a`, text.slice(1), text.replace('ab', 'ba')])
          expect(globOf(glob)(tried), tried).toBe(plainly([...glob], [...tried]));
      }),
    );
  });
});

describe('a hostile text', () => {
  const stars = (letters: string) => `*${[...letters].join('*')}*`;

  test.each<[string, string]>([
    ['*user*deleted*', 'user'],
    [stars('aaaaaaaaaaaaaaaaaaaaaaaab'), 'a'],
    [`*${'a'.repeat(200)}b*`, 'a'],
    [`*${'a?'.repeat(100)}b`, 'a'],
    ['*?*?*?*?*?*?*b', 'a'],
    [`${'*'.repeat(5000)}b`, 'a'],
  ])('is looked at once: %.40s', (glob, unit) => {
    const text = counted(unit, 1_000_000);
    expect(globOf(glob)(text as unknown as string)).toBe(false);
    expect(text.looks).toBeLessThanOrEqual(text.length);
  });

  it('is left at the first character that nothing can follow', () => {
    const text = counted('x', 1_000_000);
    expect(globOf('user.*')(text as unknown as string)).toBe(false);
    expect(globOf('x?*')(text as unknown as string)).toBe(true);
    expect(text.looks).toBeLessThanOrEqual(4);
  });
});

/** A text that counts how often it is looked at. */
function counted(unit: string, length: number) {
  return {
    length,
    looks: 0,
    codePointAt(at: number) {
      this.looks += 1;
      return unit.codePointAt(at % unit.length);
    },
  };
}

/** By definition, and no more than a list of places for each piece. */
function plainly(glob: readonly string[], text: readonly string[]): boolean {
  /** How much of the text what was looked at may stand for. */
  let ends: readonly number[] = [0];
  for (const piece of glob) {
    if (piece === '*') {
      const first = Math.min(...ends);
      ends = Array.from({ length: text.length - first + 1 }, (_, more) => first + more);
    } else
      ends = ends
        .filter((end) => end < text.length && (piece === '?' || piece === text[end]))
        .map((end) => end + 1);
    if (ends.length === 0) return false;
  }
  return ends.includes(text.length);
}
