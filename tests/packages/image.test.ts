import { chmodSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeFolder, until } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { beganMs, openStore, processorMs } from './containers.ts';
import type { Store } from './containers.ts';
import { available, skipped } from './tools.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const IMAGE = 'localhost/auditferry';
const CONFIG = `admin: { listen: 127.0.0.1:9500 }
state: { dir: /var/lib/auditferry }
log: { format: json }
sources:
  platform: { type: cloudquery, url: 'http://127.0.0.1:9464/ferry', api_key: demo-key, start: 2h }
sinks:
  archive: { type: file, path: /var/lib/auditferry/audit.ndjson, format: raw }
`;

interface Inspected {
  readonly Config: object & {
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly Healthcheck: object;
}

const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

describe('the Dockerfile', () => {
  it('names both bases by digest, and its labels say the same', () => {
    const bases = [...dockerfile.matchAll(/^ARG (\w+)_IMAGE=(\S+)@(sha256:[0-9a-f]{64})$/gm)];
    expect(bases.map(([, name]) => name)).toEqual(['NODE', 'BASE']);
    const [, , name, digest] = bases[1] ?? [];
    expect(dockerfile).toContain(`org.opencontainers.image.base.name="${name}"`);
    expect(dockerfile).toContain(`org.opencontainers.image.base.digest="${digest}"`);
    expect(dockerfile).toContain(`org.opencontainers.image.version="${version}"`);
  });
});

describe.runIf(available('buildah', 'podman', 'runc', 'dpkg', 'root'))('the image', () => {
  let store: Store;
  let files: string;
  let folder: Folder;

  beforeAll(() => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755); // the container's user is nobody here
    store = openStore();
    store.build(IMAGE, { REVISION: 'a-commit', CREATED: '2026-01-02T03:04:05Z' });
    files = store.podman('image', 'mount', IMAGE);
  });
  afterAll(() => {
    store.remove();
    folder.remove();
  });

  it('says what it is, who runs it and how its health is asked', () => {
    const [inspected] = JSON.parse(store.podman('image', 'inspect', IMAGE)) as [Inspected];
    const { Config: config, Healthcheck: check } = inspected;
    expect(check).toMatchObject({ Test: ['CMD', 'node', '/app/dist/cli/main.js', 'health'] });
    expect(config).toMatchObject({
      User: '10001:10001',
      Entrypoint: ['node', '/app/dist/cli/main.js'],
      Cmd: ['run'],
      StopSignal: 'SIGTERM',
      Volumes: { '/var/lib/auditferry': {} },
      ExposedPorts: { '9464/tcp': {} },
    });
    expect(config.Env.map((line) => line.split('=')[0]).sort()).toEqual([
      'AUDITFERRY_CONFIG',
      'GLIBC_TUNABLES',
      'NODE_ENV',
      'PATH',
    ]);
    const labels = Object.entries(config.Labels).map(([name, value]) => [
      name.split('.').slice(3).join('.'),
      value,
    ]);
    expect(Object.fromEntries(labels)).toMatchObject({
      title: 'auditferry',
      version,
      revision: 'a-commit',
      created: '2026-01-02T03:04:05Z',
      licenses: 'Apache-2.0',
    });
  });

  it('holds the packages that its list of parts names, and no npm', () => {
    const list = JSON.parse(readFileSync(join(files, 'app/sbom.cdx.json'), 'utf8')) as {
      components: { name: string; version: string; licenses?: object[] }[];
    };
    const lock = JSON.parse(readFileSync(join(files, 'app/node_modules/.package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const named = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 13);
    const installed = Object.entries(lock.packages).map(([path, one]) => `${named(path)}@${one.version}`);
    expect(list.components.map((one) => `${one.name}@${one.version}`).sort()).toEqual(installed.sort());
    expect(list.components.filter((one) => (one.licenses ?? []).length === 0)).toEqual([]);
    expect(list.components.map((one) => one.name)).toContain('@platformatic/kafka');
    for (const name of ['npm', 'npx', 'corepack', 'yarn']) {
      expect(() => readFileSync(join(files, 'usr/local/bin', name))).toThrow('ENOENT');
    }
    expect(() => readFileSync(join(files, 'usr/local/lib/node_modules/npm/package.json'))).toThrow('ENOENT');
  });

  it('carries events as nobody, with a root that cannot be written, and stops when asked', async (context) => {
    const refusal = store.refusesToRun(IMAGE);
    if (refusal !== null) {
      skipped('containers cannot run on this machine', refusal);
      context.skip();
    }
    store.run(
      ...['--detach', '--name', 'platform', '--network', 'none', '--entrypoint', 'node'],
      ...['--volume', `${join(import.meta.dirname, 'gated-platform.mjs')}:/gate.mjs:ro`, IMAGE, '/gate.mjs'],
    );
    await until('the simulated Platform', () => store.podman('logs', 'platform').includes('9465'));
    const network = ['--detach', '--network', 'container:platform'];
    // What the same image needs at least for a process and its first request, on this machine and in this minute.
    const bare = "fetch('http://127.0.0.1:9464/least/').finally(() => setTimeout(() => {}, 60_000))";
    store.run(...network, '--name', 'least', '--entrypoint', 'node', IMAGE, '-e', bare);
    const least = await toFirstRequest('least');

    const hardened = ['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/tmp', '--cap-drop', 'ALL'];
    store.run(
      ...[...network, '--name', 'ferry', ...hardened, '--security-opt', 'no-new-privileges'],
      ...['--volume', `${folder.write('auditferry.yaml', CONFIG)}:/etc/auditferry/auditferry.yaml:ro`, IMAGE],
    );
    const ferry = await toFirstRequest('ferry');
    process.stdout.write(
      `first request: ${ferry.ms} ms after the process began, ${ferry.processorMs} ms of processor time; bare Node.js: ${least.ms} ms and ${least.processorMs} ms\n`,
    );
    // Processor time, because others use this machine too: the clock shows what they take.
    expect(ferry.processorMs).toBeLessThan(6 * least.processorMs + 500);

    const status = readFileSync(`/proc/${store.pid('ferry')}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(status).toMatch(/^CapBnd:\t0{16}$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(() => store.podman('exec', 'ferry', 'bash', '-c', 'echo > /app/here')).toThrow(
      'Read-only file system',
    );

    // The address is that of the configuration, which is not the usual one.
    await until('health', () => saysHealthy());
    expect(store.podman('exec', 'ferry', 'auditferry', 'status')).toContain('archive');
    await until(
      'events',
      // The file is there with the first event.
      () =>
        store.podman('exec', 'ferry', 'bash', '-c', 'cat /var/lib/auditferry/audit.ndjson || true') !== '',
    );
    store.podman('stop', '--time', '25', 'ferry');
    expect(store.podman('inspect', '--format', '{{.State.ExitCode}}', 'ferry')).toBe('0');
  });

  /** From the beginning of the process in a container to its first request. */
  async function toFirstRequest(name: string): Promise<{ ms: number; processorMs: number }> {
    const pid = store.pid(name);
    const startMs = beganMs(pid);
    const line = new RegExp(`"client":"${name}","firstRequestMs":(\\d+)`);
    await until(`the first request of ${name}`, () => line.test(store.podman('logs', 'platform')));
    const [, atMs] = line.exec(store.podman('logs', 'platform')) ?? [];
    return { ms: Math.round(Number(atMs) - startMs), processorMs: processorMs(pid) };
  }

  function saysHealthy(): boolean {
    try {
      return store.podman('exec', 'ferry', 'auditferry', 'health') === 'healthy: every loop turns';
    } catch {
      return false; // exit code 1: not yet
    }
  }
});
