import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import type { Config } from '../../src/config/config.ts';
import { makeFolder } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { load } from './embedded-config.ts';
import { available, findTool, TOOLS_FOLDER } from './tools.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = join(ROOT, 'deploy/helm/auditferry');
const MANIFESTS = ['auditferry.yaml', 'auditferry-replicas.yaml'].map((name) =>
  join(ROOT, 'deploy/kubernetes', name),
);
const KUBERNETES = ['1.25', '1.29', '1.32', '1.34', '1.37'];
const REPLICAS = 'replicas.yaml';
const EXAMPLES = readdirSync(join(CHART, 'examples'));

type Manifest = Readonly<Record<string, unknown>>;

describe('deploy/helm', () => {
  it('has the version of the program, and a README that names every value', () => {
    const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>;
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(chart).toMatchObject({ version, appVersion: version });
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as object;
    const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
    expect(Object.keys(values).filter((key) => !readme.includes(`\`${key}`))).toEqual([]);
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as {
      properties: object;
    };
    expect(Object.keys(schema.properties).sort()).toEqual([...Object.keys(values), 'global'].sort());
  });
});

describe.runIf(available('helm', 'kubernetes-validate'))('the chart', () => {
  let folder: Folder;
  let ca: string;

  beforeAll(() => {
    folder = makeFolder();
    ca = folder.write('ca.pem', makeCertificate({ name: 'authority' }).cert);
  });
  afterAll(() => folder.remove());

  it.each(EXAMPLES)(
    'with %s passes lint, fits every Kubernetes, and carries a configuration that loads',
    (name) => {
      const values = ['-f', join(CHART, 'examples', name)];
      expect(helm('lint', CHART, '--strict', ...values)).toContain('0 chart(s) failed');
      for (const version of KUBERNETES) {
        const text = helm('template', 'ferry', CHART, '--kube-version', `${version}.0`, ...values);
        fits(folder.write('rendered.yaml', text), version);
        const manifests = read(text);
        const config = configOf(manifests);
        if (name !== REPLICAS) expect(config.state.dir).toBe('/var/lib/auditferry');
        expect(config.state.type).toBe(name === REPLICAS ? 'postgres' : 'sqlite');
        expect(config.admin.listen).toEqual({
          host: '0.0.0.0',
          port: at(pod(manifests), 'containers', 0, 'ports', 0, 'containerPort'),
        });
        // Secrets stay where they are: the chart names them.
        expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
      }
    },
  );

  it('gives the pod nothing that it does not need', () => {
    expect(pod(rendered('splunk.yaml'))).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { limits: { memory: '512Mi' } },
        },
      ],
    });
  });

  it('runs three replicas that share a journal, apart from one another and without a volume', () => {
    const manifests = rendered(REPLICAS);
    expect(manifests.map(({ kind }) => kind)).not.toContain('StatefulSet');
    const labels = { 'app.kubernetes.io/name': 'auditferry', 'app.kubernetes.io/instance': 'ferry' };
    expect(ofKind(manifests, 'Deployment')['spec']).toMatchObject({
      replicas: 3,
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      selector: { matchLabels: labels },
    });
    expect(ofKind(manifests, 'PodDisruptionBudget')['spec']).toEqual({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: labels },
    });
    const its = pod(manifests);
    const spread = at(its, 'topologySpreadConstraints') as { topologyKey: string; labelSelector: object }[];
    expect(spread.map(({ topologyKey }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ]);
    for (const { labelSelector } of spread) expect(labelSelector).toEqual({ matchLabels: labels });
    // Who stands by is ready: the probe asks what tells it.
    expect(at(its, 'containers', 0, 'readinessProbe', 'httpGet', 'path')).toBe('/readyz');
    expect(JSON.stringify(manifests)).not.toMatch(/PersistentVolumeClaim|persistentVolumeClaim|claimName/);
    expect(volume(manifests, 'state')).toBeUndefined();
  });

  it('takes the address of the database from a Secret, its authority from another, and lets the pods reach it', () => {
    const manifests = rendered(REPLICAS, '--set', 'state.urlKey=uri,state.existingSecret=db-app');
    expect(volume(manifests, 'state-url')).toMatchObject({
      secret: { secretName: 'db-app', items: [{ key: 'uri', path: 'url' }] },
    });
    expect(volume(manifests, 'state-ca')).toMatchObject({ secret: { secretName: 'database-ca' } });
    const env = at(pod(manifests), 'containers', 0, 'env');
    expect(env).toEqual([
      { name: 'PGSSLMODE', value: 'verify-full' },
      { name: 'PGSSLROOTCERT', value: '/run/secrets/auditferry-state-ca/ca.crt' },
    ]);
    expect(at(ofKind(manifests, 'NetworkPolicy'), 'spec', 'egress', 1)).toEqual({
      ports: [{ protocol: 'TCP', port: 5432 }],
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'databases' } } }],
    });
    const plain = rendered(REPLICAS, '--set', 'state.caSecret=,affinity.nodeAffinity.x=1');
    expect(at(pod(plain), 'containers', 0, 'env')).toBeUndefined();
    expect(volume(plain, 'state-ca')).toBeUndefined();
    expect(at(pod(plain), 'topologySpreadConstraints')).toBeUndefined();
  });

  it('gives the monitoring what its operator takes', () => {
    const manifests = rendered('everything.yaml');
    for (const [kind, file] of [
      ['PodMonitor', 'podmonitors'],
      ['PrometheusRule', 'prometheusrules'],
    ] as const) {
      const one = ofKind(manifests, kind);
      const validate = new Ajv({ strict: false, validateFormats: false }).compile(operatorSchema(file));
      expect(validate(one), JSON.stringify(validate.errors)).toBe(true);
      expect(validate({ ...one, spec: { ...(one['spec'] as object), intervall: '5s' } })).toBe(false);
    }
    expect(ofKind(manifests, 'PrometheusRule')['spec']).toEqual(
      parse(readFileSync(join(ROOT, 'content/prometheus/auditferry.rules.yaml'), 'utf8')),
    );
  });

  it('keeps the state in a claim of its own, in yours, or in none', () => {
    const claims = (manifests: readonly Manifest[]): unknown =>
      at(ofKind(manifests, 'StatefulSet'), 'spec', 'volumeClaimTemplates');
    const own = rendered('splunk.yaml');
    expect(at(claims(own), 0, 'spec', 'resources', 'requests', 'storage')).toBe('5Gi');
    expect(volume(own, 'state')).toBeUndefined();
    const yours = rendered('splunk.yaml', '--set', 'persistence.existingClaim=mine');
    expect(claims(yours)).toBeUndefined();
    expect(volume(yours, 'state')).toEqual({ name: 'state', persistentVolumeClaim: { claimName: 'mine' } });
    const none = rendered('splunk.yaml', '--set', 'persistence.enabled=false');
    expect(volume(none, 'state')).toEqual({ name: 'state', emptyDir: {} });
  });

  it('takes a ConfigMap of yours instead of its own', () => {
    const manifests = read(
      helm('template', 'ferry', CHART, '--kube-version', '1.34.0', '--set', 'existingConfigMap=mine'),
    );
    expect(manifests.filter(({ kind }) => kind === 'ConfigMap')).toEqual([]);
    expect(volume(manifests, 'config')).toEqual({
      name: 'config',
      configMap: { name: 'mine' },
    });
  });

  it('starts anew when the configuration changes', () => {
    const sum = (...more: string[]): unknown => {
      const workload = ofKind(rendered('splunk.yaml', ...more), 'StatefulSet');
      return at(workload, 'spec', 'template', 'metadata', 'annotations', 'checksum/config');
    };
    expect(sum()).toMatch(/^[0-9a-f]{64}$/);
    expect(sum('--set', 'config.sinks.splunk.index=other')).not.toBe(sum());
  });

  it.each([
    ['podMonitors.enabled=true', "additional properties 'podMonitors' not allowed"],
    ['config.state.dir=/elsewhere', "at '/config/state/dir'"],
    ['config.admin.listen=127.0.0.1:1', "at '/config/admin/listen'"],
    ['adminPort=80', "at '/adminPort'"],
    ['image.digest=sha256:12', "at '/image/digest'"],
    ['existingConfigMap=mine', "at '/config'"],
    ['config.sinks=null', "at '/config/sinks'"],
    ['state.type=postgres', "at '/state/existingSecret'"],
    ['config.state.url=postgres://u@db/x', "at '/config/state/url'"],
    ['replicas=0', "at '/replicas'"],
  ])('refuses %s and says where', (value, message) => {
    const values = ['-f', join(CHART, 'examples/splunk.yaml'), '--set', value];
    const { status, stderr } = spawnSync(
      tool('helm'),
      ['template', 'ferry', CHART, '--kube-version', '1.34.0', ...values],
      { encoding: 'utf8' },
    );
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  it('is packed with the alert rules, which lie elsewhere in the repository', () => {
    helm('package', CHART, '--destination', folder.path);
    const packed = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? '';
    const text = helm(
      'template',
      'ferry',
      join(folder.path, packed),
      '--kube-version',
      '1.34.0',
      '-f',
      join(CHART, 'examples/everything.yaml'),
    );
    expect(at(ofKind(read(text), 'PrometheusRule'), 'spec', 'groups', 0, 'rules', 3)).toBeDefined();
  });

  it.each(KUBERNETES)('deploy/kubernetes, which is for those without helm, fits Kubernetes %s', (version) => {
    for (const manifest of MANIFESTS) {
      fits(manifest, version);
      expect(configOf(read(readFileSync(manifest, 'utf8'))).sinks.size).toBe(1);
    }
  });

  function rendered(example: string, ...more: readonly string[]): readonly Manifest[] {
    const values = ['-f', join(CHART, 'examples', example), ...more];
    return read(helm('template', 'ferry', CHART, '--kube-version', '1.34.0', ...values));
  }

  function configOf(manifests: readonly Manifest[]): Config {
    const texts = manifests.map((manifest) => at(manifest, 'data', 'auditferry.yaml'));
    return load(texts.find((text) => text !== undefined) as string, ca);
  }
});

/** What lies at a place within a document; undefined when there is no such place. */
function at(document: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce((place, key) => (place as Record<string, unknown> | undefined)?.[key], document);
}

function ofKind(manifests: readonly Manifest[], wanted: string): Manifest {
  const [one, ...others] = manifests.filter(({ kind }) => kind === wanted);
  if (one === undefined || others.length > 0) throw new Error(`${others.length + 1} of ${wanted}`);
  return one;
}

function pod(manifests: readonly Manifest[]): unknown {
  const [workload] = manifests.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');
  return at(workload, 'spec', 'template', 'spec');
}

function volume(manifests: readonly Manifest[], wanted: string): unknown {
  return (at(pod(manifests), 'volumes') as { name: string }[]).find(({ name }) => name === wanted);
}

function read(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);
}

function fits(file: string, version: string): void {
  const flags = ['-k', version, '--strict', '--quiet', '--no-warn', file];
  const { status, stdout, stderr } = spawnSync(tool('kubernetes-validate'), flags, { encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
}

function helm(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(tool('helm'), words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`helm ${words.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

function tool(name: string): string {
  return findTool(name) ?? name;
}

/** The operator's own schema, made strict: a key that it does not name is a mistake. Go's patterns are not ours. */
function operatorSchema(name: string): object {
  const path = join(TOOLS_FOLDER, 'prometheus-operator-0.85.0', `monitoring.coreos.com_${name}.yaml`);
  const definition: unknown = parse(readFileSync(path, 'utf8'));
  const schema = strict(at(definition, 'spec', 'versions', 0, 'schema', 'openAPIV3Schema')) as {
    properties: object;
  };
  return { ...schema, properties: { ...schema.properties, metadata: { type: 'object' } } };
}

function strict(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  const { pattern: _, properties, ...rest } = schema as Record<string, unknown>;
  const inner = mapped(rest);
  if (properties === undefined) return inner;
  return { additionalProperties: false, ...inner, properties: mapped(properties as Record<string, unknown>) };
}

function mapped(named: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(named).map(([key, value]) => [key, strict(value)]));
}
