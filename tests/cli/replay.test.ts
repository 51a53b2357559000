import { readFileSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { replayCommand } from '../../src/cli/jobs/replay.ts';
import { carryEverything, impatient, stoppedRooms } from './carried.ts';

const rooms = stoppedRooms();

describe('replay', () => {
  it('sends again what the receiver lacks, and everything by force', async () => {
    const carried = await carryEverything(rooms());
    const file = carried.path('out/audit.ndjson');
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, lines.slice(20).join('\n'));
    const terminal = impatient();
    const options = { config: carried.config, sink: 'archive', from: '3h', to: 'now', json: true } as const;
    expect(await replayCommand(options, terminal)).toBe(0);
    expect(terminal.json()).toMatchObject({ by: 'command', state: 'done', sent: 20, present: 100 });
    terminal.clear();
    const { json: _json, ...forced } = options;
    expect(await replayCommand({ ...forced, force: true }, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/to archive: 120 sent again\n$/);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(240);
  });

  it('seals what it sends where the daemon would, so that exported records prove it', async () => {
    const carried = await carryEverything(rooms());
    const file = carried.path('out/audit.ndjson');
    writeFileSync(file, '');
    writeFileSync(carried.config, `${readFileSync(carried.config, 'utf8')}\nheartbeat: { every: 1h }\n`);
    const options = { config: carried.config, sink: 'archive', from: '3h', to: 'now' } as const;
    expect(await replayCommand(options, impatient())).toBe(0);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.filter((line) => /"auditferry_seq":\d+,"auditferry_seal":"/.test(line))).toHaveLength(120);
  });

  it('says what has left the journal, how to get it, and does not call that done', async () => {
    const carried = await carryEverything(rooms());
    const journal = await carried.room.writer();
    await journal.prune(['archive', 'out'], '2100-01-01T00:00:00Z', 0n);
    await journal.close();
    const terminal = impatient();
    const options = { config: carried.config, sink: 'archive', from: '3h', to: 'now' } as const;
    expect(await replayCommand({ ...options, json: true }, terminal)).toBe(3);
    expect(terminal.json()).toMatchObject({ state: 'done', looked: 0, sent: 0, pruned: 120 });
    terminal.clear();
    expect(await replayCommand(options, terminal)).toBe(3);
    expect(terminal.printed.out).toMatch(/: 0 sent again, 120 not sent: no longer in the journal\n$/);
    expect(terminal.printed.err).toMatch(
      /hint: auditferry backfill --sink archive --from \S+ --to \S+ reads them/,
    );
  });

  it('says where there was nothing to send', async () => {
    const carried = await carryEverything(rooms());
    const terminal = impatient();
    const options = { config: carried.config, sink: 'archive', from: '9h', to: '8h' };
    expect(await replayCommand(options, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/to archive: the journal knows no event of this range\n$/);
  });

  it('refuses --json for a sink that writes to the same place', async () => {
    const config = rooms().config('  out: { type: stdout }');
    const options = { config, sink: 'out', from: '3h', to: 'now', json: true } as const;
    await expect(replayCommand(options, impatient())).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('the sink out writes its events to standard output') as string,
    });
  });

  it('refuses a sink that is not there', async () => {
    const carried = await carryEverything(rooms());
    const options = { config: carried.config, sink: 'archiv', from: '3h', to: 'now' };
    await expect(replayCommand(options, impatient())).rejects.toMatchObject({ kind: 'config' });
  });
});
