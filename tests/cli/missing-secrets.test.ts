import { readFileSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { check } from '../../src/cli/check/command.ts';
import { listLetters } from '../../src/cli/dead-letters/reports.ts';
import { eventTypes } from '../../src/cli/event-types.ts';
import { listFindings } from '../../src/cli/findings.ts';
import { health } from '../../src/cli/health.ts';
import { backfillCommand } from '../../src/cli/jobs/backfill.ts';
import { replayCommand } from '../../src/cli/jobs/replay.ts';
import { repairCommand } from '../../src/cli/journal/repair.ts';
import { preview } from '../../src/cli/preview/command.ts';
import { status } from '../../src/cli/status/command.ts';
import { tail } from '../../src/cli/tail/command.ts';
import type { FakeTerminal } from './room.ts';
import { carryEverything, impatient, startRun, stoppedRooms } from './carried.ts';

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

/** The same configuration, with the key of the Platform in a variable that is not set. */
function withoutKey(text: string): string {
  return text.replace(':-demo-key}', '}');
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
    ['journal repair', (config, terminal) => repairCommand({ config }, terminal), 0],
  ])('%s does not ask for the secrets of sinks', async (_name, run, code) => {
    const config = await withoutSecrets();
    expect(await run(config, impatient())).toBe(code);
  });
});

describe('a job', () => {
  const range = { from: '3h', to: 'now' } as const;

  it('that a running daemon does needs no secret but that of the journal', async () => {
    const carried = await carryEverything(rooms());
    const run = await startRun(carried.room, carried.config, null);
    try {
      const text = readFileSync(carried.config, 'utf8');
      writeFileSync(carried.config, withoutKey(text));
      const replayed = impatient();
      expect(await replayCommand({ config: carried.config, sink: 'archive', ...range }, replayed)).toBe(0);
      expect(replayed.printed.err).toContain('the running daemon');
      expect(await backfillCommand({ config: carried.config, ...range }, impatient())).toBe(0);
    } finally {
      await run.end();
    }
  });

  it('that the command does needs those of what it reaches, and no others', async () => {
    const config = await withoutSecrets();
    const text = readFileSync(config, 'utf8').replace(/^heartbeat: .*$/m, '');
    writeFileSync(config, text);
    expect(await backfillCommand({ config, ...range }, impatient())).toBe(0);
    writeFileSync(config, withoutKey(text));
    expect(await replayCommand({ config, sink: 'archive', ...range }, impatient())).toBe(0);
    await expect(backfillCommand({ config, ...range }, impatient())).rejects.toThrow(/PLATFORM_KEY/);
    const both = replayCommand({ config, sink: 'splunk', ...range }, impatient());
    await expect(both).rejects.toThrow(/SPLUNK_TOKEN(?![^]*PLATFORM_KEY)(?![^]*BUCKET)/);
  });
});

it('check names every one of them', async () => {
  const config = await withoutSecrets();
  const terminal = impatient();
  expect(await check({ config, json: true }, terminal)).toBe(2);
  for (const name of ['SPLUNK_TOKEN', 'BUCKET', 'key-id', 'file key ', 'heartbeat-key'])
    expect(terminal.printed.out).toContain(name);
});
