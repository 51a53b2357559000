import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { wallClock } from '../../src/model/clock.ts';
import { run, start, makeFolder, until } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { load } from './embedded-config.ts';
import { accepts, freePorts, startProgram } from '../receivers/processes.ts';
import { available as installed, RECEIVERS_FOLDER } from '../receivers/receivers.ts';
import { available, TOOLS_FOLDER } from './tools.ts';

const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const FILES = ['compose.yaml', 'demo/compose.yaml'];

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly depends_on?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
}

const read = (name: string): Compose =>
  parse(readFileSync(join(DEPLOY, name), 'utf8'), { merge: true }) as Compose;

describe.each(FILES)('deploy/%s', (name) => {
  const compose = read(name);

  it('mounts files that are there, opens ports on this machine only, and waits for services that it has', () => {
    for (const service of Object.values(compose.services)) {
      for (const volume of service.volumes ?? []) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('.')) expect(existsSync(join(DEPLOY, dirname(name), from)), from).toBe(true);
      }
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const other of service.depends_on ?? []) expect(Object.keys(compose.services)).toContain(other);
    }
  });

  it('runs our image with no rights', () => {
    const ours = Object.values(compose.services).filter(({ build }) => build !== undefined);
    expect(ours.length).toBeGreaterThan(0);
    for (const service of ours) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      const dockerfile = join(DEPLOY, dirname(name), service.build ?? '', 'Dockerfile');
      expect(existsSync(dockerfile)).toBe(true);
    }
    // An image of somebody else stands with a version.
    for (const { build, image } of Object.values(compose.services))
      if (build === undefined) expect(image).toMatch(/:\d/);
  });

  it('mounts a configuration that loads, with the port that it opens', () => {
    const text = readFileSync(join(DEPLOY, dirname(name), 'auditferry.yaml'), 'utf8');
    // The demonstration's Platform is a neighbour in a network of its own.
    const warnings = text.includes('http://platform')
      ? [expect.stringContaining('unencrypted over http://')]
      : [];
    const config = load(text, '', warnings);
    expect(config.admin.listen).toEqual({ host: '0.0.0.0', port: 9464 });
    expect(compose.services['auditferry']?.ports).toEqual(['127.0.0.1:9464:9464']);
    expect(config.state.dir).toBe('/var/lib/auditferry');
    const named = [...text.matchAll(/\$\{file:\/run\/secrets\/(\w+)\}/g)].map(([, secret]) => secret);
    expect(Object.keys(compose.secrets ?? {}).sort()).toEqual(named.sort());
  });
});

describe.runIf(available('helm'))('the files of Compose', () => {
  it.each(FILES)('deploy/%s fits the specification', (name) => {
    const path = join(TOOLS_FOLDER, 'compose-2.16.2/compose-spec.json');
    const schema = JSON.parse(readFileSync(path, 'utf8')) as object;
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(read(name)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ services: { one: { imagee: 'x' } } })).toBe(false);
  });
});

describe.runIf(installed('syslog-ng'))('the demonstration', () => {
  let folder: Folder;
  beforeAll(() => {
    folder = makeFolder();
  });
  afterAll(() => folder.remove());

  it('carries events from its simulated Platform to Elasticsearch and to its syslog-ng', async () => {
    const command = read('demo/compose.yaml').services['platform']?.command ?? [];
    expect(command[0]).toBe('simulate');
    const words = command.map((word) => word.replace('0.0.0.0:9465', '127.0.0.1:0'));
    const platform = start([...words, '--json']);
    const elastic = fakeElasticsearch({ builtInTemplate: true });
    const front = await openFaultFront(elastic.receive, { clock: wallClock });
    const { port } = await freePorts('port');
    const syslog = await startDemoSyslog(folder, port);
    try {
      await until('the simulated Platform', () => platform.stdout().includes('\n'));
      const { url } = JSON.parse(platform.stdout()) as { url: string };
      const text = readFileSync(join(DEPLOY, 'demo/auditferry.yaml'), 'utf8')
        .replace('http://platform:9465', url)
        .replace('http://elasticsearch:9200', front.url.href)
        .replace('tcp://syslog:601', `tcp://127.0.0.1:${port}`)
        .replace('/var/lib/auditferry', './state')
        .replace('0.0.0.0:9464', 'off')
        .replace('start: 1d', 'start: 10m');
      const once = await run(['run', '--once', '-c', folder.write('auditferry.yaml', text)]);
      expect(once.code, once.stderr).toBe(0);
      expect(elastic.ids().length).toBeGreaterThan(100);
      const written = (): string[] =>
        readFileSync(join(folder.path, 'audit.log'), 'utf8').trimEnd().split('\n');
      await until('every line', () => written().length >= elastic.ids().length);
      expect(written().length).toBe(elastic.ids().length);
      for (const line of written()) expect(line).toMatch(/ CEF:0\|/);
    } finally {
      platform.child.kill('SIGTERM');
      await platform.ended;
      await front.close();
      await syslog.stop();
    }
  });
});

/** syslog-ng as Debian ships it, on the demonstration's own configuration. */
async function startDemoSyslog(folder: Folder, port: number) {
  const text = readFileSync(join(DEPLOY, 'demo/syslog-ng.conf'), 'utf8');
  const config = text
    .replace('ip("0.0.0.0") port(601)', `ip("127.0.0.1") port(${port})`)
    .replace('/var/log/audit.log', join(folder.path, 'audit.log'));
  const root = join(RECEIVERS_FOLDER, 'syslog-ng');
  const files = ['persist', 'control', 'pid'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  return startProgram({
    command: join(root, 'usr/sbin/syslog-ng'),
    args: [
      ...[
        '--no-caps',
        '-F',
        '-f',
        folder.write('syslog-ng.conf', config),
        '--module-path',
        join(root, 'modules'),
      ],
      ...['-R', files[0], '-c', files[1], '-p', files[2]],
    ],
    env: { LD_LIBRARY_PATH: join(root, 'libraries') },
    folder: folder.path,
    readyWithinMs: 20_000,
    ready: () => accepts(port),
  });
}
