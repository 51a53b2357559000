import { readFileSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { check } from '../../src/cli/check/command.ts';
import { listLetters } from '../../src/cli/dead-letters/reports.ts';
import { eventTypes } from '../../src/cli/event-types.ts';
import { listFindings } from '../../src/cli/findings.ts';
import { health } from '../../src/cli/health.ts';
import { preview } from '../../src/cli/preview/command.ts';
import { status } from '../../src/cli/status/command.ts';
import { tail } from '../../src/cli/tail/command.ts';
import type { FakeTerminal } from './room.ts';
import { carryEverything, impatient, stoppedRooms } from './carried.ts';

const rooms = stoppedRooms();

/** An installation that has carried everything, in a shell that has no variable and no file of a sink or of the heartbeat. */
async function withoutSecrets(): Promise<string> {
  const { config } = await carryEverything(rooms());
  const more = `  splunk: { type: splunk_hec, url: 'https://127.0.0.1:9', token: '\${SPLUNK_TOKEN}' }
  lake: { type: s3, bucket: '\${BUCKET}', region: eu-west-1, access_key_id: '\${file:key-id}', secret_access_key: '\${file:key}' }
heartbeat: { every: 5m, signing_key: '\${file:heartbeat-key}' }
`;
  const text = readFileSync(config, 'utf8').replace(/^( {2}out: )/m, `${more.split('\nheartbeat')[0]}\n$1`);
  writeFileSync(config, `${text}\nheartbeat: { every: 5m, signing_key: '\${file:heartbeat-key}' }\n`);
  return config;
}

const lines = { lines: 5, follow: false, format: 'line' } as const;

describe('a command that contacts no receiver', () => {
  it.each<[string, (config: string, terminal: FakeTerminal) => Promise<number>, number]>([
    ['status', (config, terminal) => status({ config }, terminal), 1],
    ['health', (config, terminal) => health({ config }, terminal), 1],
    ['tail', (config, terminal) => tail({ config, ...lines }, terminal), 0],
    ['preview', (config, terminal) => preview({ config, limit: 1 }, terminal), 0],
    ['findings', (config, terminal) => listFindings({ config }, terminal), 0],
    ['event-types', (config, terminal) => eventTypes({ config }, terminal), 0],
    ['dead-letters list', (config, terminal) => listLetters({ config }, terminal), 0],
  ])('%s does not ask for the secrets of sinks', async (_name, run, code) => {
    const config = await withoutSecrets();
    expect(await run(config, impatient())).toBe(code);
  });
});

it('check names every one of them', async () => {
  const config = await withoutSecrets();
  const terminal = impatient();
  expect(await check({ config, json: true }, terminal)).toBe(2);
  for (const name of ['SPLUNK_TOKEN', 'BUCKET', 'key-id', 'file key ', 'heartbeat-key'])
    expect(terminal.printed.out).toContain(name);
});
