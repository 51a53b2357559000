import { describe, expect, it } from 'vitest';

import { tail } from '../../src/cli/tail/command.ts';
import { append, FILE_SINK, fakeTerminal, newEvent, rooms } from './room.ts';
import type { FakeTerminal } from './room.ts';

const room = rooms();
const ALL = { format: 'line', lines: 10, follow: false } as const;

function event(number: number, what: object): ReturnType<typeof newEvent> {
  const plain = newEvent(number);
  const original = JSON.stringify({ ...(JSON.parse(plain.original) as object), ...what });
  return { ...plain, original };
}

const LOGIN = event(1, {
  user: { id: 'u-1', email: 'ann@acme.example', name: 'Ann' },
  user_ip_address: '192.0.2.7',
  is_success: false,
});
const DELETED = event(2, {
  event_type: 'sync_deleted',
  user: { id: 'u-2', email: 'bob@acme.example', name: 'Bob' },
  entity_display_name: 'postgres\u001b[2J-eu',
  is_success: true,
});

/** Until what was printed is so many lines; the test's own limit ends it. */
async function lines(terminal: FakeTerminal, count: number): Promise<string[]> {
  for (;;) {
    const printed = terminal.printed.out.split('\n').slice(0, -1);
    if (printed.length >= count) return printed;
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('tail', () => {
  it('prints who did what to what, with what outcome and from where', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    await append(await here.writer(), [LOGIN, DELETED]);
    const terminal = fakeTerminal();
    expect(await tail({ ...ALL, config }, terminal)).toBe(0);
    expect(terminal.printed.out).toBe(
      '2026-01-01T00:00:01.000Z · ann@acme.example · user_login · - · failure · 192.0.2.7\n' +
        '2026-01-01T00:00:02.000Z · bob@acme.example · sync_deleted · postgres [2J-eu · success · -\n',
    );
  });

  it('breaks a line of a terminal between its fields', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    await append(await here.writer(), [LOGIN]);
    const terminal = fakeTerminal({ columns: 50, env: { NO_COLOR: '1' } });
    await tail({ ...ALL, config }, terminal);
    expect(terminal.printed.out).toBe(
      '01-01 00:00:01 · ann@acme.example · user_login · -\n    failure · 192.0.2.7\n',
    );
  });

  it.each([
    [{ type: ['SYNC_*'] }, ['event-2']],
    [{ user: ['ann@*'] }, ['event-1']],
    [{ user: ['bob', 'nobody'] }, ['event-2']],
    [{ outcome: 'failure' as const }, ['event-1']],
    [{ outcome: 'success' as const, user: ['ann*'] }, []],
    [{ lines: 1 }, ['event-2']],
    [{ lines: 0 }, []],
  ])('takes only what is meant: %j', async (wanted, ids) => {
    const here = room();
    const config = here.config(FILE_SINK);
    await append(await here.writer(), [LOGIN, DELETED]);
    const terminal = fakeTerminal();
    await tail({ ...ALL, ...wanted, config, json: true }, terminal);
    const printed = terminal.printed.out.split('\n').slice(0, -1);
    expect(printed.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids);
  });

  it('prints any format, that of the followed sink with its own options', async () => {
    const here = room();
    const sink = '  soc: { type: file, path: ./soc.log, format: raw, format_options: { redact: false } }';
    const config = here.config(sink);
    const journal = await here.writer();
    await append(journal, [event(1, { event_details: { password: 'hunter2' } })]);
    await journal.moveCursor('soc', 1n, []);
    const terminal = fakeTerminal();
    await tail({ ...ALL, config, format: 'raw' }, terminal);
    expect(terminal.printed.out).toContain('"password":"[redacted]"');
    await tail({ ...ALL, config, format: 'raw', sink: 'soc' }, terminal);
    expect(terminal.printed.out).toContain('"password":"hunter2"');
    await tail({ ...ALL, config, format: 'cef' }, terminal);
    expect(terminal.printed.out).toMatch(/^CEF:0\|/m);
  });

  it('goes on with what is journaled, until Ctrl-C', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    await append(journal, [LOGIN]);
    const interrupted = new AbortController();
    const terminal = fakeTerminal({ signal: interrupted.signal });
    const ended = tail({ ...ALL, config, follow: true }, terminal);
    await lines(terminal, 1);
    await append(journal, [DELETED]);
    expect((await lines(terminal, 2))[1]).toContain('sync_deleted');
    interrupted.abort(new Error('interrupted'));
    expect(await ended).toBe(0);
  });

  it('follows a sink by its cursor: what it was sent, and what it refused', async () => {
    const here = room();
    const config = here.config(
      "  soc: { type: file, path: ./soc.log, format: cef, where: { event_type: ['user_*', 'sync_*'] } }",
    );
    const journal = await here.writer();
    await append(journal, [LOGIN, DELETED, event(3, { event_type: 'team_read' }), newEvent(4)]);
    const interrupted = new AbortController();
    const terminal = fakeTerminal({ signal: interrupted.signal });
    const ended = tail({ ...ALL, config, follow: true, sink: 'soc' }, terminal);
    await journal.moveCursor('soc', 1n, []);
    expect((await lines(terminal, 1))[0]).toContain('ann@acme.example');
    const refused = await journal.read(1n, { maxEvents: 1, maxBytes: 2 ** 20 });
    await journal.moveCursor('soc', 4n, [
      { event: refused[0] as never, reason: 'mapping failed', attempts: 1 },
    ]);
    const printed = await lines(terminal, 3);
    expect(printed[1]).toMatch(/sync_deleted .* refused: mapping failed$/);
    expect(printed[2]).toContain('user_login');
    interrupted.abort(new Error('interrupted'));
    await ended;
  });

  it('refuses a sink that is not there', async () => {
    const config = room().config(FILE_SINK);
    await expect(tail({ ...ALL, config, sink: 'nobody' }, fakeTerminal())).rejects.toMatchObject({
      kind: 'config',
    });
  });
});
