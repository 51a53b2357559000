import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { replicaSabotages } from '../simulation/replicas/sabotages.ts';
import { sabotages } from '../simulation/sabotages.ts';
import { readSources } from './sources.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const sources = readSources('src');
const tests = readSources('tests');

/** What a room may import beside itself: rooms, or single files of one. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  model: [],
  net: ['model'],
  formats: ['model'],
  sources: ['model', 'net', 'formats/canonical.ts', 'formats/format.ts', 'formats/options.ts'],
  checkpoint: ['model', 'sources/source.ts'],
  sinks: [
    'model',
    'net',
    'formats/format.ts',
    'formats/heartbeat.ts',
    'formats/line-ids.ts',
    'formats/severity.ts',
    'formats/title.ts',
  ],
  simulator: ['model'],
  config: [
    'model',
    'net/tls.ts',
    'formats/format.ts',
    'formats/options.ts',
    'formats/registry.ts',
    'simulator/options.ts',
    'sinks/registry.ts',
    'sinks/sink.ts',
    'sources/registry.ts',
    'sources/source.ts',
  ],
  pipeline: [
    'model',
    'checkpoint/journal.ts',
    'formats/format.ts',
    'formats/heartbeat.ts',
    'formats/light-event.ts',
    'formats/seal.ts',
    'formats/severity.ts',
    'formats/unclassified.ts',
    'sinks/sink.ts',
    'sources/source.ts',
  ],
  // What exported records prove by themselves: no journal, no Platform, no configuration.
  records: ['model', 'formats/heartbeat.ts', 'formats/json.ts', 'formats/seal.ts'],
  // The verdict is one function for all who tell it: the commands, the listener and the page.
  admin: [
    'model',
    'checkpoint/journal.ts',
    'formats/format.ts',
    'formats/title.ts',
    'pipeline/heartbeat.ts',
    'pipeline/open-findings.ts',
    'pipeline/status.ts',
    'pipeline/verdict.ts',
    'sources/source.ts',
  ],
};

const BANNED_FILES = /(^|\/)(utils?|helpers?|common|types?|misc|manager)(\.|\/)/;
/** Words that the glossary replaces; as parts of identifiers that we define. */
const BANNED_WORDS =
  /\b(?:class|interface|type|function|const)\s+\w*(?:Manager|Helper|Util|Handler|Payload|Chunk)\b/;
const LINES_LIMIT = 400;

describe('the way through the house', () => {
  it.each(
    sources.filter((file) => !file.path.startsWith('src/cli/')).map((file) => [file.path, file] as const),
  )('%s imports only what its room may', (_path, file) => {
    const room = roomOf(file.path);
    const allowed = MAY_IMPORT[room];
    expect(allowed, `no rule for the room ${room}`).toBeDefined();
    const strays = file.imports.filter((target) => {
      const inside = target.replace(/^src\//, '');
      return (
        roomOf(target) !== room &&
        !(allowed ?? []).some((rule) => inside === rule || inside.startsWith(`${rule}/`))
      );
    });
    expect(strays).toEqual([]);
  });

  it.each(['sinks', 'formats', 'sources'])('parts of %s do not know one another', (room) => {
    const parts = partsOf(room);
    const strays = sources
      .filter((file) => roomOf(file.path) === room && !file.path.endsWith('/registry.ts'))
      .flatMap((file) => {
        const own = partOf(file.path, parts, room);
        if (own === null) return [];
        return file.imports.filter((target) => {
          const other = partOf(target, parts, room);
          return other !== null && other !== own;
        });
      });
    expect(strays).toEqual([]);
  });

  it('no file imports itself by way of others', () => {
    const byPath = new Map(sources.map((file) => [file.path, file]));
    const done = new Set<string>();
    const circleFrom = (path: string, way: readonly string[]): readonly string[] | null => {
      const before = way.indexOf(path);
      if (before >= 0) return [...way.slice(before), path];
      if (done.has(path)) return null;
      for (const next of byPath.get(path)?.imports ?? []) {
        const circle = circleFrom(next, [...way, path]);
        if (circle !== null) return circle;
      }
      done.add(path);
      return null;
    };
    expect(sources.map((file) => circleFrom(file.path, [])).filter((circle) => circle !== null)).toEqual([]);
  });

  it('only the command line reads arguments, exits or listens for signals', () => {
    const strays = sources.filter(
      (file) =>
        !file.path.startsWith('src/cli/') && /process\.(argv|exit|exitCode|on|once)\b/.test(file.text),
    );
    expect(strays.map((file) => file.path)).toEqual([]);
  });
});

describe('names and sizes', () => {
  it('no file has a name that says nothing', () => {
    expect([...sources, ...tests].map((file) => file.path).filter((path) => BANNED_FILES.test(path))).toEqual(
      [],
    );
  });

  it('one word per thing', () => {
    expect(sources.filter((file) => BANNED_WORDS.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it(`no file is longer than ${LINES_LIMIT} lines, data apart`, () => {
    const long = sources.filter(
      (file) => !file.path.includes('/data/') && file.text.split('\n').length > LINES_LIMIT,
    );
    expect(long.map((file) => file.path)).toEqual([]);
  });

  it('nothing is left for later', () => {
    const marks = new RegExp(
      ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].map((mark) => `\\b${mark}\\b`).join('|'),
    );
    expect([...sources, ...tests].filter((file) => marks.test(file.text)).map((file) => file.path)).toEqual(
      [],
    );
  });

  it('no test is skipped or runs alone', () => {
    const strays = tests.filter((file) =>
      /\b(?:it|test|describe)\.(?:skip|only|todo)\b(?!If)/.test(file.text),
    );
    expect(strays.map((file) => file.path)).toEqual([]);
  });
});

describe('dead code', () => {
  it('everything exported is used elsewhere, or is a type in the signature of something that is', () => {
    const all = [...sources, ...tests];
    const unused = sources.flatMap((file) =>
      file.exported
        .filter(({ name, isType }) => {
          const word = new RegExp(`\\b${name.replace('$', '\\$')}\\b`, 'g');
          const here = [...file.text.matchAll(word)].length;
          return (
            !(isType && here > 1) &&
            !all.some((other) => other.path !== file.path && other.text.search(word) >= 0)
          );
        })
        .map(({ name }) => `${file.path}: ${name}`),
    );
    expect(unused).toEqual([]);
  });

  it('every file of src is reached from the command line', () => {
    const byPath = new Map(sources.map((file) => [file.path, file]));
    const reached = new Set<string>();
    const walk = (path: string): void => {
      const file = byPath.get(path);
      if (file === undefined || reached.has(path)) return;
      reached.add(path);
      file.imports.forEach(walk);
    };
    walk('src/cli/main.ts');
    walk('src/cli/program.ts'); // main.ts imports it as text that an old Node can parse
    // Read as files at run time, not imported.
    expect(
      sources
        .map((file) => file.path)
        .filter((path) => !reached.has(path) && !path.startsWith('src/admin/page/')),
    ).toEqual([]);
  });

  it('every dependency is used, and none is used undeclared', () => {
    const manifest = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as {
      dependencies: Record<string, string>;
      peerDependencies: Record<string, string>;
    };
    const { dependencies, peerDependencies } = manifest;
    const declared = Object.keys({ ...dependencies, ...peerDependencies }).toSorted();
    const used = new Set(
      sources
        .flatMap((file) => file.packages)
        .filter((name) => !name.startsWith('node:'))
        .map(packageOf),
    );
    expect([...used].toSorted()).toEqual(declared);
  });
});

describe('the repository', () => {
  it('keeps a page for every sink and source', () => {
    const pages = readdirSync(`${ROOT}/docs/sinks`);
    const registered = partsOf('sinks').map((part) => `${part.replaceAll('-', '_')}.md`);
    for (const page of registered) expect(pages.map((name) => name.replaceAll('-', '_'))).toContain(page);
  });

  it('holds each line that a sabotage of the simulation changes, once', () => {
    const edits = [...sabotages, ...replicaSabotages].flatMap((one) => one.edits);
    const lost = edits.filter(
      ({ file, find }) => readFileSync(`${ROOT}${file}`, 'utf8').split(find).length !== 2,
    );
    expect(lost).toEqual([]);
  });

  it('has a lock file without any host', () => {
    expect(readFileSync(`${ROOT}/package-lock.json`, 'utf8')).not.toMatch(/"resolved"/);
  });
});

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** The concrete parts of a room: what its registry imports. */
function partsOf(room: string): string[] {
  const registry = sources.find((file) => file.path === `src/${room}/registry.ts`);
  return (registry?.imports ?? [])
    .filter((path) => roomOf(path) === room)
    .map((path) => (path.split('/')[2] ?? '').replace(/\.ts$/, ''))
    .filter((name) => !['sink', 'source', 'format', 'registry'].includes(name));
}

/** Which part a file belongs to: `src/sinks/splunk-hec.ts` and `src/sinks/splunk/…` are one. Null for what parts share. */
function partOf(path: string, parts: readonly string[], room: string): string | null {
  if (roomOf(path) !== room) return null;
  const name = (path.split('/')[2] ?? '').replace(/\.ts$/, '');
  return parts.find((part) => part === name || (path.split('/').length > 3 && part.startsWith(name))) ?? null;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
