import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { createRedact } from '../../src/formats/redact.ts';
import { repeatedUsers } from '../../src/model/repeated-user.ts';

const USER =
  '{"id":"7d3f0a1e-2f5b-4d7e-9c00-000000000001","email":"ana@acme.example","roles":[{"id":"1","permissions":[{"query":"SELECT 1"}]}]}';
const TRIMMED = USER.replace(',"permissions":[{"query":"SELECT 1"}]', '');

describe('the user of an item', () => {
  const parsed: string[] = [];
  const find = repeatedUsers((text) => {
    parsed.push(text);
    return text.includes('nobody') ? null : text.length;
  });

  it('is made something of once for all items that hold the same text', () => {
    const items = ['a', 'b'].map((id) => `{"id":"${id}","user":${USER},"event_type":"x"}`);
    for (const item of items) {
      const start = item.indexOf(USER);
      expect(find(item)).toEqual({ start, end: start + USER.length, made: USER.length });
    }
    expect(parsed).toEqual([USER]);
    const changed = USER.replace('SELECT 1', 'SELECT 22');
    expect(find(`{"user":${changed}}`)).toMatchObject({ made: changed.length });
    expect(find(`{"user":${USER}}`)).toMatchObject({ made: USER.length });
    expect(parsed).toEqual([USER, changed, USER]);
  });

  test.each([
    ['stands within another object', `{"details":{"user":${USER}}}`],
    ['stands within a list', `[{"x":1},{"user":${USER}}]`],
    ['stands behind an object', `{"details":{},"user":${USER}}`],
    ['is part of a text', `{"id":"\\"user\\":{","x":1}`],
    ['is no object', '{"user":"ana"}'],
    ['is written with blanks', `{"user": ${USER}}`],
    ['has no end', '{"user":{"id":"a","x":"}"'],
    ['is too long', `{"user":{"id":"${'a'.repeat(20_000)}"}}`],
    ['is worth nothing', '{"user":{"id":"nobody"}}'],
    ['is not there', '{"id":"a"}'],
  ])('is left to whoever reads the item where it %s', (_, item) => {
    expect(find(item)).toBeNull();
  });

  it('is forgotten when there are many others', () => {
    const texts: string[] = [];
    const bounded = repeatedUsers((text) => texts.push(text));
    const itemOf = (n: number): string => `{"user":{"id":"${n}","x":"${'y'.repeat(10_000)}"}}`;
    for (let n = 0; n < 100; n += 1) bounded(itemOf(n));
    expect(bounded(itemOf(99))).not.toBeNull();
    expect(texts).toHaveLength(100);
    bounded(itemOf(0));
    expect(texts).toHaveLength(101);
  });
});

describe('an item of a user that was met before', () => {
  it('keeps every byte but those of its user that are trimmed', () => {
    const redact = createRedact();
    const item = `{"id":"a","user":${USER},"n":12345678901234567890, "e":1e2}`;
    for (let time = 0; time < 2; time += 1)
      expect(redact(item)).toMatchObject({ text: item.replace(USER, TRIMMED), trimmed: 1, redactions: 0 });
    const untrimmed = createRedact({ redact: {}, trim_user: false });
    for (let time = 0; time < 2; time += 1)
      expect(untrimmed(item)).toMatchObject({ text: item, trimmed: 0, redactions: 0 });
  });

  test.each([
    ['a key stands twice', `{"user":${USER},"token":"one","token":"two"}`],
    ['the user stands twice', `{"user":${USER},"user":{"id":"b","roles":[{"permissions":[1]}]}}`],
    ['a user stands twice, once as a number', `{"user":${USER},"user":0}`],
    ['a key of the user stands twice', `{"user":{"id":"a","email":"first@acme.example","email":"b"}}`],
    ['a secret stands in the details', `{"user":${USER},"event_details":{"password":"hunter2"}}`],
    ['the user nests deep', `{"user":{"id":"a","x":${'['.repeat(80)}${']'.repeat(80)}}}`],
    ['it is no JSON', `{"user":${USER},"x":}`],
    ['the prototype is named', `{"user":{"__proto__":{"a":1}},"__proto__":{"user":{}}}`],
  ])('says the same as when it is read as a whole: %s', (_, item) => {
    expectAlike(item);
  });

  it('says the same as when it is read as a whole, whatever it holds', () => {
    const key = fc.oneof(
      fc.constantFrom('id', 'user', 'token', 'roles', 'permissions', 'created_by'),
      fc.string(),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('', 'ana@acme.example', 'https://a:b@c.example/', null, 7, 0.1, true),
        fc.string(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }));
    const user = fc.dictionary(key, value, { maxKeys: 5 });
    fc.assert(
      fc.property(fc.string(), user, fc.dictionary(key, value, { maxKeys: 5 }), (id, who, rest) => {
        expectAlike(JSON.stringify({ id, user: who, event_details: rest }));
      }),
      { numRuns: 300 },
    );
  });
});

/** Blanks before the user keep it from being found; what is said must not depend on them. */
function expectAlike(item: string): void {
  const blank = item.replace('"user":', '"user": ');
  for (const trimUser of [true, false]) {
    const redact = createRedact({ redact: {}, trim_user: trimUser });
    const whole = redact(blank);
    for (let time = 0; time < 2; time += 1) {
      const found = redact(item);
      expect(found.item).toEqual(whole.item);
      expect([found.redactions, found.trimmed]).toEqual([whole.redactions, whole.trimmed]);
      expect(meaning(found.text)).toEqual(meaning(whole.text));
    }
  }
}

function meaning(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return 'no JSON';
  }
}
