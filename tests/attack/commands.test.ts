import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';

import { openMetrics } from '../../src/admin/metrics.ts';
import { exportLetters, listLetters, showLetter } from '../../src/cli/dead-letters/reports.ts';
import { eventTypes } from '../../src/cli/event-types.ts';
import { listFindings } from '../../src/cli/findings.ts';
import { composeConfig, SINK_KINDS } from '../../src/cli/init-template.ts';
import { openLog } from '../../src/cli/log.ts';
import { status } from '../../src/cli/status/command.ts';
import { tail } from '../../src/cli/tail/command.ts';
import { verifyCommand } from '../../src/cli/verify/command.ts';
import type { Config } from '../../src/config/config.ts';
import { describe as describeError, oneLine } from '../../src/model/errors.ts';
import { createStatus, sinkStatus, sourceStatus } from '../../src/pipeline/status.ts';
import { parseExposition } from '../admin/exposition.ts';
import { aFinding, createRoom, START_MS } from '../admin/room.ts';
import { carryEverything, impatient } from '../cli/carried.ts';
import { append, FILE_SINK, fakeTerminal, newEvent, rooms } from '../cli/room.ts';
import type { FakeTerminal, Room } from '../cli/room.ts';
import { HOSTILE_STRINGS } from '../contract/items.ts';

const room = rooms();
/** What moves the cursor of a terminal, ends a line for some reader, or turns the reading direction. */
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const MANY = { maxEvents: 1_000, maxBytes: 2 ** 24 };

/** A journal full of hostile events, dead letters and findings. */
async function hostileRoom(): Promise<{ readonly here: Room; readonly config: string }> {
  const here = room();
  const config = here.config(FILE_SINK);
  const journal = await here.writer();
  const events = HOSTILE_STRINGS.map((text, index) => {
    const plain = newEvent(index + 1, text);
    const id = `${index} ${text.toWellFormed()}`;
    const user = { id: text, email: text, name: text };
    const item = { id, event_type: text, created_at: plain.createdAt, user, entity_display_name: text };
    return { ...plain, id, original: JSON.stringify({ ...item, user_ip_address: text, team_name: text }) };
  });
  await append(journal, events, {
    malformed: HOSTILE_STRINGS.map((text) => ({ bytes: Buffer.from(text), reason: text })),
    findings: HOSTILE_STRINGS.map((text) => ({
      kind: 'altered_event',
      summary: text,
      eventId: text,
    })),
  });
  const held = await journal.read(0n, MANY);
  await journal.moveCursor(
    'archive',
    held.at(-1)?.seq ?? 0n,
    held.map((event, index) => ({ event, reason: HOSTILE_STRINGS[index] ?? '', attempts: 1 })),
  );
  return { here, config };
}

function expectHarmless(terminal: FakeTerminal): void {
  for (const text of Object.values(terminal.printed))
    expect(OBEYED.exec(text)?.[0]?.codePointAt(0)?.toString(16)).toBeUndefined();
}

describe('hostile text in the journal', () => {
  const TAIL = { lines: 1_000, follow: false } as const;
  it.each<[string, (config: string, terminal: FakeTerminal) => Promise<unknown>]>([
    ['dead-letters list', (config, terminal) => listLetters({ config }, terminal)],
    ['dead-letters list --each', (config, terminal) => listLetters({ config, each: true }, terminal)],
    ['dead-letters show', (config, terminal) => showLetter(9n, { config }, terminal)],
    ['findings', (config, terminal) => listFindings({ config }, terminal)],
    ['event-types', (config, terminal) => eventTypes({ config }, terminal)],
    ['status', (config, terminal) => status({ config }, terminal)],
    ['tail', (config, terminal) => tail({ ...TAIL, format: 'line', config }, terminal)],
    ['tail -f ecs', (config, terminal) => tail({ ...TAIL, format: 'ecs', config }, terminal)],
    ['tail -f raw', (config, terminal) => tail({ ...TAIL, format: 'raw', config }, terminal)],
    ['tail -f cef', (config, terminal) => tail({ ...TAIL, format: 'cef', config }, terminal)],
  ])('%s prints nothing that a terminal obeys', async (_name, command) => {
    const { config } = await hostileRoom();
    const terminal = fakeTerminal();
    await command(config, terminal);
    expectHarmless(terminal);
    expect(terminal.printed.out).toContain('forged');
  });

  it('gives one line for each event, dead letter and finding', async () => {
    const { config } = await hostileRoom();
    const linesOf = async (command: (terminal: FakeTerminal) => Promise<unknown>): Promise<string[]> => {
      const terminal = fakeTerminal();
      await command(terminal);
      return terminal.printed.out.split(/\r|\n|\u0085|\u2028|\u2029/).slice(0, -1);
    };
    const events = HOSTILE_STRINGS.length;
    const one = { ...TAIL, format: 'line', config };
    expect(await linesOf((terminal) => tail(one, terminal))).toHaveLength(events);
    expect(await linesOf((terminal) => tail({ ...one, json: true }, terminal))).toHaveLength(events);
    expect(await linesOf((terminal) => listLetters({ config, each: true }, terminal))).toHaveLength(
      1 + 2 * events,
    );
    const exported = await linesOf((terminal) => exportLetters([], { config }, terminal));
    expect(exported.map((line) => typeof JSON.parse(line))).toEqual(
      Array.from({ length: 2 * events }, () => 'object'),
    );
  });

  it('stays one text each in the YAML that event-types proposes', async () => {
    const { config } = await hostileRoom();
    const terminal = fakeTerminal();
    await eventTypes({ config, json: true }, terminal);
    const { snippet } = terminal.json() as { snippet: string };
    const read = parseYaml(snippet) as { normalize: { event_types: Record<string, unknown>[] } };
    expect(Object.keys(read)).toEqual(['normalize']);
    expect(Object.keys(read.normalize)).toEqual(['event_types']);
    const matches = read.normalize.event_types.map((row) => String(row['match']).replaceAll('$$', '$'));
    const whole = HOSTILE_STRINGS.map((text) => oneLine(text, Infinity));
    const strays = matches.filter((match) => !whole.some((text) => text.startsWith(match.replace(/…$/, ''))));
    expect(strays).toEqual([]);
    expect(matches.length).toBeGreaterThan(10);
  });
});

describe('hostile text in the log', () => {
  const written = (format: Config['log']['format']): string => {
    let text = '';
    const log = openLog({ level: 'info', format }, { write: (line) => (text += line) });
    for (const hostile of HOSTILE_STRINGS) {
      log.warn({ sink: hostile, reason: hostile, [hostile.slice(0, 40)]: hostile }, hostile);
      log.child({ name: hostile }).error({ nested: { hostile } }, describeError(new Error(hostile)));
    }
    return text;
  };

  it.each(['json', 'pretty'] as const)('makes one line of each entry as %s', (format) => {
    const text = written(format);
    const lines = text.split(/\r|\n|\u0085|\u2028|\u2029/).slice(0, -1);
    expect(lines).toHaveLength(2 * HOSTILE_STRINGS.length);
    expect(OBEYED.exec(text.replaceAll('\n', ''))).toBeNull();
    if (format === 'json') {
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const reasons = entries.filter(({ sink }) => sink !== undefined).map(({ reason }) => String(reason));
      expect(reasons).toEqual([...HOSTILE_STRINGS]);
    }
  });
});

describe('hostile text in the report of verify', () => {
  it('becomes no element, no attribute and no comment', async () => {
    const carried = await carryEverything(room());
    const pageOf = async (name: string): Promise<string> => {
      const report = carried.path(name);
      await verifyCommand({ config: carried.config, from: '3h', to: 'now', report }, impatient());
      return readFileSync(report, 'utf8');
    };
    const plainly = new Set(shapeOf(await pageOf('plain.html')));
    const createdAt = new Date(Date.now() - 2_700_000).toISOString();
    carried.simulator.platform.insert(
      HOSTILE_STRINGS.slice(0, -1).map((text, index) => ({
        createdAt,
        id: `${index} ${text.toWellFormed()}`,
      })),
    );
    const page = await pageOf('hostile.html');
    expect(page).toContain('forged');
    expect(OBEYED.exec(page.replaceAll('\n', ''))).toBeNull();
    const added = shapeOf(page).filter((one) => !plainly.has(one));
    expect([...new Set(added)].filter((one) => /script|img|forged|#comment|on[a-z]+=/.test(one))).toEqual([]);
  });
});

interface Node {
  readonly nodeName: string;
  readonly attrs?: readonly { readonly name: string }[];
  readonly childNodes?: readonly Node[];
}

/** Every element with its attributes, and what else is no text. */
function shapeOf(html: string): string[] {
  const walk = ({ nodeName, attrs = [], childNodes = [] }: Node): string[] => [
    ...(nodeName === '#text' ? [] : [`${nodeName} ${attrs.map(({ name }) => `${name}=`).join(' ')}`]),
    ...childNodes.flatMap(walk),
  ];
  return walk(parse(html));
}

describe('hostile text in a configuration that init writes', () => {
  it('stays the one text that it was', () => {
    const texts = fc.oneof(fc.constantFrom(...HOSTILE_STRINGS), fc.string({ unit: 'binary' }));
    const filled = texts.filter((text) => text !== '').map((text) => text.toWellFormed());
    fc.assert(
      fc.property(fc.constantFrom(...SINK_KINDS), filled, filled, (sink, text, other) => {
        const written = composeConfig({
          url: text,
          apiKey: { kind: 'file', path: text },
          sink,
          target: other,
          secret: null,
          index: text,
          stateDir: other,
          heartbeat: false,
        });
        const read = parseYaml(written) as {
          sources: unknown;
          sinks: Record<string, Record<string, unknown>>;
        };
        const twice = (one: string): string => one.replaceAll('$', '$$$$');
        expect(Object.keys(read)).toEqual(['state', 'admin', 'sources', 'sinks']);
        expect(read.sources).toEqual({
          platform: { type: 'cloudquery', url: twice(text), api_key: `\${file:${text}}`, start: '30d' },
        });
        expect(read.sinks[sink.name]).toMatchObject({ type: sink.type, index: twice(text) });
        const { target } = sink;
        const one = target?.isList === true ? [twice(other)] : twice(other);
        if (target !== null) expect(read.sinks[sink.name]?.[target.key]).toEqual(one);
      }),
      { numRuns: 60 },
    );
  });
});

describe('hostile text in metrics', () => {
  it('stays the value of its label', async () => {
    const hall = createRoom();
    const names = createStatus(START_MS);
    for (const text of HOSTILE_STRINGS) {
      const name = text.toWellFormed();
      names.sources.set(name, sourceStatus(name, START_MS));
      names.sinks.set(name, sinkStatus(name, 'sent', START_MS));
      hall.findings.push({ ...aFinding(1, text), kind: name });
    }
    Object.assign(hall, { status: names });
    const metrics = openMetrics(hall.options);
    for (const accept of [undefined, 'application/openmetrics-text']) {
      const { body } = await metrics.expose(accept);
      const families = [...parseExposition(body).values()];
      const labels = families.flatMap(({ samples }) =>
        samples.flatMap((sample) => Object.keys(sample.labels)),
      );
      expect(labels.filter((name) => name.includes('forged'))).toEqual([]);
      expect(families.filter(({ name }) => !/^(auditferry|nodejs|process|target)_/.test(name))).toEqual([]);
    }
    await metrics.close();
  });
});
