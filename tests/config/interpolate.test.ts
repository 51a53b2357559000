import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { evaluate, parseTemplate } from '../../src/config/interpolate.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'auditferry-interpolate-'));
  writeFileSync(join(folder, 'key'), 'from the file \r\n\n');
  writeFileSync(join(folder, 'large'), 'a'.repeat(65_537));
  writeFileSync(join(folder, 'as large as can be'), 'a'.repeat(65_536));
  symlinkSync('/dev/zero', join(folder, 'endless'));
  symlinkSync('round', join(folder, 'round'));
  symlinkSync('key', join(folder, 'link'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = { NAME: 'value', EMPTY: '', NESTED: '${NAME}' };

function read(text: string): string {
  const template = parseTemplate(text);
  if (template === null) return text;
  if ('wrong' in template) throw new Error(template.wrong);
  return evaluate(template, env, folder);
}

describe('what is put in', () => {
  test.each([
    ['plain', 'plain'],
    ['${NAME}', 'value'],
    ['a-${NAME}-${NAME}', 'a-value-value'],
    ['${MISSING:-fallback}', 'fallback'],
    ['${MISSING:-}', ''],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY}', ''],
    ['${file:key}', 'from the file'],
    ['${file:link}', 'from the file'],
    ['${file:as large as can be}', 'a'.repeat(65_536)],
    ['$${NAME}', '${NAME}'],
    ['5$', '5$'],
    ['^a$|^b$', '^a$|^b$'],
    ['$$', '$'],
    ['${NESTED}', '${NAME}'],
  ])('%s is %s', (text, value) => {
    expect(read(text)).toBe(value);
  });
});

describe('what is refused', () => {
  test.each([
    ['${NAME', /cannot be read/],
    ['${}', /cannot be read/],
    ['${1A}', /cannot be read/],
    ['${NAME-x}', /cannot be read/],
    ['${file:}', /cannot be read/],
    ['${MISSING}', /environment variable MISSING is not set/],
    ['${toString}', /environment variable toString is not set/],
    ['${file:nowhere}', /file nowhere cannot be read \(ENOENT\)/],
    ['${file:.}', /file \. cannot be read \(it is a directory, not a regular file\)/],
    ['${file:/dev/zero}', /file \/dev\/zero cannot be read \(it is a device, not a regular file\)/],
    ['${file:endless}', /file endless cannot be read \(it is a device, not a regular file\)/],
    ['${file:pipe}', /file pipe cannot be read \(it is a pipe, not a regular file\)/],
    ['${file:large}', /file large cannot be read \(it is larger than 65536 bytes\)/],
    ['${file:round}', /file round cannot be read \(ELOOP\)/],
  ])('%s', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
