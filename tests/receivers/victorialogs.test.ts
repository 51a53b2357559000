import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { formatTime, msToNs } from '../../src/model/time.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { HOSTILE_STRINGS } from '../contract/items.ts';
import { journaled } from '../formats/events.ts';
import { openPage, yamlOf } from '../recipes/page.ts';
import { available } from './receivers.ts';
import { deliver } from './sinks.ts';
import { startVictoriaLogs } from './victorialogs.ts';
import type { VictoriaLogs } from './victorialogs.ts';

const HOUR_MS = 3_600_000;

function eventAt(id: string, ageMs: number, details: object = {}): AuditEvent {
  const created_at = formatTime(msToNs(wallClock.now() - ageMs));
  return journaled(JSON.stringify({ id, event_type: 'report_exported', created_at, event_details: details }));
}

describe.runIf(available('victorialogs'))('VictoriaLogs', () => {
  let logs: VictoriaLogs;
  beforeAll(async () => {
    logs = await startVictoriaLogs();
  });
  afterAll(() => logs.stop());

  const move = (yaml: string): string => yaml.replace('http://victorialogs:9428', logs.url);

  it('keeps what the page of its recipe sends, each event under its own time', async () => {
    const hostile = HOSTILE_STRINGS.map((text, index) =>
      eventAt(`hostile-${index}`, HOUR_MS, { text: text.toWellFormed() }),
    );
    const aged = [1, 24, 72, 160].map((hours) => eventAt(`aged-${hours}`, hours * HOUR_MS));
    const events = [
      ...hostile,
      ...aged,
      eventAt('too-old', 169 * HOUR_MS),
      eventAt('too-long', HOUR_MS, { text: 'x'.repeat(200_000) }),
    ];
    const { sink, items, unsent } = await openPage(move(yamlOf('victorialogs')), {}, events, wallClock);
    expect([...unsent.keys()]).toEqual(['too-old', 'too-long']);
    expect(unsent.get('too-old')).toMatch(/^too old: /);
    const delivery = await deliver(sink, items);
    expect(delivery.deadLetters).toEqual([]);
    const rows = await logs.ask('_time:30d event.module:="cloudquery"');
    expect(rows.map((row) => row['event.id']).toSorted()).toEqual(
      items.map(({ canonical }) => canonical.id).toSorted(),
    );
    for (const { canonical } of items) {
      const row = rows.find((one) => one['event.id'] === canonical.id);
      expect(Date.parse(row?.['_time'] ?? '')).toBe(Date.parse(canonical.createdAt));
      expect(row?.['event.original']).toBe(canonical.originalText);
    }
    await sink.close();
  });

  it('would have dropped with 200 what the page holds back', async () => {
    const yaml = move(yamlOf('victorialogs')).replace(/^ +max_event_(?:age|bytes).*\n/gm, '');
    const events = [
      eventAt('lost-old', 9 * 24 * HOUR_MS),
      eventAt('lost-long', HOUR_MS, { text: 'x'.repeat(200_000) }),
    ];
    const { sink, items } = await openPage(yaml, {}, events, wallClock);
    expect(items).toHaveLength(2);
    const { fates } = await sink.send({ items, attempt: 1 }, new AbortController().signal);
    expect(fates.map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered']);
    expect(await logs.ask('_time:30d event.id:~"^lost-"')).toEqual([]);
    await sink.close();
  });
});
