import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGE = resolve(ROOT, 'docs/licences.md');
const TABLE = /(<!-- licences -->\n\n)[^]*?(\n\n<!-- end of the licences -->)/;
/** Licences that ask for nothing more than that they are kept beside the program. */
const WELCOME = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT'];

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: true;
  readonly optional?: true;
  readonly devOptional?: true;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What runs with the program: what is installed for it alone, without development tools, and what the image carries besides. */
const { packages } = JSON.parse(readFileSync(resolve(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};
const carried = closureOf('@platformatic/kafka');
const needed = Object.entries(packages)
  .filter(
    ([path, { dev, optional, devOptional }]) =>
      carried.has(path) || (path !== '' && !dev && !optional && !devOptional),
  )
  .map(([path, { version, license = 'none' }]) => ({
    name: path.split('node_modules/').at(-1),
    version,
    license,
  }));

/** A package with all that it needs, none of which is there twice. */
function closureOf(name: string, found = new Set<string>()): ReadonlySet<string> {
  const path = `node_modules/${name}`;
  if (found.has(path)) return found;
  found.add(path);
  for (const next of Object.keys(packages[path]?.dependencies ?? {})) closureOf(next, found);
  return found;
}

it('every dependency has a licence that lets it go out with the program', () => {
  expect(needed.length).toBeGreaterThan(10);
  expect(needed.filter(({ license }) => !WELCOME.includes(license))).toEqual([]);
});

it('docs/licences.md lists them (UPDATE=1 writes it anew)', () => {
  const rows = needed.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`).sort();
  const table = ['| package | version | licence |', '| --- | --- | --- |', ...new Set(rows)].join('\n');
  const before = readFileSync(PAGE, 'utf8');
  expect(before).toMatch(TABLE);
  const wanted = before.replace(TABLE, `$1${table}$2`);
  if (process.env['UPDATE'] === '1') writeFileSync(PAGE, wanted);
  expect(readFileSync(PAGE, 'utf8')).toBe(wanted);
});
