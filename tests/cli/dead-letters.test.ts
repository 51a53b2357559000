import { describe, expect, it } from 'vitest';

import { changeLetters } from '../../src/cli/dead-letters/changes.ts';
import { exportLetters, listLetters, showLetter } from '../../src/cli/dead-letters/reports.ts';
import { append, appendRefused, FILE_SINK, fakeTerminal, newEvent, rooms } from './room.ts';

const room = rooms();

async function withLetters() {
  const here = room();
  const config = here.config(FILE_SINK);
  const journal = await here.writer();
  await appendRefused(journal, 5, [2, 4]);
  await append(journal, [], {
    malformed: [{ reason: 'no created_at', bytes: Buffer.from([0x7b, 0xff, 0x1b, 0x5d]) }],
  });
  return { here, config, journal };
}

describe('dead-letters beside a running daemon', () => {
  it('lists them with reason, attempts and times, safe for a terminal', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    expect(await listLetters({ config, each: true }, terminal)).toBe(0);
    const lines = terminal.printed.out.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(/^1 +sink archive +open +2 +\d{4}-.*event-2 +mapper_parsing \[2Jexception$/);
    expect(lines[3]).toMatch(/^3 +source platform +open +1 .* - +no created_at$/);
    expect(terminal.printed.out).not.toContain('\u001b');
  });

  it('lists them by reason, with counts and event types', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    const kinds = ['user_login', 'sync_created', 'user_login'];
    await append(
      journal,
      kinds.map((kind, index) => newEvent(index + 1, kind)),
    );
    const events = await journal.read(0n, { maxEvents: 9, maxBytes: 2 ** 20 });
    const reasons = ["field [a]: value 'x\u001b[2J'", 'too large: 70123 bytes', "field [a]: value 'y'"];
    const rejected = events.map((event, index) => ({ event, reason: reasons[index] ?? '', attempts: 1 }));
    await journal.moveCursor('archive', 3n, rejected);
    const terminal = fakeTerminal();
    await listLetters({ config }, terminal);
    const [first, reason, types] = terminal.printed.out.split('\n');
    expect(first).toMatch(/^[0-9a-f]{6} {2}sink archive · 2 events$/);
    expect(reason).toBe("        field [a]: value 'x [2J'");
    expect(types).toBe('        user_login 2');
    terminal.clear();
    await listLetters({ config, json: true, reason: 'TOO LARGE' }, terminal);
    expect(terminal.json()).toMatchObject({
      dead_letters: [{ event_id: 'event-2' }],
      groups: [
        {
          key: expect.stringMatching(/^[0-9a-f]{6}$/) as unknown,
          count: 1,
          event_types: { sync_created: 1 },
        },
      ],
    });
    const key = first?.slice(0, 6) ?? '';
    expect(await changeLetters('retry', [], { config, reason: key }, fakeTerminal())).toBe(0);
    expect((await journal.deadLetters({ limit: 9 })).map(({ state }) => state)).toEqual([
      'retrying',
      'open',
      'retrying',
    ]);
    terminal.clear();
    await exportLetters([], { config, reason: key }, terminal);
    expect(terminal.printed.out.split('\n')).toHaveLength(3);
    expect(await changeLetters('discard', [], { config, reason: 'too large' }, fakeTerminal())).toBe(0);
    const discarded = await journal.deadLetters({ states: ['discarded'], limit: 9 });
    expect(discarded.map(({ event, discardReason }) => [event?.id, discardReason])).toEqual([
      ['event-2', 'too large'],
    ]);
    await expect(changeLetters('retry', [], { config, reason: 'misspelt' }, fakeTerminal())).rejects.toThrow(
      'no dead letter was refused for "misspelt"',
    );
  });

  it('shows the answer of the receiver, what the sink sends, and what the Platform sent', async () => {
    const here = room();
    const config = here.config(
      '  archive: { type: file, path: ./a.log, format: cef, where: { severity: high } }',
    );
    await appendRefused(await here.writer(), 2, [2]);
    const terminal = fakeTerminal();
    await showLetter(1n, { config }, terminal);
    expect(terminal.printed.out).toMatch(
      /^What the Platform sent\n\{"id":"event-2".*\n\nWhat the sink sent\n<134>event-2\n\nWhat the sink would send now, as cef\nCEF:0\|.*\n\nid +1\n[^]*\n\nWhy the receiver refused it\nmapper_parsing \[2Jexception\n$/,
    );
    terminal.clear();
    await showLetter(1n, { config, json: true }, terminal);
    expect(terminal.json()).toMatchObject({
      sent: '<134>event-2',
      sent_cut: false,
      rendered_now: { format: 'cef', kind: 'text', body: expect.stringMatching(/^CEF:0/) as unknown },
    });
    const watched = fakeTerminal({ columns: 80, env: { NO_COLOR: '1' } });
    await showLetter(1n, { config }, watched);
    expect(watched.printed.out).toContain('What the Platform sent\n{\n  "id": "event-2",');
  });

  it('fits the list of each into a narrow terminal, with the reason readable', async () => {
    const { config } = await withLetters();
    const watched = fakeTerminal({ columns: 80 });
    await listLetters({ config, each: true }, watched);
    const [head = '', ...rows] = watched.printed.out.split('\n');
    expect(head).toMatch(/^ID +OWNER +.*REASON$/);
    expect(rows.find((row) => row.includes('mapping') || row.includes('mapper'))).toBeDefined();
    expect(Math.max(...watched.printed.out.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(
      80,
    );
  });

  it('narrows the list to a sink or a source', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    await listLetters({ config, source: 'platform', json: true }, terminal);
    expect(terminal.json()).toMatchObject({
      dead_letters: [{ id: 3, side: 'source', event_id: null }],
      counts: { archive: 2, platform: 1 },
    });
  });

  it('refuses a name that nobody knows, and knows whoever left letters behind', async () => {
    const { here, config } = await withLetters();
    const terminal = fakeTerminal();
    const unknown = {
      kind: 'config',
      message: 'there is no sink named archiv, and no dead letter of one',
      hint: 'known are archive',
    };
    await expect(listLetters({ config, sink: 'archiv' }, terminal)).rejects.toMatchObject(unknown);
    await expect(exportLetters([], { config, sink: 'archiv' }, terminal)).rejects.toMatchObject(unknown);
    const retried = changeLetters('retry', [], { config, all: true, sink: 'archiv' }, terminal);
    await expect(retried).rejects.toMatchObject(unknown);
    await expect(listLetters({ config, sink: 'platform' }, terminal)).rejects.toMatchObject({
      message: 'there is no sink named platform, and no dead letter of one',
    });

    const later = here.config('  newer: { type: file, path: ./out/newer.ndjson }');
    await listLetters({ config: later, sink: 'archive', json: true }, terminal);
    expect(terminal.json()).toMatchObject({ dead_letters: [{ owner: 'archive' }, { owner: 'archive' }] });
    await expect(listLetters({ config: later, sink: 'x' }, terminal)).rejects.toMatchObject({
      hint: 'known are newer, archive',
    });
    const discard = { config: later, all: true, sink: 'archive', reason: 'gone' } as const;
    expect(await changeLetters('discard', [], discard, fakeTerminal())).toBe(0);
    const after = fakeTerminal();
    expect(await listLetters({ config: later, sink: 'archive' }, after)).toBe(0);
    expect(after.printed.out).toBe('no dead letters\n');
  });

  it('shows one with its bytes escaped', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    expect(await showLetter(3n, { config }, terminal)).toBe(0);
    expect(terminal.printed.out).toContain('{\\xff\\x1b]');
    await expect(showLetter(99n, { config }, terminal)).rejects.toMatchObject({
      message: 'there is no dead letter 99',
    });
  });

  it('marks for another try, and leaves out what cannot be sent', async () => {
    const { config, journal } = await withLetters();
    const terminal = fakeTerminal();
    expect(await changeLetters('retry', [], { config, all: true }, terminal)).toBe(0);
    expect(terminal.printed.out).toContain('2 dead letters marked to be sent again; the daemon sends them');
    const states = (await journal.deadLetters({ limit: 10 })).map(({ id, state }) => `${id} ${state}`);
    expect(states).toEqual(['1 retrying', '2 retrying', '3 open']);
  });

  it('exits with 1 when an id is unknown, and still does the others', async () => {
    const { config, journal } = await withLetters();
    const terminal = fakeTerminal();
    expect(await changeLetters('retry', [1n, 3n, 77n], { config, json: true }, terminal)).toBe(1);
    expect(terminal.json()).toMatchObject({
      retrying: [1],
      event_ids: ['event-2'],
      refused: [{ id: 3 }, { id: 77, why: 'there is no such dead letter' }],
      daemon_running: true,
    });
    expect((await journal.deadLetters({ states: ['retrying'], limit: 10 })).map(({ id }) => id)).toEqual([
      1n,
    ]);
  });

  it('discards with a reason, as evidence that --all still lists', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    const options = { config, reason: 'a test of ours' };
    expect(await changeLetters('discard', [2n], options, terminal)).toBe(0);
    await expect(changeLetters('discard', [1n], { config, reason: ' ' }, terminal)).rejects.toMatchObject({
      kind: 'config',
    });
    terminal.clear();
    await listLetters({ config, json: true }, terminal);
    expect(terminal.printed.out).not.toContain('event-4');
    terminal.clear();
    await listLetters({ config, json: true, all: true }, terminal);
    expect(terminal.json()).toMatchObject({
      dead_letters: [{}, { state: 'discarded', discard_reason: 'a test of ours' }, {}],
    });
  });

  it('keeps a note beside a reason, and takes a reason that none of them has for the note', async () => {
    const { config, journal } = await withLetters();
    const by = { config, reason: 'mapper_parsing', note: 'a known fault' };
    expect(await changeLetters('discard', [1n], by, fakeTerminal())).toBe(0);
    const rest = { config, all: true, reason: 'tried by mistake' } as const;
    expect(await changeLetters('discard', [], rest, fakeTerminal())).toBe(0);
    const all = await journal.deadLetters({ limit: 9 });
    expect(all.map(({ discardReason }) => discardReason)).toEqual([
      'a known fault',
      'tried by mistake',
      'tried by mistake',
    ]);
    await expect(changeLetters('discard', [1n], { config }, fakeTerminal())).rejects.toMatchObject({
      message: expect.stringContaining('--note') as unknown,
    });
  });

  it('wants to know which ones are meant', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    await expect(changeLetters('retry', [], { config }, terminal)).rejects.toMatchObject({ kind: 'config' });
    await expect(changeLetters('retry', [1n], { config, all: true }, terminal)).rejects.toMatchObject({
      kind: 'config',
    });
  });

  it('exports NDJSON with the very bytes', async () => {
    const { config } = await withLetters();
    const terminal = fakeTerminal();
    expect(await exportLetters([], { config }, terminal)).toBe(true);
    const lines = terminal.printed.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ id, event_id }) => [id, event_id])).toEqual([
      [1, 'event-2'],
      [2, 'event-4'],
      [3, null],
    ]);
    expect(lines[0]?.['original']).toContain('"id":"event-2"');
    expect(lines[2]).toMatchObject({
      original: null,
      bytes: Buffer.from([0x7b, 0xff, 0x1b, 0x5d]).toString('base64'),
    });
    expect(await exportLetters([1n, 9n], { config }, terminal)).toBe(false);
  });
});

it('says that marked dead letters go with the next run when no daemon runs', async () => {
  const { config, journal } = await withLetters();
  await journal.close();
  const terminal = fakeTerminal();
  expect(await changeLetters('retry', [1n], { config }, terminal)).toBe(0);
  expect(terminal.printed.out).toContain('no daemon runs: they go with the next run');
});
