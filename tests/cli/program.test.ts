import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { main } from '../../src/cli/program.ts';
import { alignColumns, hang, wrap } from '../../src/cli/table.ts';
import { escaped, jsonText, shown } from '../../src/cli/report.ts';
import { FILE_SINK, rooms } from './room.ts';

const room = rooms();

let printed = '';

beforeEach(() => {
  printed = '';
  const keep = (text: unknown): boolean => {
    printed += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(keep);
  vi.spyOn(process.stderr, 'write').mockImplementation(keep);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function run(...args: string[]): Promise<{ text: string; code: typeof process.exitCode }> {
  printed = '';
  process.exitCode = undefined;
  await main(['node', 'auditferry', ...args]);
  return { text: printed, code: process.exitCode };
}

/** Names of the commands that a help text lists. */
function commandsIn(help: string): string[] {
  const list = help.slice(help.indexOf('Commands:'));
  return help.includes('Commands:')
    ? [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].flatMap(([, name]) =>
        name === undefined || name === 'help' ? [] : [name],
      )
    : [];
}

describe('the program', () => {
  it('lists every command in its help', async () => {
    const { text, code } = await run('--help');
    expect(code).toBe(0);
    for (const name of [
      'init',
      'check',
      'preview',
      'run',
      'status',
      'health',
      'dead-letters',
      'findings',
      'event-types',
      'completion',
    ]) {
      expect(commandsIn(text)).toContain(name);
    }
  });

  it('exits with 2 for a wrong flag, a missing file and flags that exclude one another', async () => {
    expect((await run('check')).code).toBe(2);
    expect(await run('check', '-c', '/nowhere.yaml')).toMatchObject({
      code: 2,
      text: expect.stringContaining('there is no such file') as unknown,
    });
    expect((await run('status', '-c', 'x', '--watch', '--json')).code).toBe(2);
    expect((await run('dead-letters', 'retry', '-c', 'x')).code).toBe(2);
    expect((await run('dead-letters', 'show', '-c', 'x', 'one')).text).toContain('An id is a number');
    expect((await run('preview', '-c', 'x', '--limit', '0')).text).toContain('from 1 to 100');
  });

  it('takes the configuration that the environment names, else the one beside it, unless -c names another', async () => {
    vi.stubEnv('AUDITFERRY_CONFIG', '/nowhere/named.yaml');
    expect((await run('check')).text).toContain('/nowhere/named.yaml');
    expect((await run('run', '--once')).text).toContain('/nowhere/named.yaml');
    expect((await run('check', '-c', '/nowhere/said.yaml')).text).toContain('/nowhere/said.yaml');
    for (const unset of [undefined, '']) {
      vi.stubEnv('AUDITFERRY_CONFIG', unset);
      expect((await run('health')).text).toMatch(/^\.\/auditferry\.yaml: .*there is no such file/);
    }
    vi.unstubAllEnvs();
  });

  it('takes the configuration as the only argument, too, but not twice', async () => {
    for (const command of ['check', 'run', 'status', 'findings', 'dead-letters', 'event-types', 'preview'])
      expect((await run(command, '/nowhere/alone.yaml')).text).toContain('/nowhere/alone.yaml');
    const twice = await run('status', '/nowhere/alone.yaml', '-c', '/nowhere/said.yaml');
    expect(twice).toMatchObject({ code: 2, text: expect.stringContaining('named twice') as unknown });
  });

  it('points to the help of the command that was called wrongly', async () => {
    expect((await run('status', '--bogus')).text).toContain('(see auditferry status --help)');
    expect((await run('dead-letters', 'retry', '--bogus')).text).toContain(
      '(see auditferry dead-letters retry --help)',
    );
    expect((await run('bogus')).text).toContain('(see auditferry --help)');
  });

  it.each([
    ['status'],
    ['findings'],
    ['event-types'],
    ['dead-letters'],
    ['dead-letters', 'retry', '--all'],
    ['verify', '--from', '1h'],
    ['replay', '--from', '1h', '--sink', 'archive'],
  ])('says before the first run that there is no journal yet: %s %s', async (...command) => {
    const { text, code } = await run(...command, '-c', room().config(FILE_SINK));
    expect(text).toMatch(/^no journal yet; start `auditferry run`\n {2}state\.dir of .*ferry\.yaml is /);
    expect(code).toBe(1);
  });

  it('refuses what only a single pass can do', async () => {
    const patience = await run('run', '-c', 'x', '--patience', '5m');
    expect(patience).toMatchObject({
      code: 2,
      text: expect.stringMatching(/^--patience goes with --once only/) as unknown,
    });
  });

  it('refuses to mix the events of a sink with the document of --json', async () => {
    const config = room().config(`${FILE_SINK}\n  out: { type: stdout }`);
    const { text, code } = await run('run', '-c', config, '--once', '--json');
    expect(code).toBe(2);
    expect(text).toMatch(/^the sink out writes its events to standard output.*\n {2}leave out --json/);
  });

  it.each([
    ['findings acknowledge', '--note <text>'],
    ['replay', '--sink <name>'],
  ])('says in the help of %s that %s is required', async (command, option) => {
    const { text } = await run(...command.split(' '), '--help');
    expect(text).toMatch(new RegExp(`${option} [^-]*\\(required\\)`));
    expect(text).not.toMatch(/--json [^-]*\(required\)/);
  });

  it('takes the options of a default command behind its group', async () => {
    expect((await run('dead-letters', '-c', '/nowhere.yaml', '--all')).text).toContain('/nowhere.yaml');
    expect((await run('findings', '--all', '-c', '/nowhere.yaml')).text).toContain('/nowhere.yaml');
  });
});

const DOC = new URL('../../docs/commands.md', import.meta.url);
const BLOCK = /<!-- help: ([a-z -]+) -->\n\n```text\n[^]*?\n```/g;

describe('docs/commands.md', () => {
  it('holds the help of every command (UPDATE=1 writes it anew)', async () => {
    const helps = new Map<string, string>();
    for (const name of commandsIn((await run('--help')).text)) {
      const { text } = await run(name, '--help');
      helps.set(name, text);
      for (const below of commandsIn(text))
        helps.set(`${name} ${below}`, (await run(name, below, '--help')).text);
    }
    const before = readFileSync(DOC, 'utf8');
    const known = [...before.matchAll(BLOCK)].map(([, name]) => name);
    const fresh = [...helps.keys()].filter((name) => !known.includes(name));
    const added = fresh
      .map((name) => `\n## ${name}\n\n<!-- help: ${name} -->\n\n\`\`\`text\n\n\`\`\`\n`)
      .join('');
    const wanted = `${before}${added}`.replace(
      BLOCK,
      (_, name: string) =>
        `<!-- help: ${name} -->\n\n\`\`\`text\n${(helps.get(name) ?? 'there is no such command').trimEnd()}\n\`\`\``,
    );
    if (process.env['UPDATE'] === '1') writeFileSync(DOC, wanted);
    expect(readFileSync(DOC, 'utf8')).toBe(wanted);
    expect(wanted).not.toContain('there is no such command');
  });
});

describe('completion', () => {
  it('makes a bash script that completes commands, subcommands, options and choices', async () => {
    const { text } = await run('completion', 'bash');
    const complete = (...words: string[]): string[] => {
      const list = words.map((word) => `'${word}'`).join(' ');
      const script = `${text}\nCOMP_WORDS=(auditferry ${list}); COMP_CWORD=${words.length}; _auditferry 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' })
        .split('\n')
        .filter((word) => word !== '');
    };
    expect(complete('st')).toEqual(['status']);
    expect(complete('dead-letters', 're')).toEqual(['retry']);
    expect(complete('dead-letters', 'discard', '--rea')).toEqual(['--reason']);
    expect(complete('status', '--w')).toEqual(['--watch']);
    expect(complete('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(complete('init', '--sink', 'spl')).toEqual(['splunk_hec']);
    expect(complete('check', '-c', '/etc/host')).toContain('/etc/hosts');
    expect(complete('check', '/etc/host')).toContain('/etc/hosts');
    expect(complete('check', '--')).toContain('--send');
  });

  it('completes the names of sinks and sources from the configuration at hand', async () => {
    const { text } = await run('completion', 'bash');
    const here = room();
    const config = here.config(`${FILE_SINK}\n  soc: { type: nothing }\n  '$(touch /tmp/x)': {}`);
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const complete = (words: readonly string[], env: Record<string, string> = {}): string[] => {
      const list = words.map((word) => `'${word}'`).join(' ');
      const script = `auditferry() { '${process.execPath}' '${main}' "$@"; }\n${text}\nCOMP_WORDS=(auditferry ${list}); COMP_CWORD=${words.length}; _auditferry 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', script], { encoding: 'utf8', env: { ...process.env, ...env } })
        .split('\n')
        .filter((word) => word !== '');
    };
    expect(complete(['tail', '-c', config, '--sink', ''])).toEqual(['archive', 'soc']);
    expect(complete(['replay', '--sink', 'so'], { AUDITFERRY_CONFIG: config })).toEqual(['soc']);
    expect(complete(['dead-letters', 'retry', '--source', ''], { AUDITFERRY_CONFIG: config })).toEqual([
      'platform',
    ]);
    expect(complete(['tail', '-c', '/nowhere.yaml', '--sink', ''])).toEqual([]);
  });

  it('makes scripts for zsh and fish from the same commands', async () => {
    const zsh = (await run('completion', 'zsh')).text;
    expect(zsh).toMatch(/^#compdef auditferry/);
    expect(zsh).toContain("'dead-letters discard') next=(");
    const fish = (await run('completion', 'fish')).text;
    expect(fish).toMatch(/__auditferry_place "dead-letters discard"' -l reason -x -d/);
    expect(fish).toMatch(/__auditferry_place "check"' -l config -rF -d/);
    expect((await run('completion', 'tcsh')).code).toBe(2);
  });
});

describe('text for a terminal', () => {
  it('cannot move the cursor or turn the reading direction', () => {
    const hostile = 'a\u001b[2J\u009b\u202eb\r\n\u2028c\ud800';
    for (const safe of [shown(hostile), escaped(hostile).replaceAll('\n', ''), jsonText({ hostile })]) {
      expect(safe).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    }
    expect((JSON.parse(jsonText({ hostile })) as { hostile: string }).hostile).toBe(hostile);
  });

  it('aligns columns and cuts the last one', () => {
    expect(
      alignColumns(
        [
          ['a', 'bb', 'x'.repeat(40)],
          ['aaa', 'b', 'y'],
        ],
        30,
      ),
    ).toEqual([`a    bb  ${'x'.repeat(20)}…`, 'aaa  b   y']);
    const rows = [
      ['id', 'when', 'who', 'why'],
      ['1', '2026-01-01', 'ana', 'y'.repeat(50)],
    ];
    const widths = (width: number) => alignColumns(rows, width, [2, 1]).map((line) => [...line].length);
    expect(widths(51)[1]).toBe(51);
    expect(alignColumns(rows, 50, [2, 1])[0]).toBe('id  when        why');
    expect(alignColumns(rows, 40, [2, 1])).toEqual(['id  why', `1   ${'y'.repeat(35)}…`]);
    expect(alignColumns(rows, undefined, [2, 1])[0]).toContain('who');
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(hang('✓  one two three', 10)).toEqual(['✓  one two', '   three']);
    expect(hang('    one two', 8)).toEqual(['    one', '    two']);
    expect(hang('✓  one two three', undefined)).toEqual(['✓  one two three']);
  });
});
