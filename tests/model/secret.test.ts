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

test('a secret that cannot be read at first is an error at once', () => {
  expect(
    () =>
      new Secret(() => {
        throw new Error('no such file');
      }),
  ).toThrow('no such file');
});
