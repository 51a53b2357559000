import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';

import { Secret } from '../../src/model/secret.ts';

const VALUE = 'hunter2-hunter2';

test('no way of printing shows the value', () => {
  const holder = { key: Secret.of(VALUE), list: [Secret.of(VALUE)] };
  const shown = [
    String(holder.key),
    `${holder.key.toString()}`,
    JSON.stringify(holder),
    inspect(holder, { showHidden: true, depth: 9 }),
    format('%s %o %O %j', holder.key, holder.key, holder.key, holder.key),
    Object.entries(holder.key).flat().join(),
    JSON.stringify(Object.getOwnPropertyDescriptors(holder.key)),
  ].join('\n');
  expect(shown).not.toContain('hunter2');
  expect(shown).toContain('[secret]');
  expect(holder.key.reveal()).toBe(VALUE);
});

test('a changed value is in use at once, and an unreadable one keeps the old', () => {
  let read = (): string => 'one';
  const secret = new Secret(() => read());
  expect(secret.refresh()).toBe(false);
  read = () => 'two';
  expect(secret.reveal()).toBe('two');
  read = () => {
    throw new Error('gone for a moment');
  };
  expect(secret.reveal()).toBe('two');
});

test('a refusal that comes before the change is seen finds the new value', () => {
  let read = (): string => 'one';
  const secret = new Secret(() => read());
  read = () => 'two';
  expect(secret.refresh()).toBe(true);
  expect(secret.reveal()).toBe('two');
});

test('a new value that is refused gives way to the old one, and once more to the new one', () => {
  let read = (): string => 'old';
  const secret = new Secret(() => read());
  read = () => 'new';
  expect(secret.reveal()).toBe('new');
  expect(secret.refresh()).toBe(true);
  expect(secret.reveal()).toBe('old');
  expect(secret.refresh()).toBe(true);
  expect(secret.reveal()).toBe('new');
  expect(secret.refresh()).toBe(false); // both are refused: hold, and no hot loop
  expect(secret.reveal()).toBe('new');
  read = () => 'third';
  expect(secret.refresh()).toBe(true);
  expect(secret.reveal()).toBe('third');
});

test('a text is freed of every value that was in use', () => {
  let read = (): string => 'first-value';
  const secret = new Secret(() => read());
  read = () => 'second-value';
  secret.reveal();
  expect(secret.hide('no first-value, no second-value here')).toBe('no [secret], no [secret] here');
});

test.each([
  ['within JSON', 'pass"word\\1', undefined, 'you sent {"as":"pass\\"word\\\\1"}'],
  ['within an address', 'pass word/1', undefined, 'GET /?token=pass%20word%2F1'],
  ['without its scheme', 'Bearer 0123-abcd-token', undefined, 'bad token 0123-abcd-token.'],
  [
    'as Basic credentials',
    'pass-word-1',
    'ana',
    `Basic ${Buffer.from('ana:pass-word-1').toString('base64')}`,
  ],
  [
    'decoded',
    `Basic ${Buffer.from('ana:pass-word-1').toString('base64')}`,
    undefined,
    'no user ana:pass-word-1',
  ],
  [
    'decoded, the password alone',
    Buffer.from('key:pass-word-1').toString('base64'),
    undefined,
    'key has no pass-word-1',
  ],
  ['cut', 'a-token-of-length', undefined, 'bad token a-token-of…'],
])('a text is freed of a value %s', (_how, value, username, text) => {
  const clean = Secret.of(value).hide(text, username);
  expect(clean).toContain('[secret]');
  expect(clean).not.toMatch(/pass.{0,4}word|0123|a-token|YW5h/);
});

test('other words stay as they are', () => {
  const text = 'a-to… is cut, a-token is not: "[secret]"';
  expect(Secret.of('another-token').hide(text)).toBe(text);
});

test('a secret that cannot be read at first is an error at once', () => {
  expect(
    () =>
      new Secret(() => {
        throw new Error('no such file');
      }),
  ).toThrow('no such file');
});
