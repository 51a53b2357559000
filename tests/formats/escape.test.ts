import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cefFormat } from '../../src/formats/cef.ts';
import { cefClassId, cefHeader, cefValue, leefHeader, leefValue } from '../../src/formats/escape.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { canonicalOf, ORIGIN } from './events.ts';
import { parseCef, parseLeef } from './parsers.ts';
import { cefFaults } from './validators.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        '=',
        '\\',
        '|',
        '\n',
        '\r',
        '\t',
        ' ',
        'src=1.1.1.1',
        ' suser=root',
        'é',
        '😀',
        '\\n',
        '\u2028',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
  fc.constant('x'.repeat(10_000)),
);

/** What may be lost of a CEF value, said another way: control characters, blanks at the ends, the kind of a line break. */
function cefKept(value: string): string {
  const kept = [...value.toWellFormed()]
    .map((c) => (c !== '\n' && c !== '\r' && isControl(c) ? ' ' : c))
    .join('');
  return kept.replaceAll('\r\n', '\n').trim();
}

function isControl(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029;
}

/** What JSON need not escape, and a line of text cannot carry. */
const SEPARATING = 'a\u2028b\u2029c\u0085d\u007fe\u009ff';
const detailed = canonicalOf({ event_type: 'x', event_details: { [SEPARATING]: SEPARATING, n: 1 } });

const collapse = (value: string): string => value.replace(/ +/g, ' ');

describe('CEF', () => {
  it('gives any value back to an independent parser, between fields that stay what they are', () => {
    fc.assert(
      fc.property(text, (value) => {
        const line = `CEF:0|a|b|c|d|e|1|first=1 odd=${cefValue(value, 20_000)} last=2`.toWellFormed();
        const { fields, repeated } = parseCef(line);
        expect([...fields.keys()]).toEqual(['first', 'odd', 'last']);
        expect(repeated).toEqual([]);
        expect(collapse(fields.get('odd') ?? '')).toBe(collapse(cefKept(value)));
        expect([fields.get('first'), fields.get('last')]).toEqual(['1', '2']);
      }),
      { numRuns: 500 },
    );
  });

  it('lets no text of an event add or change a field', () => {
    const keys = (name: string): string[] => {
      const item = {
        id: 'e',
        event_type: name,
        entity_display_name: name,
        user: { id: name, email: name, name },
        event_details: { reason: name, x: name },
        team_name: name,
      };
      const { header, fields, repeated } = parseCef(cefFormat.create({}).render(canonicalOf(item), ORIGIN));
      expect(header).toHaveLength(7);
      expect(repeated).toEqual([]);
      return [...fields.keys()];
    };
    const plain = keys('x');
    fc.assert(
      fc.property(text, (value) => {
        for (const key of keys(`x${value}`)) expect([...plain, 'src', 'act']).toContain(key);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['a=b', 'a\\=b'],
    ['a\\b', 'a\\\\b'],
    ['a|b', 'a|b'],
    ['a\nb', 'a\\nb'],
    ['a\r\nb', 'a\\nb'],
    ['a\rb', 'a\\rb'],
    [' a\tb ', 'a b'],
    ['a\\=b', 'a\\\\\\=b'],
  ])('writes %j as %j', (value, escaped) => expect(cefValue(value, 100)).toBe(escaped));

  it('cuts before it escapes, never within a character', () => {
    expect(cefValue('====', 3)).toBe('\\=\\=\\=');
    expect(cefValue('ab😀', 3)).toBe('ab');
    expect(cefHeader('|'.repeat(40), 31)).toBe('\\|'.repeat(31));
  });

  it('fixes values for receivers with known faults when asked', () => {
    expect(cefValue('a\nb|c', 99, { replaceNewlines: true, replacePipe: true })).toBe('a b/c');
    const event = canonicalOf({ event_type: 'user_login', user_ip_address: '2001:db8::1' });
    const line = cefFormat.create({ ipv6_in_src: true, space_after_header: true }).render(event, ORIGIN);
    expect(line).toContain('|User Login|1| rt=');
    expect(parseCef(line).fields.get('src')).toBe('2001:db8::1');
    expect(parseCef(cefFormat.create({}).render(event, ORIGIN)).fields.has('src')).toBe(false);
  });

  it('carries the details without loss', () => {
    const { fields } = parseCef(cefFormat.create({}).render(detailed, ORIGIN));
    expect(JSON.parse(fields.get('cs3') ?? '')).toEqual({ [SEPARATING]: SEPARATING, n: 1 });
  });

  it('keeps the class id to letters that need no escape', () => {
    expect(cefClassId('a|b=c d', 99)).toBe('a_b_c_d');
    expect(cefClassId('', 99)).toBe('unknown');
  });
});

describe('LEEF', () => {
  it('gives any value back to an independent parser, but for what the format cannot hold', () => {
    fc.assert(
      fc.property(text, (value) => {
        const line = `LEEF:2.0|a|b|c|d|x09|first=1\todd=${leefValue(value)}\tlast=2`.toWellFormed();
        const { fields } = parseLeef(line);
        const breaks = value
          .toWellFormed()
          .replaceAll('\r\n', '\\n')
          .replaceAll('\n', '\\n')
          .replaceAll('\r', '\\r');
        const kept = [...breaks]
          .map((c) => (isControl(c) ? ' ' : c))
          .join('')
          .trim();
        expect([...fields.keys()]).toEqual(['first', 'odd', 'last']);
        expect(collapse(fields.get('odd') ?? '')).toBe(collapse(kept));
      }),
      { numRuns: 500 },
    );
  });

  it('carries the details without loss', () => {
    const { fields } = parseLeef(leefFormat.create({}).render(detailed, ORIGIN));
    expect(JSON.parse(fields.get('eventDetails') ?? '')).toEqual({ [SEPARATING]: SEPARATING, n: 1 });
  });

  it('writes both headers, and nothing into them that would end a field', () => {
    const event = canonicalOf({
      event_type: 'user|login\n',
      is_success: true,
      user_ip_address: '203.0.113.7',
    });
    const two = leefFormat.create({}).render(event, ORIGIN);
    const one = leefFormat.create({ version: '1.0' }).render(event, ORIGIN);
    expect(
      two.startsWith('LEEF:2.0|CloudQuery|CloudQuery Platform|1.42.0|user login|x09|cat=auth.success\t'),
    ).toBe(true);
    expect(
      one.startsWith('LEEF:1.0|CloudQuery|CloudQuery Platform|1.42.0|user login|cat=auth.success\t'),
    ).toBe(true);
    expect(parseLeef(two).fields.get('identSrc')).toBe('203.0.113.7');
    expect(leefHeader('a|b', 9)).toBe('a b');
  });
});

describe('the id of an event', () => {
  const withId = (id: string) => ({ ...canonicalOf({ event_type: 'user_login' }), id });
  const cef = (id: string, options = {}) => parseCef(cefFormat.create(options).render(withId(id), ORIGIN));

  it.each([
    ['0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f05', {}, '0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f05'],
    ['a=b\\c|d', {}, 'a=b\\c|d'],
    ['nul\u0000byte', {}, '"nul\\u0000byte"'],
    ['"quoted"', {}, '"\\"quoted\\""'],
    [' blank', {}, '" blank"'],
    ['a|b', { replace_pipe: true }, '"a\\u007cb"'],
  ])('%j is externalId in CEF where that holds it', (id, options, expected) => {
    const { fields, header } = cef(id, options);
    expect(fields.get('externalId')).toBe(expected);
    expect(fields.get('flexString2Label')).toBe('forwarder');
    expect(cefFaults(header, fields)).toEqual([]);
  });

  it.each([`sha256:${'0'.repeat(64)}`, 'x'.repeat(256), `${'y'.repeat(40)}\u0000`])(
    '%j, too long for it, is a labelled field of CEF, whole, and the forwarder stays',
    (id) => {
      const { fields, header } = cef(id);
      const quoted = id.includes('\u0000') ? JSON.stringify(id) : id;
      expect(fields.has('externalId')).toBe(false);
      expect([fields.get('flexString2'), fields.get('flexString2Label')]).toEqual([quoted, 'eventId']);
      expect(fields.get('deviceProcessName')).toBe('auditferry 0.1.0');
      expect(cefFaults(header, fields)).toEqual([]);
    },
  );

  it('is a hash in CEF, labelled as one, where even that field is too short', () => {
    const { fields, header } = cef('\u0001'.repeat(256));
    expect(fields.get('flexString2')).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(fields.get('flexString2Label')).toBe('eventIdHash');
    expect(cefFaults(header, fields)).toEqual([]);
  });

  it.each([
    ['nul\u0000byte', '"nul\\u0000byte"'],
    ['tab\there', '"tab\\there"'],
    ['\u0001'.repeat(256), JSON.stringify('\u0001'.repeat(256))],
    ['a=b|c', 'a=b|c'],
  ])('%j is eventId in LEEF', (id, expected) => {
    expect(parseLeef(leefFormat.create({}).render(withId(id), ORIGIN)).fields.get('eventId')).toBe(expected);
  });
});
