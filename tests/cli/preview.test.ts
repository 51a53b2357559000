import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { preview } from '../../src/cli/preview/command.ts';
import { prettyJson } from '../../src/cli/pretty-json.ts';
import { FILE_SINK, fakeTerminal, rooms } from './room.ts';

const room = rooms();

interface Answer {
  readonly events: readonly {
    id: string;
    created_at: string;
    event_type: string;
    explanation?: { rule: string; verb: string; by_roles: boolean };
    sinks: readonly { sink: string; outcome: string; body: string | null }[];
  }[];
}

describe('preview', () => {
  it('shows the newest events as each sink would send them, and keeps nothing', async () => {
    const here = room();
    const simulator = await here.platform();
    const config = here.config(
      `${FILE_SINK}\n  soc: { type: syslog, address: 'tls://127.0.0.1:9', format: cef }`,
    );
    const terminal = fakeTerminal();
    expect(await preview({ config, limit: 2, json: true }, terminal)).toBe(0);
    const { events } = terminal.json() as Answer;
    expect(events).toHaveLength(2);
    const visible = simulator.platform.visibleEvents().length;
    expect(visible).toBeGreaterThan(2);
    expect(events[0]?.created_at && events[1] && events[0].created_at > events[1].created_at).toBe(true);
    expect(events[0]?.sinks.map(({ sink }) => sink)).toEqual(['archive', 'soc']);
    expect(events[0]?.sinks[0]?.body).toContain(events[0]?.id);
    expect(events[0]?.sinks[1]?.body).toMatch(/^CEF:0\|/);
    expect(existsSync(here.path('data'))).toBe(false);
    expect(existsSync(here.path('out'))).toBe(false);
  });

  it('goes further back until it has enough', async () => {
    const here = room();
    await here.platform({ rate: 0, instant: { rows: 5, ago: 20 * 3_600_000, at: '' }, history: 86_400_000 });
    const terminal = fakeTerminal();
    await preview({ config: here.config(FILE_SINK), limit: 3, json: true }, terminal);
    expect((terminal.json() as Answer).events).toHaveLength(3);
  });

  it('says how few there are when the whole reach is empty', async () => {
    const here = room();
    await here.platform({ rate: 0 });
    const terminal = fakeTerminal();
    expect(await preview({ config: here.config(FILE_SINK), limit: 3 }, terminal)).toBe(0);
    expect(terminal.printed.err).toContain('0 events in the last 30d');
  });

  it('explains an event as its sinks send it, where the roles in its details decide', async () => {
    const here = room();
    await here.platform({ rate: 60, history: 86_400_000 });
    const pointers = '{ old_roles: /event_details/before/labels, new_roles: /event_details/after/labels }';
    const config = here.config(
      '  soc: { type: file, path: ./soc.ndjson, format: cef, where: { event_type: [user_role_changed] } }',
      `normalize: { pointers: ${pointers} }`,
    );
    // However long ago the last such event was: the newest that the source wants is looked for.
    const text = readFileSync(config, 'utf8');
    writeFileSync(
      config,
      text.replace('start: 2h', 'start: 2h, filters: { event_type: [user_role_changed] }'),
    );
    const terminal = fakeTerminal();
    await preview({ config, limit: 1, json: true, explain: true }, terminal);
    const changed = (terminal.json() as Answer).events;
    expect(changed).toHaveLength(1);
    for (const { explanation, sinks } of changed) {
      expect(explanation).toMatchObject({ rule: 'role assignment', verb: 'revoke', by_roles: true });
      expect(sinks[0]?.body).toContain(' act=revoke ');
    }
    const watched = fakeTerminal({ columns: 80 });
    await preview({ config, limit: 1, explain: true }, watched);
    expect(watched.printed.out).toMatch(
      /understood as privilege \/ role_assignment \/ revoke, .*\n +because of rule "role assignment" .*\n +and "revoke" by the roles/,
    );
  });

  it('shows what a sink leaves out, explains, and asks only for the sink that is named', async () => {
    const here = room();
    await here.platform();
    const config = here.config(
      `${FILE_SINK}\n  loud: { type: file, path: ./loud.ndjson, where: { event_type: [no_such_type] } }`,
    );
    const terminal = fakeTerminal({ columns: 80 });
    await preview({ config, limit: 1, sink: 'loud', explain: true }, terminal);
    expect(terminal.printed.out).toContain('not sent: the sink’s where leaves it out');
    expect(terminal.printed.out).toMatch(/understood as \w+ \/ \w+ \/ \w+, confidence/);
    expect(terminal.printed.out).not.toContain('archive');
    await expect(preview({ config, limit: 1, sink: 'nobody' }, terminal)).rejects.toMatchObject({
      kind: 'config',
      hint: 'its sinks are: archive, loud',
    });
  });

  it('prints one JSON document a line where nobody watches', async () => {
    const here = room();
    await here.platform();
    const terminal = fakeTerminal();
    await preview({ config: here.config(FILE_SINK), limit: 3 }, terminal);
    const lines = terminal.printed.out.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        source: 'platform',
        sinks: [{ sink: 'archive', outcome: 'sent' }],
      });
    expect(terminal.printed.err).toContain('Nothing was sent or kept.');
  });

  it('is laid out and coloured on a terminal, unless NO_COLOR is set', async () => {
    const here = room();
    await here.platform();
    const config = here.config(FILE_SINK);
    const coloured = fakeTerminal({ columns: 80 });
    await preview({ config, limit: 1 }, coloured);
    expect(coloured.printed.out).toMatch(/\u001b\[34m"event_type"\u001b\[39m: \u001b\[32m"[^"]+"/);
    const plain = fakeTerminal({ columns: 80, env: { NO_COLOR: '1' } });
    await preview({ config, limit: 1 }, plain);
    expect(plain.printed.out).not.toContain('\u001b');
    expect(plain.printed.out).toMatch(/\n {2}"event_type": "[^"]+",\n/);
  });
});

describe('JSON for a terminal', () => {
  const plain = (_style: unknown, text: string): string => text;

  it('is laid out without touching a number, and harms nobody', () => {
    expect(prettyJson('{"a":[1.10,{}],"b":{"c":12345678901234567890}}', plain)).toBe(
      '{\n  "a": [\n    1.10,\n    {}\n  ],\n  "b": {\n    "c": 12345678901234567890\n  }\n}',
    );
    expect(prettyJson('"\u009b2J"', plain)).toBe('"\\u009b2J"');
    expect(prettyJson('}"', plain)).toBe('\n}');
    expect(prettyJson('['.repeat(100_000), plain).length).toBeLessThan(10_000_000);
  });
});
