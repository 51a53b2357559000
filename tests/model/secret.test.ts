import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';

import { Secret, secretsWithin } from '../../src/model/secret.ts';

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

/** A secret whose source can be written anew. */
function rotating(first: string): { secret: Secret; write: (value: string | Error) => void } {
  let now: string | Error = first;
  const read = (): string => {
    if (now instanceof Error) throw now;
    return now;
  };
  return { secret: new Secret(read), write: (value) => (now = value) };
}

test('a changed value is in use at once; one that cannot be read, or is empty, keeps the old', async () => {
  const { secret, write } = rotating('one');
  expect(await secret.get()).toEqual({ value: 'one', version: 1 });
  write(new Error('gone for a moment'));
  expect(await secret.get()).toEqual({ value: 'one', version: 1 });
  write('');
  expect(await secret.get()).toEqual({ value: 'one', version: 1 });
  write('two');
  expect(await secret.get()).toEqual({ value: 'two', version: 2 });
  expect(secret.reveal()).toBe('two');
});

test('nothing but a refusal leads back to the old value', async () => {
  const { secret, write } = rotating('old');
  await secret.get();
  write('new');
  for (let tries = 0; tries < 5; tries += 1) {
    expect(secret.replaced()).toBe(tries === 0);
    expect((await secret.get()).value).toBe('new');
  }
});

test('a new value that is refused gives way to the old one, and to the new one again once both are refused', async () => {
  const { secret, write } = rotating('old');
  write('new');
  expect(await secret.get()).toEqual({ value: 'new', version: 2 });
  expect(secret.refused(2)).toBe(true);
  expect(await secret.get()).toEqual({ value: 'old', version: 1 });
  expect(secret.refused(1)).toBe(true);
  expect(await secret.get()).toEqual({ value: 'new', version: 2 });
  expect(secret.refused(2)).toBe(false); // both are refused: hold, and no hot loop
  expect(secret.replaced()).toBe(false);
  write('third');
  expect(secret.replaced()).toBe(true);
  expect((await secret.get()).value).toBe('third');
});

test('two lanes that are refused with the same value come to the old one, not back to the new', async () => {
  const { secret, write } = rotating('old');
  write('new');
  const lanes = [await secret.get(), await secret.get()];
  for (const { version } of lanes) expect(secret.refused(version)).toBe(true);
  expect((await secret.get()).value).toBe('old');
});

test('a refusal that comes late says nothing about what replaced the value meanwhile', async () => {
  const { secret, write } = rotating('one');
  const { version } = await secret.get();
  write('two');
  expect(secret.refused(version)).toBe(true);
  expect((await secret.get()).value).toBe('two');
  expect(secret.refused(version)).toBe(true);
  expect((await secret.get()).value).toBe('two');
  expect(secret.refused(99)).toBe(true);
});

test('a file that was half written, and refused, gives way to the one before until it is whole', async () => {
  const { secret, write } = rotating('old-key');
  await secret.get();
  write('new-');
  expect(secret.refused((await secret.get()).version)).toBe(true);
  expect((await secret.get()).value).toBe('old-key');
  write('new-key');
  expect((await secret.get()).value).toBe('new-key');
});

test('a value that is written back is another version', async () => {
  const { secret, write } = rotating('one');
  secret.refused((await secret.get()).version);
  write('two');
  secret.refused((await secret.get()).version);
  write('one');
  expect(await secret.get()).toEqual({ value: 'one', version: 3 });
});

test('that a new value was refused and the old one is in use is told once for each new value', async () => {
  const { secret, write } = rotating('old');
  secret.refused((await secret.get()).version);
  expect(secret.fellBack()).toBe(false); // there is nothing to fall back to
  write('new');
  const { version } = await secret.get();
  expect(secret.fellBack()).toBe(false);
  write('newer');
  secret.refused((await secret.get()).version);
  expect((await secret.get()).version).toBe(version);
  expect([secret.fellBack(), secret.fellBack()]).toEqual([true, false]);
  write('newest');
  expect(secret.fellBack()).toBe(false);
  secret.refused((await secret.get()).version);
  expect(secret.fellBack()).toBe(true);
});

test('what was used of late is known, for taking it out of what is shown', async () => {
  const { secret, write } = rotating('1');
  for (const value of ['2', '3', '4']) {
    write(value);
    await secret.get();
  }
  expect(secret.known()).toEqual(['4', '3', '2']);
});

test('secrets are found wherever they stand, a password with its user name', () => {
  const [one, two, three] = ['a', 'b', 'c'].map((value) => Secret.of(value));
  const options = { username: 'ana', password: one, search: { token: two, other: 'text' }, list: [three] };
  expect(secretsWithin(options)).toEqual([
    { path: 'password', secret: one, username: 'ana' },
    { path: 'search.token', secret: two, username: undefined },
    { path: 'list.0', secret: three, username: undefined },
  ]);
  expect(secretsWithin('text')).toEqual([]);
});

test('a secret that cannot be read at first is an error at once', () => {
  expect(
    () =>
      new Secret(() => {
        throw new Error('no such file');
      }),
  ).toThrow('no such file');
});
