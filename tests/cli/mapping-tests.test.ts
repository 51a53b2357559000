import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { testMappings } from '../../src/cli/mapping-tests/command.ts';
import { lacks } from '../../src/cli/mapping-tests/contains.ts';
import { fakeTerminal, rooms } from './room.ts';

const room = rooms();
const example = (name: string): string =>
  fileURLToPath(new URL(`../../config/tests/${name}`, import.meta.url));
const CONFIG = example('auditferry.yaml');

function variant(change: (text: string) => string): string {
  const file = room().path('mapping.yaml');
  writeFileSync(file, change(readFileSync(example('mapping.yaml'), 'utf8')));
  return file;
}

describe('auditferry test', () => {
  it('passes the example, without a secret and without a network', async () => {
    const terminal = fakeTerminal();
    expect(await testMappings(example('mapping.yaml'), { config: CONFIG }, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/^ok {3}our own event type .*\n\n3 tests, all passed\n$/s);
  });

  it('passes the example in the documentation', async () => {
    const page = readFileSync(new URL('../../docs/normalization.md', import.meta.url), 'utf8');
    const file = room().path('mapping.yaml');
    writeFileSync(file, /```yaml\n(tests:\n[^]*?)```/.exec(page)?.[1] ?? '');
    expect(await testMappings(file, { config: CONFIG }, fakeTerminal())).toBe(0);
  });

  it('names each expectation that is not met, with its test and place', async () => {
    const file = variant((text) =>
      text
        .replace('action: update, outcome', 'action: delete, outcome')
        .replace("['|quantum.flux|', ", "['|quantum.flox|', ")
        .replace('soc: filtered', 'soc: sent')
        .replace('event.outcome: failure', 'event.outcome: success, event.category: [iam], nothing.here: 1'),
    );
    const terminal = fakeTerminal();
    expect(await testMappings(file, { config: CONFIG }, terminal)).toBe(1);
    const { out } = terminal.printed;
    expect(out).toContain(`FAIL our own event type is an update of the configuration  (${file}:5)`);
    expect(out).toContain('understood: action: expected "delete", got "update"');
    expect(out).toContain('cef: expected "|quantum.flox|", got CEF:0|');
    expect(out).toContain('sink soc: expected "sent", got filtered');
    expect(out).toContain('ecs: event.outcome: expected "success", got "failure"');
    expect(out).toContain('ecs: event.category: expected ["iam"], got ["authentication"]');
    expect(out).toContain('ecs: nothing.here: expected 1, got nothing');
    expect(out).toContain('3 tests, 3 failed');
    terminal.clear();
    await testMappings(file, { config: CONFIG, json: true }, terminal);
    expect(terminal.json()).toMatchObject({
      passed: 0,
      failed: 3,
      tests: [
        { line: 5, passed: false },
        {
          name: 'billing is no alert',
          failures: [{ where: 'sink soc', path: '', expected: 'sent', actual: 'filtered' }],
        },
        {},
      ],
    });
  });

  it('refuses a file that is no list of tests, with each fault and its place', async () => {
    const file = variant(
      () =>
        'tests:\n  - name: x\n    event: { a: "${NO_PLACE" }\n    expect: { formats: { esc: {}, cef: { a: 1 } }, sinks: { soc: sned } }\n  - event: 3\n',
    );
    const error: unknown = await testMappings(file, { config: CONFIG }, fakeTerminal()).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ kind: 'config' });
    const lines = (error as Error).message.split('\n');
    expect(lines[0]).toMatch(/mapping\.yaml:4:26: tests\[0\]\.expect\.formats\.esc: unknown key; .*"ecs"\?/);
    expect(lines[1]).toContain('formats.cef: is a mapping; expected a list');
    expect(lines[2]).toContain('sinks.soc: unknown value "sned"; expected sent or filtered');
    expect(lines.filter((line) => line.includes('tests[1]'))).toHaveLength(3);
    for (const text of ['', 'tests: [', 'tests: [{ name: x, event: "{", expect: { understood: {} } }]'])
      await expect(
        testMappings(
          variant(() => text),
          { config: CONFIG },
          fakeTerminal(),
        ),
      ).rejects.toMatchObject({ kind: 'config' });
  });
});

describe('what a document must hold', () => {
  it.each([
    [{ a: 1 }, { a: 1, b: 2 }, []],
    [{ 'a.b.c': 1 }, { a: { 'b.c': 1 } }, []],
    [{ 'a.b': 1 }, { 'a.b': 1, a: { b: 2 } }, []],
    [{ a: ['y', 'x'] }, { a: ['x', 'y', 'z'] }, []],
    [{ a: ['x'] }, { a: 'x' }, []],
    [{ a: null }, {}, []],
    [{ a: null }, { a: 0 }, ['a']],
    [{ a: { b: 1 } }, { a: { b: '1' } }, ['a.b']],
    [{ a: [{ n: 2 }] }, { a: [{ n: 1 }, { n: 3 }] }, ['a']],
    [{ toString: null }, {}, []],
  ] as const)('%j in %j lacks %j', (expected, actual, paths) => {
    expect(lacks(expected, actual).map(({ path }) => path)).toEqual(paths);
  });
});
