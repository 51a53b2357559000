import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { Format } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { canonicalOf, ORIGIN } from './events.ts';
import { parseCef, parseLeef } from './parsers.ts';
import { at, type Document } from './validators.ts';

/** The texts that somebody outside can choose, and an event that holds them. */
const FIELDS = ['entity', 'userId', 'email', 'name', 'role', 'team', 'reason', 'detail'] as const;
type Field = (typeof FIELDS)[number];
type Texts = Readonly<Record<Field, string>>;

const PLAIN = Object.fromEntries(FIELDS.map((field) => [field, `plain ${field}`])) as Texts;

const itemOf = (texts: Texts): object => ({
  id: '0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f01',
  event_type: 'sync.created',
  created_at: '2026-01-02T03:04:05.5Z',
  is_success: false,
  entity_display_name: texts.entity,
  user: { id: texts.userId, email: texts.email, name: texts.name, roles: [{ id: 'r', name: texts.role }] },
  team_name: texts.team,
  event_details: { reason: texts.reason, detail: texts.detail },
});

/** Where a format puts each text. What repeats several of them, such as the sentence for people, is left out of comparisons. */
const JSON_PLACES: readonly { format: Format; places: Readonly<Record<Field, string>> }[] = [
  {
    format: rawFormat.create({}),
    places: {
      entity: 'entity_display_name',
      userId: 'user.id',
      email: 'user.email',
      name: 'user.name',
      role: 'user.roles.0.name',
      team: 'team_name',
      reason: 'event_details.reason',
      detail: 'event_details.detail',
    },
  },
  {
    format: ecsFormat.create({}),
    places: {
      entity: 'cloudquery.audit.entity_display_name',
      userId: 'user.id',
      email: 'user.email',
      name: 'user.full_name',
      role: 'user.roles.0',
      team: 'cloudquery.audit.team_name',
      reason: 'event.reason',
      detail: 'cloudquery.audit.event_details.detail',
    },
  },
  {
    format: ocsfFormat.create({}),
    places: {
      entity: 'entity.name',
      userId: 'actor.user.uid',
      email: 'actor.user.name',
      name: 'actor.user.full_name',
      role: 'actor.user.groups.0.name',
      team: 'unmapped.team_name',
      reason: 'status_detail',
      detail: 'unmapped.event_details.detail',
    },
  },
  {
    format: cimFormat.create({}),
    places: {
      entity: 'cloudquery.entity_display_name',
      userId: 'cloudquery.user.id',
      email: 'user',
      name: 'user_name',
      role: 'cloudquery.user.roles.0.name',
      team: 'vendor_account',
      reason: 'result',
      detail: 'cloudquery.event_details.detail',
    },
  },
];

const TEXT_PLACES = {
  cef: {
    entity: 'cs1',
    userId: 'suid',
    email: 'suser',
    name: null,
    role: 'cs5',
    team: 'cs6',
    reason: 'reason',
    detail: 'cs3',
  },
  leef: {
    entity: 'resource',
    userId: 'usrId',
    email: 'usrName',
    name: null,
    role: 'role',
    team: 'groupID',
    reason: 'reason',
    detail: 'eventDetails',
  },
} as const;

const piece = fc.constantFrom(
  ...[
    '=',
    '\\',
    '|',
    '\n',
    '\r',
    '\r\n',
    '\t',
    ' ',
    '"',
    '","id":"forged',
    '}\n{"id":"forged"}',
    ' src=1.1.1.1',
    '\tusrName=root',
  ],
  ...['\\"', '\\n', '\u0000', '\u2028', '\u0085', '\ud800', '😀', ']', '<14>1 - - -'],
);
/** Begins and ends with a letter: blanks at the ends are no part of a value in CEF and LEEF. Short enough for every dictionary. */
const hostile = fc
  .array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 10 })), { maxLength: 12 })
  .map((parts) => `x${parts.join('').slice(0, 150)}y`);
const hostileTexts = fc.record(
  Object.fromEntries(FIELDS.map((field) => [field, hostile])) as Record<Field, fc.Arbitrary<string>>,
);

/** The format's line as a reader of NDJSON gets it: exactly one line, whatever it takes for the end of one. */
function documentOf(format: Format, texts: Texts): Document {
  const lines = format.render(canonicalOf(itemOf(texts)), ORIGIN).split(/[\n\r\u0085\u2028\u2029]/);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Document;
}

describe.each(JSON_PLACES)('any text in any field of $format.name', ({ format, places }) => {
  it('comes back equal', () => {
    fc.assert(
      fc.property(hostileTexts, (texts) => {
        const document = documentOf(format, texts);
        for (const field of FIELDS)
          expect([field, at(document, places[field])]).toEqual([field, texts[field].toWellFormed()]);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves every other field what it was', () => {
    const plain = documentOf(format, PLAIN);
    fc.assert(
      fc.property(fc.constantFrom(...FIELDS), hostile, (field, text) => {
        const document = documentOf(format, { ...PLAIN, [field]: text });
        expect(Object.keys(document)).toEqual(Object.keys(plain));
        for (const other of FIELDS)
          if (other !== field) expect(at(document, places[other])).toBe(PLAIN[other]);
      }),
      { numRuns: 300 },
    );
  });
});

/** What CEF and LEEF can hold of a text: one blank for a run of control characters; LEEF writes line breaks out. */
function kept(text: string, name: 'cef' | 'leef'): string {
  const breaks = text.toWellFormed().replaceAll('\r\n', '\n');
  const written = name === 'leef' ? breaks.replaceAll('\n', '\\n').replaceAll('\r', '\\r') : breaks;
  const blanks = name === 'leef' ? /[\p{Cc}\u2028\u2029]/gu : /(?![\n\r])[\p{Cc}\u2028\u2029]/gu;
  return written.replace(blanks, ' ').replace(/ +/g, ' ');
}

describe.each([
  { name: 'cef', format: cefFormat.create({}), parse: parseCef },
  { name: 'leef', format: leefFormat.create({}), parse: parseLeef },
] as const)('any text in any field of $name', ({ name, format, parse }) => {
  const fieldsOf = (texts: Texts): ReadonlyMap<string, string> => {
    const line = format.render(canonicalOf(itemOf(texts)), ORIGIN);
    expect(line).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
    const { fields, repeated } = parse(line);
    expect(repeated).toEqual([]);
    return fields;
  };
  const places = TEXT_PLACES[name];

  it('comes back equal, but for what the format cannot hold', () => {
    fc.assert(
      fc.property(hostileTexts, (texts) => {
        const fields = fieldsOf(texts);
        for (const field of FIELDS) {
          const [key, text] = [places[field], texts[field]];
          if (key === null || field === 'detail') continue;
          expect([field, fields.get(key)?.replace(/ +/g, ' ')]).toEqual([field, kept(text, name)]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves every other field what it was', () => {
    const plain = fieldsOf(PLAIN);
    const repeating: readonly string[] = ['msg', 'cs3', 'eventDetails'];
    fc.assert(
      fc.property(fc.constantFrom(...FIELDS), hostile, (field, text) => {
        const fields = fieldsOf({ ...PLAIN, [field]: text });
        expect([...fields.keys()]).toEqual([...plain.keys()]);
        for (const [key, value] of fields) {
          if (key !== places[field] && !repeating.includes(key))
            expect([key, value]).toEqual([key, plain.get(key)]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
