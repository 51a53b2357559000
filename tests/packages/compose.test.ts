import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { wallClock } from '../../src/model/clock.ts';
import { run, start, startPlatform, makeFolder, until } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { SPLUNK_TOKEN, splunkFake } from '../fakes/splunk.ts';
import { load } from './embedded-config.ts';
import { startPostgresql } from '../receivers/postgresql.ts';
import type { Postgresql } from '../receivers/postgresql.ts';
import { accepts, freePorts, startProgram } from '../receivers/processes.ts';
import { available as installed, postgresFolder, RECEIVERS_FOLDER } from '../receivers/receivers.ts';
import { available, TOOLS_FOLDER } from './tools.ts';

const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const FILES = ['compose.yaml', 'demo/compose.yaml', 'replicas/compose.yaml'];

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly secrets?: readonly string[];
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
      const { depends_on: waitsFor = [] } = service;
      const others = Array.isArray(waitsFor) ? (waitsFor as readonly string[]) : Object.keys(waitsFor);
      for (const other of others) expect(Object.keys(compose.services)).toContain(other);
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
    expect(compose.services['auditferry']?.ports).toEqual([
      config.state.type === 'sqlite' ? '127.0.0.1:9464:9464' : '127.0.0.1:9464-9466:9464',
    ]);
    if (config.state.type === 'sqlite') expect(config.state.dir).toBe('/var/lib/auditferry');
    const named = [...text.matchAll(/\$\{file:\/run\/secrets\/(\w+)\}/g)].map(([, secret]) => secret);
    expect((compose.services['auditferry']?.secrets ?? []).toSorted()).toEqual(named.toSorted());
    const mounted = Object.values(compose.services).flatMap(({ secrets = [] }) => secrets);
    expect(Object.keys(compose.secrets ?? {}).toSorted()).toEqual([...new Set(mounted)].toSorted());
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

describe.runIf(installed('postgresql'))('three replicas as compose.yaml would run them', () => {
  const SECRETS = { cloudquery_key: 'demo-key', splunk_token: SPLUNK_TOKEN, state_password: 'fourTeen14' };
  let folder: Folder;
  let server: Postgresql;
  beforeAll(async () => {
    folder = makeFolder();
    for (const [name, text] of Object.entries(SECRETS)) folder.write(name, text);
    server = await startPostgresql([], ['host all auditferry 127.0.0.1/32 scram-sha-256']);
  });
  afterAll(async () => {
    await server.stop();
    folder.remove();
  });

  it('make their role with init.sh, share the work with the shipped configuration, and lose nothing', async () => {
    const { services } = read('replicas/compose.yaml');
    expect(services['auditferry']).toMatchObject({ deploy: { replicas: 3 } });
    expect(services['postgres']?.volumes).toContain(
      '../postgres/init.sh:/docker-entrypoint-initdb.d/auditferry.sh:ro',
    );
    prepare();
    const platform = await startPlatform([
      '--history',
      '10m',
      '--rate',
      '60',
      '--api-key',
      SECRETS.cloudquery_key,
    ]);
    const splunk = splunkFake({ ack: false });
    const front = await openFaultFront(splunk.receive, { clock: wallClock });
    const ports = Object.values(await freePorts('one', 'two', 'three'));
    const shipped = readFileSync(join(DEPLOY, 'replicas/auditferry.yaml'), 'utf8');
    const replicas = ports.map((port) => {
      const text = shipped
        .replace('@postgres:5432/auditferry', `@127.0.0.1:${server.port}/postgres`)
        .replace('0.0.0.0:9464', `127.0.0.1:${port}`)
        .replace('https://acme.mycloudquery.com', platform.url)
        .replace('https://splunk.example.com:8088', front.url.href.replace(/\/$/, ''))
        .replaceAll('/run/secrets', folder.path);
      return start(['run', '-c', folder.write(`${port}.yaml`, text)]);
    });
    try {
      for (const port of ports) {
        await until('each to be ready', async () => {
          const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
          return answer?.status === 200 && (await answer.text()).includes('3 replicas over one journal');
        });
      }
      const ids = await platform.ids();
      const arrived = (): Set<string> => new Set(splunk.indexed.map(({ id }) => id));
      await until('every event', () => arrived().size >= ids.length && ids.every((id) => arrived().has(id)));
    } finally {
      for (const { child, ended } of replicas) {
        child.kill('SIGTERM');
        await ended;
      }
      await platform.stop();
      await front.close();
    }
    const left = await server.sql('SELECT count(*)::int AS n FROM auditferry.replicas');
    expect(left).toEqual([{ n: 0 }]);
  });

  /** What the image of PostgreSQL does with its init scripts. */
  function prepare(): void {
    const script = readFileSync(join(DEPLOY, 'postgres/init.sh'), 'utf8');
    const file = folder.write('init.sh', script.replace('/setup.sql', join(DEPLOY, 'postgres/setup.sql')));
    const { status, stderr } = spawnSync('sh', [file], {
      encoding: 'utf8',
      env: {
        PATH: `${postgresFolder()}:${process.env['PATH']}`,
        PGHOST: '127.0.0.1',
        PGPORT: String(server.port),
        POSTGRES_USER: 'postgres',
        POSTGRES_DB: 'postgres',
        STATE_PASSWORD_FILE: join(folder.path, 'state_password'),
      },
    });
    expect(status, stderr).toBe(0);
  }
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
