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

test('refresh tells whether the value changed, and an unreadable one keeps the old', () => {
  let read = (): string => 'one';
  const secret = new Secret(() => read());
  expect(secret.refresh()).toBe(false);
  read = () => 'two';
  expect(secret.reveal()).toBe('one');
  expect(secret.refresh()).toBe(true);
  read = () => {
    throw new Error('gone for a moment');
  };
  expect(secret.refresh()).toBe(false);
  expect(secret.reveal()).toBe('two');
});

test('a secret that cannot be read at first is an error at once', () => {
  expect(
    () =>
      new Secret(() => {
        throw new Error('no such file');
      }),
  ).toThrow('no such file');
});
