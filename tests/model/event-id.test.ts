import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { eventIdOf, isSameInstant, sharedIdsOf } from '../../src/model/event-id.ts';

const ITEM = {
  created_at: '2026-03-01T12:00:00.123456Z',
  event_type: 'user_login',
  user: { id: '7d5a', email: 'ana@acme.example', name: 'Ana', last_login_at: '2026-03-01T11:00:00Z' },
  event_details: { tries: 1, from: 'ein “Büro”' },
};
const idOf = (item: object, stated?: unknown): string => eventIdOf(stated, JSON.stringify(item));

describe('an id that an item states', () => {
  test.each([
    '',
    ' ',
    '\t\u00a0\u200b',
    '00000000-0000-0000-0000-000000000000',
    '00000000000000000000000000000000',
    '{00000000-0000-0000-0000-000000000000}',
    'urn:uuid:00000000-0000-0000-0000-000000000000',
    ' (00000000-0000-0000-0000-000000000000)\n',
    '{}',
    '0',
    '-',
    undefined,
    null,
    17,
    {},
  ])('is none where it is %j', (stated) => {
    expect(idOf(ITEM, stated)).toBe(idOf(ITEM));
    expect(idOf(ITEM, stated)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test.each(['a', 'x'.repeat(256), '00000000-0000-0000-0000-000000000001', '1000', 'event 0', 'ünï 🛰', '/'])(
    'is kept: %.40s',
    (stated) => {
      expect(idOf(ITEM, stated)).toBe(stated);
    },
  );

  test.each([`sha256:${'a'.repeat(64)}`, `x#${'0'.repeat(32)}`, 'x'.repeat(257), '\ud800'])(
    'never passes for one of ours, nor for what no receiver takes: %.40j',
    (stated) => {
      expect(idOf(ITEM, stated)).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(idOf(ITEM, stated)).not.toBe(stated);
      expect(idOf(ITEM, stated)).not.toBe(idOf(ITEM));
    },
  );
});

describe('the id of an item that states none', () => {
  const user = ITEM.user;

  it('stays while the Platform joins another state of the user', () => {
    const later = {
      id: user.id,
      email: 'new@acme.example',
      name: 'Ana B',
      roles: [{ id: 'r' }],
      enabled: false,
    };
    expect(idOf({ ...ITEM, user: later })).toBe(idOf(ITEM));
    expect(idOf({ ...ITEM, user: { ...user, last_login_at: null } })).toBe(idOf(ITEM));
    const nobody = { id: '00000000-0000-0000-0000-000000000000', email: 'a@b.example' };
    expect(idOf({ ...ITEM, user: { ...nobody, mfa_configured: true } })).toBe(
      idOf({ ...ITEM, user: { ...nobody, id: '' } }),
    );
  });

  it('stays however the item is written', () => {
    const reordered =
      '{ "user":{"name":"x","id":"7d5a"},\r\n "event_details" : {"from":"ein \\u201cB\\u00fcro”", "tries":1.0e0},' +
      '"event_type":"user\\u005flogin","created_at":"2026-03-01T12:00:00.123456Z" }';
    expect(eventIdOf(undefined, reordered)).toBe(idOf(ITEM));
    expect(eventIdOf(null, Buffer.from(reordered))).toBe(idOf(ITEM));
  });

  test.each<[string, object]>([
    ['another time', { created_at: '2026-03-01T12:00:00.123457Z' }],
    ['another user', { user: { ...user, id: '7d5b' } }],
    ['nobody', { user: { last_login_at: user.last_login_at } }],
    ['no user', { user: null }],
    ['a user as text', { user: '7d5a' }],
    ['other details', { event_details: { ...ITEM.event_details, tries: 2 } }],
    ['a number as text', { event_details: { ...ITEM.event_details, tries: '1' } }],
    ['a user of the details', { event_details: { ...ITEM.event_details, user: { last_login_at: 1 } } }],
    ['one member more', { more: null }],
  ])('differs with %s', (_what, changes) => {
    expect(idOf({ ...ITEM, ...changes })).not.toBe(idOf(ITEM));
  });

  test.each([
    ['{"n":9007199254740993}', '{"n":9007199254740992}'],
    ['{"n":0.1000000000000000055}', '{"n":0.1}'],
    ['{"n":1e-400}', '{"n":0}'],
    ['{"n":1e400}', '{"n":1e500}'],
    ['{"a":1,"a":2}', '{"a":3,"a":2}'],
    ['{"a":[[],[]]}', '{"a":[[[]]]}'],
    ['{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'],
    ['{"a":[1,2]}', '{"a":[12]}'],
    ['{"a":["1,2"]}', '{"a":["1","2"]}'],
    ['{"user":{"email":"a"}}', '{"user":{"name":"a"}}'],
    ['{"details":{"user":{"name":"a"}}}', '{"details":{"user":{"name":"b"}}}'],
  ])('tells %s from %s', (one, other) => {
    expect(eventIdOf(undefined, one)).not.toBe(eventIdOf(undefined, other));
  });

  it('is the same for the same JSON and another for other JSON, whatever it is', () => {
    const shuffled = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffled)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, inner]) => [key, shuffled(inner)]),
            )
          : value;
    const json = fc.dictionary(
      fc.string().filter((key) => key !== 'user' && key !== '__proto__'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(json, json, (one, other) => {
        const id = eventIdOf(undefined, JSON.stringify(one));
        expect(eventIdOf(undefined, JSON.stringify(shuffled(one), null, 1))).toBe(id);
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(eventIdOf(undefined, JSON.stringify(other)) === id).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it('is found at any depth and size', () => {
    const deep = (end: string) => `{"a":${'{"a":['.repeat(200_000)}${end}${']}'.repeat(200_000)}}`;
    expect(eventIdOf(undefined, deep('1'))).not.toBe(eventIdOf(undefined, deep('2')));
    const long = (end: string) => `{"a":[${'[],'.repeat(500_000)}${end}]}`;
    expect(eventIdOf(undefined, long('1'))).not.toBe(eventIdOf(undefined, long('2')));
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

describe('events that share an id', () => {
  const event = { id: 'x', createdNs: 1_500_000_000n, eventType: 'a', original: '' };

  it('get ids that follow from what they say, and from their source', () => {
    const ids = sharedIdsOf('platform', event);
    expect(ids).toHaveLength(2);
    expect(sharedIdsOf('platform', { ...event, original: 'other bytes' })).toEqual(ids);
    const others = [
      sharedIdsOf('other', event),
      sharedIdsOf('platform', { ...event, id: 'y' }),
      sharedIdsOf('platform', { ...event, eventType: 'b' }),
      sharedIdsOf('platform', { ...event, createdNs: 2_500_000_000n }),
    ].flat();
    expect(new Set([...ids, ...others]).size).toBe(10);
    for (const id of [...ids, ...others]) expect(id).toMatch(/^[xy]#[0-9a-f]{32}$/);
    expect(eventIdOf(ids[0], '{}')).not.toBe(ids[0]); // nobody else can state it
  });

  it('find the first of them again when a Platform cuts the time to seconds', () => {
    expect(sharedIdsOf('platform', { ...event, createdNs: 1_000_000_000n })[0]).toBe(
      sharedIdsOf('platform', event)[0],
    );
  });

  test.each<[bigint, bigint, boolean]>([
    [1_500_000_000n, 1_500_000_000n, true],
    [1_500_000_000n, 1_000_000_000n, true],
    [1_000_000_000n, 1_999_999_999n, true],
    [1_500_000_000n, 1_500_000_001n, false],
    [1_500_000_000n, 2_000_000_000n, false],
    [-500_000_000n, -1_000_000_000n, true],
  ])('%s and %s may be one instant: %s', (a, b, same) => {
    expect(isSameInstant(a, b)).toBe(same);
    expect(isSameInstant(b, a)).toBe(same);
  });
});
