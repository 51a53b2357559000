import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { composeConfig, readSecretPlace, SINK_KINDS } from '../../src/cli/init-template.ts';
import { init } from '../../src/cli/init.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { fakeTerminal, rooms } from './room.ts';

const allParts = await loadParts();

const room = rooms();
const KEY = 'demo-key';

describe('init', () => {
  it('takes flags, tries them, and writes a configuration that loads, for its owner only', async () => {
    const here = room();
    const { url } = await here.platform();
    const output = here.path('made.yaml');
    const terminal = fakeTerminal({ env: { CLOUDQUERY_API_KEY: KEY } });
    expect(await init({ url, output, stateDir: './data', yes: true }, terminal)).toBe(0);
    expect(terminal.printed.err).toMatch(/ok {3}source platform {2}permission/);
    expect(terminal.printed.out).toContain(`auditferry check -c ${output} --send`);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const text = readFileSync(output, 'utf8');
    expect(text).toContain('api_key: ${CLOUDQUERY_API_KEY}');
    expect(text).not.toContain(KEY);
    const config = await loadConfig(output, { CLOUDQUERY_API_KEY: KEY }, loadParts);
    expect([...config.sinks.values()].map(({ type }) => type)).toEqual(['file']);
    expect(config.warnings).toEqual([]);
  });

  it('fits a terminal of 80 columns and 24 lines, and says what it makes of an address without a scheme', async () => {
    const here = room();
    const output = here.path('narrow.yaml');
    const terminal = fakeTerminal({
      columns: 80,
      input: '127.0.0.1:9\n\nstdout\n',
      env: { npm_lifecycle_event: 'start' },
    });
    expect(await init({ output, stateDir: './data' }, terminal)).toBe(0);
    const { err, out } = terminal.printed;
    expect(err).toContain('without a scheme it is taken as https://127.0.0.1:9\n');
    expect(out).toContain(`npm start -- check -c ${output} --send`);
    // Nobody sees what is typed here, with the line break at its end.
    const lines = err.slice(0, err.indexOf('not tried')).split(/\n|(?<=:) /);
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    for (const { offer } of SINK_KINDS) expect(err).toContain(offer);
  });

  it('asks for what is missing, explains an answer it cannot use, and never repeats a typed secret', async () => {
    const here = room();
    await here.platform();
    const output = here.path('asked.yaml');
    const typed = 'cqp_0123456789abcdef';
    const answers = [
      'api.cloudquery.io',
      'http://127.0.0.1:9',
      typed,
      'PLATFORM_KEY',
      'carrier_pigeon',
      'syslog',
      'siem:514',
      'tls://127.0.0.1:9',
    ];
    const terminal = fakeTerminal({ input: `${answers.join('\n')}\n` });
    expect(await init({ output, stateDir: './data' }, terminal)).toBe(0);
    const { err, out } = terminal.printed;
    expect(err).toContain('CloudQuery Cloud, which has no audit log');
    expect(err).toContain('expected the name of a variable in capitals');
    expect(err).toContain('there is no sink of that type');
    expect(err).toContain('the variable PLATFORM_KEY is not set here');
    expect(err).toContain('the file is written anyway');
    expect(out).toContain('export PLATFORM_KEY=…');
    expect(err + out + readFileSync(output, 'utf8')).not.toContain(typed);
  });

  it('refuses to overwrite without --force, and ends when the answers do', async () => {
    const here = room();
    const output = here.path('mine.yaml');
    writeFileSync(output, 'mine', { mode: 0o644 });
    const flags = { url: 'http://127.0.0.1:9', output, stateDir: './data', sink: 'stdout' };
    await expect(init({ ...flags, yes: true }, fakeTerminal())).rejects.toMatchObject({ kind: 'config' });
    expect(readFileSync(output, 'utf8')).toBe('mine');
    expect(await init({ ...flags, yes: true, force: true }, fakeTerminal())).toBe(0);
    expect(readFileSync(output, 'utf8')).toContain('type: stdout');
    expect(statSync(output).mode & 0o777).toBe(0o600);

    const other = here.path('other.yaml');
    await expect(
      init({ output: other, stateDir: './data' }, fakeTerminal({ input: 'acme.example\n' })),
    ).rejects.toMatchObject({
      message: expect.stringContaining('the answers ended') as unknown,
    });
    expect(existsSync(other)).toBe(false);
    await expect(
      init({ output: other, stateDir: './data', yes: true }, fakeTerminal()),
    ).rejects.toMatchObject({
      message: 'with --yes --url must be given',
    });
  });
});

it('names every variable that a recipe needs, and loads without them', async () => {
  const here = room();
  const output = here.path('secops.yaml');
  const terminal = fakeTerminal();
  const sinkUrl = 'http://127.0.0.1:9/feeds/x:importPushLogs';
  const flags = {
    url: 'http://127.0.0.1:9',
    stateDir: './data',
    sink: 'Google SecOps',
    sinkUrl,
    yes: true,
  } as const;
  expect(await init({ ...flags, output }, terminal)).toBe(0);
  expect(terminal.printed.out).toContain('export SECOPS_FEED_SECRET=…\n  export SECOPS_API_KEY=…');
  expect(terminal.printed.err).toContain('the variable SECOPS_FEED_SECRET is not set here');
  const half = fakeTerminal({ env: { SECOPS_FEED_SECRET: 's' } });
  expect(await init({ ...flags, output, force: true }, half)).toBe(0);
  expect(half.printed.err).toContain('the variable SECOPS_API_KEY is not set here');
});

it.each([
  ['sentinel', 'https://x.ingest.monitor.azure.com', ['AZURE_CLIENT_SECRET', 'SENTINEL_RULE_ID']],
  ['s3', 'my-audit.log', ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'AWS_REGION']],
  ['kafka', 'k1:9093,k2:9094', ['KAFKA_PASSWORD']],
] as const)(
  'offers %s, and writes its file before its secrets are at hand',
  async (sink, sinkUrl, needed) => {
    const here = room();
    const output = here.path('a.yaml');
    const terminal = fakeTerminal({ env: { AWS_REGION: '' } });
    const flags = { url: 'http://127.0.0.1:9', stateDir: './data', sink, sinkUrl, yes: true } as const;
    expect(await init({ ...flags, output }, terminal)).toBe(0);
    for (const name of needed) expect(terminal.printed.out).toContain(`export ${name}=…`);
    expect(readFileSync(output, 'utf8')).toContain(
      sink === 'kafka' ? 'brokers: ["k1:9093", "k2:9094"]' : sinkUrl,
    );
  },
);

it.each(SINK_KINDS.map((kind) => [kind.offer, kind] as const))('the file for %s loads', (_type, sink) => {
  const text = composeConfig({
    url: 'https://acme.mycloudquery.com',
    apiKey: { kind: 'variable', name: 'KEY' },
    sink,
    target: sink.target?.example ?? null,
    secret: sink.secret === null ? null : { kind: 'variable', name: 'TOKEN' },
    index: sink.offer === 'splunk_hec' ? 'audit' : null,
    stateDir: './state $1 "x"',
    heartbeat: sink.offer === 'file',
  });
  const valueOf = (name: string): string => (name === 'SENTINEL_RULE_ID' ? 'dcr-1' : 'n');
  const needs = Object.fromEntries((sink.needs ?? []).map((name) => [name, valueOf(name)]));
  const env = { KEY: 'k', TOKEN: 't', ...needs };
  const config = parseConfig(text, '/etc/ferry/a.yaml', env, allParts);
  expect(config.warnings).toEqual([]);
  // Off unless it is asked for; offered as a comment.
  expect(config.heartbeat).toEqual(sink.offer === 'file' ? { everyMs: 300_000, signingKey: null } : null);
  expect(text).toContain('heartbeat: { every: 5m }');
  expect(config.state.dir).toBe('/etc/ferry/state $1 "x"');
});

it.each([
  ['CLOUDQUERY_API_KEY', { kind: 'variable', name: 'CLOUDQUERY_API_KEY' }],
  ['/run/secrets/key', { kind: 'file', path: '/run/secrets/key' }],
  ['./key', { kind: 'file', path: './key' }],
  ['cqp_abc', null],
  ['${KEY}', null],
  ['/a}b', null],
])('a secret is found at %s', (text, place) => expect(readSecretPlace(text)).toEqual(place));
