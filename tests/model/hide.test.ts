import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { createHide } from '../../src/model/hide.ts';
import { Secret } from '../../src/model/secret.ts';

const hide = (text: string, value: string, username?: string): string =>
  createHide([{ secret: Secret.of(value), username }])(text);

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
const hexBytes = (text: string): string[] =>
  [...utf8(text)].map((byte) => byte.toString(16).padStart(2, '0'));
const html = (text: string): string =>
  text.replace(
    /[&<>"'=/`]/g,
    (sign) =>
      ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '=': '&equals;' })[sign] ??
      `&#x${sign.charCodeAt(0).toString(16)};`,
  );
const units = (text: string): number[] => Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));

/** How peers write what they quote. Each keeps the order of the bytes, so that a part of the text is a part of the secret. */
const WRITINGS: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  'upper case': (text) => text.toUpperCase(),
  'lower case': (text) => text.toLowerCase(),
  JSON: (text) => JSON.stringify(text).slice(1, -1),
  'JSON twice': (text) => JSON.stringify(JSON.stringify(text)).slice(2, -2),
  'JSON, all escaped': (text) =>
    units(text)
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  'braced escapes': (text) =>
    Array.from(text, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  '\\x escapes': (text) =>
    hexBytes(text)
      .map((byte) => `\\x${byte}`)
      .join(''),
  'octal escapes': (text) => [...utf8(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  HTML: html,
  'HTML in HTML': (text) => html(html(text)),
  'HTML in JSON': (text) => JSON.stringify(html(text)),
  'HTML, decimal': (text) => Array.from(text, (character) => `&#${character.codePointAt(0) ?? 0};`).join(''),
  'HTML, hex': (text) =>
    Array.from(text, (character) => `&#X${(character.codePointAt(0) ?? 0).toString(16)};`).join(''),
  'an address': encodeURIComponent,
  'an address twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'an address, all escaped': (text) =>
    hexBytes(text)
      .map((byte) => `%${byte.toUpperCase()}`)
      .join(''),
  'a form': (text) => new URLSearchParams({ a: text }).toString().slice(2),
  hex: (text) => hexBytes(text).join(''),
  'hex in capitals': (text) => hexBytes(text).join('').toUpperCase(),
  'hex with colons': (text) => hexBytes(text).join(':'),
  'hex with spaces': (text) => hexBytes(text).join(' '),
  'hex with dashes': (text) => hexBytes(text).join('-').toUpperCase(),
  'hex with 0x': (text) =>
    hexBytes(text)
      .map((byte) => `0x${byte}`)
      .join(', '),
  'groups of hex': (text) => hexBytes(text).join('').replace(/.{4}/g, '$& '),
  'a list of bytes': (text) => JSON.stringify([...utf8(text)]),
  'a list of bytes, as Go prints it': (text) => `[${utf8(text).join(' ')}]`,
  base64: (text) => utf8(text).toString('base64'),
  'base64 of something longer': (text) => utf8(`{"k":"${text}"}`).toString('base64'),
  'base64 of something longer yet': (text) => utf8(`user-1:${text}`).toString('base64'),
  'base64 for addresses': (text) => utf8(`a${text}`).toString('base64url'),
  'lines of base64': (text) => utf8(text).toString('base64').replace(/.{9}/g, '$&\r\n'),
  'base64 in an address': (text) => encodeURIComponent(utf8(text).toString('base64')),
};

/** What can still be read of a secret in a text: six characters in a row, written like this. */
function readable(text: string, value: string, write: (text: string) => string): string | undefined {
  const left = text.replaceAll('[secret]', '\u0000').toLowerCase();
  return runsOf(value).find((run) => left.includes(write(run).toLowerCase()));
}

function runsOf(value: string): string[] {
  const characters = Array.from(value);
  return characters.map((_, at) => characters.slice(at, at + 6).join('')).slice(0, -5);
}

/** The same for base64, where the same characters are written in three ways. */
function decodable(text: string, value: string): string | undefined {
  const decoded = decodeURIComponent(text)
    .replaceAll('[secret]', '\u0000')
    .replaceAll(/\s/g, '')
    .split(/[^A-Za-z0-9+/_-]+/)
    .flatMap((run) => [0, 1, 2, 3].map((skipped) => Buffer.from(run.slice(skipped), 'base64').toString()));
  return runsOf(value).find((run) => decoded.some((one) => one.includes(run)));
}

// Characters that a token, a password or a passphrase may hold.
const secretText = fc.oneof(
  fc.string({ minLength: 6, maxLength: 40 }),
  fc.stringMatching(/^[A-Za-z0-9_-]{8,60}$/),
  fc.stringMatching(/^[ -~]{6,30}$/),
  fc.string({ unit: 'grapheme', minLength: 6, maxLength: 20 }),
  fc.stringMatching(/^([%&\\"'a-f0-9]{6,30})$/),
);
const RUNS = Number(process.env['RUNS'] ?? 60);
const SURROUNDINGS = ['', 'you sent ', 'Authorization: Bearer ', '{"token":"', 'key='] as const;

describe.each(Object.entries(WRITINGS))('written as %s', (name, write) => {
  const left = (text: string, value: string): string | undefined =>
    name.includes('base64') ? decodable(text, value) : readable(text, value, write);

  it('no six characters of a secret in a row are left', () => {
    fc.assert(
      fc.property(secretText, fc.constantFrom(...SURROUNDINGS), (value, before) => {
        const clean = hide(`${before}${write(value)}", and so on`, value);
        expect(clean).toContain('[secret]');
        expect(left(clean, value)).toBeUndefined();
      }),
      { numRuns: RUNS },
    );
  });

  it('nor of one that is cut at both ends', () => {
    fc.assert(
      fc.property(secretText, fc.nat(30), fc.nat(30), (value, first, last) => {
        const characters = Array.from(value);
        const part = characters.slice(first % characters.length, characters.length - (last % 10)).join('');
        expect(left(hide(`… ${write(part)}…`, value), value)).toBeUndefined();
      }),
      { numRuns: RUNS },
    );
  });
});

describe('what else is taken out', () => {
  test.each([
    ['every value of late', 'first-value', 'no first-value', 'no [secret]'],
    [
      'the value without its scheme',
      'Bearer 0123-abcd-token',
      'no Bearer here: 0123-abcd-token.',
      'no Bearer here: [secret].',
    ],
    ['its beginning', '0123-abcd-token', 'cut 0123-ab…', 'cut [secret]'],
    [
      'a UUID without its dashes',
      '5f0c2d1e-98ab-4c3d-8e7f-001122334455',
      'no 5F0C2D1E98AB4C3D8E7F001122334455!',
      'no [secret]!',
    ],
    ['the rest of a word', 'elastic', 'elasticsearch answers', '[secret] answers'],
    [
      'a pair in Basic credentials',
      'pass-word-1',
      `Basic ${Buffer.from('ana:pass-word-1').toString('base64')}`,
      'Basic [secret]',
    ],
    [
      'such a pair in hex',
      'pass-word-1',
      Buffer.from(`Basic ${Buffer.from('ana:pass-word-1').toString('base64')}`).toString('hex'),
      '[secret]',
    ],
    [
      'what is encoded in it',
      `Basic ${Buffer.from('ana:pass-word-1').toString('base64')}`,
      'no user ana:pass-word-1',
      'no user [secret]',
    ],
    [
      'a password within a key',
      Buffer.from('key:pass-word-1').toString('base64'),
      'key has no pass-word-1',
      'key has no [secret]',
    ],
    ['a short one', 'pass1', 'not PASS1, not pass2', 'not [secret], not pass2'],
    ['a very short one as a word', 'ab', 'ab about cab', '[secret] about cab'],
    [
      'a name of an index that begins like it',
      'cloudquery-audit-8f3a',
      'no cloudquery-audit in sight',
      'no [secret] in sight',
    ],
  ])('%s', (_what, value, text, clean) => {
    expect(hide(text, value, 'ana')).toBe(clean);
  });

  it('values that were in use before', async () => {
    let now = 'first-value';
    const secret = new Secret(() => now);
    const both = createHide([{ secret, username: undefined }]);
    expect(both('first-value, the-second')).toBe('[secret], the-second');
    now = 'the-second';
    await secret.get();
    expect(both('first-value, the-second')).toBe('[secret], [secret]');
  });
});

describe('what stays', () => {
  it.each([
    'https://hec.example.com:8088/services/collector answered 403: Invalid token',
    'status 400, document_parsing_exception: failed to parse field [source.ip] of type [ip]',
    'the key is wrong, deleted or expired (every key expires): create one and replace it',
    '200, 404, [1, 2, 3], 2026-01-02T12:00:00.120450780Z, 00000000-0000-0000-0000-000000000000',
    'Grüße, 漢字 und 🙂 “…”, \ud800 and 100% \\ &amp; &#x41;',
  ])('%s', (text) => {
    for (const value of ['0123456789abcdef-the-key', 'Zq9-pass-word', 'x8K'])
      expect(hide(text, value, 'elastic')).toBe(text);
  });

  it('everything where there is no secret', () => {
    expect(createHide([])('anything')).toBe('anything');
  });
});

// Anything worse than linear takes longer than a test may.
it.each([
  '%25',
  '\\u005c',
  '&amp;#39;',
  '\\',
  '&#x0',
  '1, ',
  '\\u{0',
  '&abcdefghijkl',
  '%2525252541',
  '0123-abcd-token ',
])('a long text of %j is done in good time', (piece) => {
  const text = piece.repeat(Math.ceil(300_000 / piece.length));
  const clean = hide(text, 'Bearer 0123-abcd-token');
  expect(clean.includes('[secret]')).toBe(piece.includes('token'));
});
