import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { makeFolder, startPlatform } from '../e2e/program.ts';
import type { Folder, SimulatedPlatform } from '../e2e/program.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeReceiver } from '../fakes/faults.ts';
import { openFakeProxy } from '../fakes/proxy.ts';
import { SPLUNK_TOKEN, splunkFake } from '../fakes/splunk.ts';
import { makeCertificates } from '../receivers/certificates.ts';
import type { Certificates } from '../receivers/certificates.ts';
import { startCollector } from '../receivers/collector.ts';
import { available } from '../receivers/receivers.ts';
import { startOpenSearch } from '../receivers/search-receivers.ts';
import { startRsyslog } from '../receivers/syslog-receivers.ts';
import { readSources } from '../structure/sources.ts';
import { follow, guide } from './guide.ts';
import type { Step } from './guide.ts';
import { openTlsDoor } from './tls-door.ts';

/** As the API of Elasticsearch describes one. */
interface Role {
  readonly cluster: readonly string[];
  readonly indices: readonly { readonly privileges: readonly string[] }[];
}

const API_KEY = Buffer.from('an-id:a-key').toString('base64');
const STREAM = 'logs-cloudquery.audit-default';
const ENVIRONMENT = { CLOUDQUERY_API_KEY: 'the-key', SPLUNK_HEC_TOKEN: SPLUNK_TOKEN };

const CONFIG = `state: { dir: ./state }
sources: { platform: { type: cloudquery, url: 'PLATFORM', api_key: the-key, start: 1d, rate_limit: { requests_per_second: 100 } } }
sinks: { archive: { type: file, path: ./audit.ndjson } }
`;

let folder: Folder;
let platform: SimulatedPlatform;
let certificates: Certificates;

beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
beforeEach(async () => {
  folder = makeFolder();
  platform = await startPlatform(['--history', '1h', '--rate', '10', '--api-key', 'the-key']);
});
afterEach(async () => {
  await platform.stop();
  folder.remove();
});

function expectDone(steps: readonly Step[], count: number): void {
  for (const { commands, code, output } of steps) expect(code, `${commands}\n${output}`).toBe(0);
  expect(steps.length).toBe(count);
}

/** The simulated Platform may be asked as often as one likes: `verify` alone would wait for 20 s at the usual rate. */
function places(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const often = { '    start: 30d\n': '    start: 30d\n    rate_limit: { requests_per_second: 100 }\n' };
  return { 'https://acme.mycloudquery.com': platform.url, ...often, ...more };
}

describe('docs/guides', () => {
  it('are all followed by a test', () => {
    const names = readdirSync(resolve(import.meta.dirname, '../../docs/guides'));
    const here = readFileSync(import.meta.filename, 'utf8');
    expect(
      names.filter((name) => !new RegExp(`follow\\(\\s*'${name.replace(/\.md$/, '')}'`).test(here)),
    ).toEqual([]);
  });
});

describe.runIf(available('collector'))('docs/guides/splunk.md', () => {
  it('brings events into the HTTP Event Collector', async () => {
    const collector = await startCollector(certificates);
    try {
      const url = `http://127.0.0.1:${collector.ports.hec}`;
      const steps = await follow(
        'splunk',
        folder,
        places({ 'https://splunk.example.com:8088': url }),
        ENVIRONMENT,
      );
      expectDone(steps, 3);
      expect(steps.at(-1)?.output).toContain('complete');
      const stored = collector.stored('hec').map(({ attributes }) => attributes['event_id']);
      expect(stored).toEqual(expect.arrayContaining(await platform.ids(Date.now() - 60_000)));
    } finally {
      await collector.stop();
    }
  });
});

describe('docs/guides/elastic.md', () => {
  it('brings events into Elasticsearch with a key that may do just enough', async () => {
    const [, request = ''] = /<<'END'\n([^]*?)\nEND\n/.exec(guide('elastic')) ?? [];
    const wanted = JSON.parse(request) as { role_descriptors: { auditferry: Role } };
    const { cluster, indices } = wanted.role_descriptors.auditferry;
    const privileges = [...cluster, ...indices.flatMap((index) => index.privileges)];
    const elastic = fakeElasticsearch({ authorization: `ApiKey ${API_KEY}`, privileges });
    const asked: string[] = [];
    const receive: FakeReceiver = (given) => {
      if (given.path !== '/_security/api_key') return elastic.receive(given);
      asked.push(`${given.headers.authorization} ${given.body.toString('utf8')}`);
      return { status: 200, body: JSON.stringify({ id: 'an-id', encoded: API_KEY }) };
    };
    const front = await openFaultFront(receive, { clock: wallClock });
    const door = await openTlsDoor(certificates, Number(front.url.port));
    try {
      copyFileSync(certificates.caFile, join(folder.path, 'ca.pem'));
      const env = { ...ENVIRONMENT, ELASTIC_USER: 'me', ELASTIC_PASSWORD: 'mine' };
      const here = places({ 'https://es.example.com:9200': `https://localhost:${door.port}` });
      const steps = await follow('elastic', folder, here, env);
      expectDone(steps, 2);
      expect(asked).toEqual([
        `Basic ${Buffer.from('me:mine').toString('base64')} ${request.replaceAll('\n', '')}`,
      ]);
      expect(steps[1]?.output).toContain('complete');
      expect(elastic.ids()).toEqual(expect.arrayContaining(await platform.ids(Date.now() - 60_000)));
    } finally {
      await door.close();
      await front.close();
    }
  });
});

describe.runIf(available('opensearch'))('docs/guides/opensearch.md', () => {
  it('brings events into OpenSearch', async () => {
    const opensearch = await startOpenSearch();
    try {
      const env = { ...ENVIRONMENT, OPENSEARCH_PASSWORD: 'nobody-asks' };
      const steps = await follow(
        'opensearch',
        folder,
        places({ 'https://opensearch.example.com:9200': opensearch.url }),
        env,
      );
      expectDone(steps, 2);
      expect(steps[1]?.output).toContain('complete');
      const ids = (await opensearch.documents(STREAM)).map(({ id }) => id);
      expect(ids).toEqual(expect.arrayContaining(await platform.ids(Date.now() - 60_000)));
    } finally {
      await opensearch.stop();
    }
  });
});

describe.runIf(available('rsyslog'))('docs/guides/syslog.md', () => {
  it('brings events to a receiver that wants a client certificate', async () => {
    const rsyslog = await startRsyslog(certificates);
    try {
      copyFileSync(certificates.caFile, join(folder.path, 'ca.pem'));
      copyFileSync(certificates.client.certFile, join(folder.path, 'client.pem'));
      copyFileSync(certificates.client.keyFile, join(folder.path, 'client.key'));
      const address = `localhost:${rsyslog.ports.tls}`;
      const steps = await follow('syslog', folder, places({ 'siem.example.com:6514': address }), ENVIRONMENT);
      expectDone(steps, 3);
      const wanted = await platform.ids(Date.now() - 60_000);
      const lines = (await rsyslog.waitFor('tls', wanted.length)).map(({ text }) => text);
      expect(wanted.filter((id) => !lines.some((line) => line.includes(id)))).toEqual([]);
    } finally {
      await rsyslog.stop();
    }
  });
});

describe('docs/guides/proxies-and-private-cas.md', () => {
  it('leads through a proxy to a receiver with an authority of its own', async () => {
    copyFileSync(certificates.caFile, join(folder.path, 'ca.pem'));
    const splunk = splunkFake({ ack: false });
    const front = await openFaultFront(splunk.receive, { clock: wallClock });
    const outside = await openTlsDoor(certificates, Number(front.url.port));
    const proxy = await openFakeProxy();
    try {
      const steps = await follow(
        'proxies-and-private-cas',
        folder,
        places({
          'https://splunk.example.com:8088': `https://localhost:${outside.port}`,
          'proxy.example.com:3128': `127.0.0.1:${proxy.port}`,
          '10.0.0.0/8,.svc,localhost': '10.0.0.0/8,.svc',
        }),
        ENVIRONMENT,
      );
      expectDone(steps, 5);
      expect(steps[1]?.output).toMatch(/TLS was refused[^]*exit code 1/);
      expect(proxy.tunnels).toContain(`localhost:${outside.port}`);
      expect(splunk.indexed.length).toBeGreaterThan(100);
    } finally {
      await outside.close();
      await front.close();
      await proxy.close();
    }
  });
});

describe('docs/guides/proving-completeness.md', () => {
  it('leaves evidence that is whole', async () => {
    const steps = await follow('proving-completeness', folder, places({}), ENVIRONMENT);
    expectDone(steps, 5);
    expect(steps.map(({ output }) => output).join('\n')).toMatch(/complete: the file holds .* records/);
    const evidence = JSON.parse(readFileSync(join(folder.path, 'evidence.json'), 'utf8')) as {
      verdict: string;
    };
    expect(evidence.verdict).toBe('complete');
    expect(readFileSync(join(folder.path, 'evidence.html'), 'utf8')).toContain('complete');
    for (const name of ['findings.json', 'dead-letters.json'])
      expect(() => JSON.parse(readFileSync(join(folder.path, name), 'utf8')) as unknown).not.toThrow();
  });
});

describe('docs/guides/troubleshooting.md', () => {
  it('runs what it says', async () => {
    folder.write('auditferry.yaml', CONFIG.replace('PLATFORM', platform.url));
    expectDone(await follow('troubleshooting', folder, places({}), ENVIRONMENT), 2);
  });

  it('quotes messages that the program has', () => {
    const quoted = [...guide('troubleshooting').matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text);
    expect(quoted.length).toBeGreaterThan(10);
    const sources = readSources('src').map(({ text }) => text);
    expect(quoted.filter((text) => !sources.some((source) => source.includes(text)))).toEqual([]);
  });
});
