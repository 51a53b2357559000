import { expect, it } from 'vitest';

import { acknowledgeFindings, listFindings } from '../../src/cli/findings.ts';
import { append, FILE_SINK, fakeTerminal, rooms } from './room.ts';

const room = rooms();

it('lists findings, acknowledges them with a note, and then lists them with --all only', async () => {
  const here = room();
  const config = here.config(FILE_SINK);
  const journal = await here.writer();
  const summary = 'the bytes of an event\u001b[31m changed';
  await append(journal, [], { findings: [{ kind: 'altered_event', eventId: 'event-7', summary }] });
  const terminal = fakeTerminal();
  expect(await listFindings({ config }, terminal)).toBe(0);
  expect(terminal.printed.out).toMatch(
    /^#1 {2}altered_event {2}source platform\n {4}the bytes of an event \[31m changed\n {4}event event-7/,
  );

  terminal.clear();
  expect(await acknowledgeFindings([1n, 5n], { config, note: 'asked the owner', json: true }, terminal)).toBe(
    1,
  );
  expect(terminal.json()).toEqual({ acknowledged: [1], acknowledged_before: [], unknown: [5] });

  terminal.clear();
  await listFindings({ config }, terminal);
  expect(terminal.printed.out).toBe('no findings to look at\n');

  terminal.clear();
  await listFindings({ config, all: true, json: true }, terminal);
  expect(terminal.json()).toMatchObject({
    findings: [{ id: 1, event_id: 'event-7', acknowledgement: 'asked the owner' }],
  });
  await expect(acknowledgeFindings([1n], { config, note: '\n' }, terminal)).rejects.toMatchObject({
    kind: 'config',
  });
});
