import { writeFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { eventTypes } from '../../src/cli/event-types.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { append, FILE_SINK, fakeTerminal, newEvent, rooms } from './room.ts';

const room = rooms();
const ODD = 'frob"nicate $x: [now]\u009b';

it('counts event types, says how each is understood, and gives a snippet that loads', async () => {
  const here = room();
  const config = here.config(FILE_SINK);
  const journal = await here.writer();
  await append(journal, [newEvent(1), newEvent(2), newEvent(3, ODD), newEvent(4, '')]);
  const terminal = fakeTerminal();
  expect(await eventTypes({ config, json: true }, terminal)).toBe(0);
  const answer = terminal.json() as { event_types: Record<string, unknown>[]; snippet: string };
  const login = answer.event_types.find((row) => row['event_type'] === 'user_login');
  expect(login).toMatchObject({
    count: 2,
    category: 'auth',
    verb: 'login',
    confidence: 'high',
    unclassified: false,
  });
  expect(login).toMatchObject({ first: '2026-01-01T00:00:01Z', last: '2026-01-01T00:00:02Z' });
  const odd = answer.event_types.find((row) => String(row['event_type']).startsWith('frob'));
  expect(odd).toMatchObject({ unclassified: true });

  const completed = answer.snippet
    .replace('      # category:', '      category: data')
    .replace('      # action:', '      action: execute');
  writeFileSync(
    here.path('ferry.yaml'),
    `${completed}\n${`state: { dir: ./data }\nsources: { platform: { type: cloudquery, url: 'http://127.0.0.1:9', api_key: k } }\nsinks:\n${FILE_SINK}`}\n`,
  );
  expect((await loadConfig(config, {}, loadParts)).normalize).toMatchObject({
    event_types: [{ match: odd?.['event_type'], category: 'data' }],
  });

  terminal.clear();
  await eventTypes({ config }, terminal);
  const narrow = fakeTerminal({ columns: 80 });
  await eventTypes({ config }, narrow);
  expect(Math.max(...narrow.printed.out.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
  expect(terminal.printed.out).toMatch(/^ {3}frob"nicate .* your table +data \/ \w+ \/ execute$/m);
  expect(terminal.printed.out).not.toContain('\u009b');
});

it('leaves out of the snippet what no row can name without meaning others too', async () => {
  const here = room();
  const journal = await here.writer();
  await append(journal, [newEvent(1, '???'), newEvent(2, '---'), newEvent(3, 'frobnicated?')]);
  const terminal = fakeTerminal();
  await eventTypes({ config: here.config(FILE_SINK), json: true }, terminal);
  const { snippet } = terminal.json() as { snippet: string };
  expect(snippet.match(/match: .*/g)?.toSorted()).toEqual(['match: "---"', 'match: "frobnicated?"']);
});
