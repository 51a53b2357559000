import { readFileSync } from 'node:fs';

import { afterEach, describe, expect, it } from 'vitest';

import { INSTRUMENTS } from '../../src/admin/instruments.ts';
import { openMetrics, wantsOpenMetrics } from '../../src/admin/metrics.ts';
import type { Metrics } from '../../src/admin/metrics.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { parseExposition } from './exposition.ts';
import { aFinding, aLetter, anEvent, createRoom, keptHeartbeats, START_MS } from './room.ts';
import type { Room } from './room.ts';

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
const opened: Metrics[] = [];

afterEach(async () => {
  for (const metrics of opened.splice(0)) await metrics.close();
});

async function open(room: Room): Promise<Metrics> {
  const metrics = openMetrics(room.options);
  opened.push(metrics);
  return metrics;
}

async function read(
  room: Room,
): Promise<(name: string, labels?: Record<string, string>) => number | undefined> {
  const { body } = await (await open(room)).expose(undefined);
  const samples = [...parseExposition(body).values()].flatMap((family) => family.samples);
  return (name, labels = {}) =>
    samples.find(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;
}

describe('metrics', () => {
  it('count events that were too old apart from dead letters', async () => {
    const room = createRoom();
    const event = anEvent(1, START_MS);
    room.letters.push(aLetter(1, event, 'no'), aLetter(2, event, 'too old: by a day'));
    const value = await read(room);
    expect(value('auditferry_dead_letters', { owner: 'splunk' })).toBe(1);
    expect(value('auditferry_sink_too_old_events', { sink: 'splunk' })).toBe(1);
    expect(value('auditferry_sink_too_old_events', { sink: 'elastic' })).toBe(0);
  });

  it('count no finding that is expected: an alert would fire with the first user who signs in', async () => {
    const room = createRoom();
    room.findings.push({ ...aFinding(1, 'a user'), kind: 'user_changed' });
    const findings = async () => (await read(room))('auditferry_unacknowledged_findings');
    expect(await findings()).toBe(0);
    room.findings.push(aFinding(2, 'fewer'), { ...aFinding(3, 'pruned'), kind: 'pruned_before_delivery' });
    expect(await findings()).toBe(2);
  });

  it('tell the age of the oldest undelivered event of each sink', async () => {
    const room = createRoom();
    room.events.push(anEvent(1, START_MS - 90_000), anEvent(2, START_MS - 30_000));
    room.elastic.cursor = 2n;
    room.splunk.cursor = 1n;
    const value = await read(room);
    expect(value('auditferry_sink_oldest_undelivered_age_seconds', { sink: 'splunk' })).toBe(30);
    expect(value('auditferry_sink_oldest_undelivered_waiting_seconds', { sink: 'splunk' })).toBe(27);
    expect(value('auditferry_sink_oldest_undelivered_age_seconds', { sink: 'elastic' })).toBe(0);
    expect(value('auditferry_sink_undelivered_events', { sink: 'splunk' })).toBe(1);
  });

  it('read the loops at the moment of the scrape', async () => {
    const room = createRoom();
    const metrics = await open(room);
    room.source.reconciled = 3;
    room.splunk.delivered = 7;
    enterState(room.splunk, 'held', START_MS, { reason: 'denied' });
    room.nowMs = START_MS + 20_000;
    const { body } = await metrics.expose(undefined);
    expect(body).toContain('auditferry_source_reconciled_events_total{source="platform"} 3\n');
    expect(body).toContain('auditferry_sink_events_total{sink="splunk",outcome="delivered"} 7\n');
    expect(body).toContain('auditferry_sink_state{sink="splunk",state="held"} 1\n');
    expect(body).toContain('auditferry_sink_state{sink="splunk",state="idle"} 0\n');
    expect(body).toContain('auditferry_sink_held_seconds_total{sink="splunk"} 20\n');
    room.splunk.delivered = 8;
    expect((await metrics.expose(undefined)).body).toContain('outcome="delivered"} 8\n');
  });

  it('count what reading made of the events that a sink delivered', async () => {
    const room = createRoom();
    Object.assign(room.splunk, { unclassified: 2, redactedValues: 5, trimmedUserParts: 9 });
    const value = await read(room);
    expect(value('auditferry_sink_unclassified_events_total', { sink: 'splunk' })).toBe(2);
    expect(value('auditferry_sink_redacted_values_total', { sink: 'splunk' })).toBe(5);
    expect(value('auditferry_sink_trimmed_user_parts_total', { sink: 'splunk' })).toBe(9);
    // From the first scrape on, so that a rise from nothing is seen.
    expect(value('auditferry_sink_unclassified_events_total', { sink: 'elastic' })).toBe(0);
  });

  it('leave out what is not known', async () => {
    const room = createRoom();
    room.state = { ...room.state, frontierNs: null, clockSkewMs: null };
    const value = await read(room);
    expect(value('auditferry_source_frontier_age_seconds')).toBeUndefined();
    expect(value('auditferry_source_clock_skew_seconds')).toBeUndefined();
  });

  it('tell how old the newest heartbeat of a sink is, and how many are unanswered', async () => {
    const room = createRoom();
    expect((await read(room))('auditferry_sink_unanswered_heartbeats')).toBeUndefined();
    room.segments = new Map([['splunk', keptHeartbeats(2)]]);
    const value = await read(room);
    expect(value('auditferry_sink_last_heartbeat_timestamp_seconds', { sink: 'splunk' })).toBe(
      START_MS / 1000,
    );
    expect(value('auditferry_sink_unanswered_heartbeats', { sink: 'splunk' })).toBe(2);
    expect(value('auditferry_sink_last_heartbeat_timestamp_seconds', { sink: 'elastic' })).toBeUndefined();
    expect(value('auditferry_sink_unanswered_heartbeats', { sink: 'elastic' })).toBe(0);
  });

  it('tell no visibility lag while a source catches up', async () => {
    const room = createRoom();
    room.source.visibilityLagMs = 90_000_000;
    room.state = { ...room.state, openWindows: 3 };
    expect((await read(room))('auditferry_source_visibility_lag_seconds')).toBeUndefined();
    room.state = { ...room.state, openWindows: 0 };
    expect((await read(room))('auditferry_source_visibility_lag_seconds')).toBe(90_000);
    room.source.polls = 0;
    expect((await read(room))('auditferry_source_visibility_lag_seconds')).toBeUndefined();
  });

  it('carry every instrument, in both formats, with names and units as OpenMetrics wants them', async () => {
    const room = createRoom();
    room.source.visibilityLagMs = 4_200;
    room.source.lastPollMs = room.splunk.lastDeliveredMs = START_MS;
    room.segments = new Map([['splunk', keptHeartbeats(1)]]);
    const [startedAt, seenAt] = ['2026-03-01T12:00:00.000Z', '2026-03-01T12:00:05.000Z'];
    const replica = { name: 'host/1', self: true, startedAt, seenAt, alive: true };
    room.replicas = [{ ...replica, version: '1', fingerprint: 'f', duties: ['sink:splunk'] }];
    const metrics = await open(room);
    const plain = parseExposition((await metrics.expose('text/plain')).body);
    const { contentType, body } = await metrics.expose(OPENMETRICS);
    expect(contentType).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(body.endsWith('\n# EOF\n')).toBe(true);
    expect(body).not.toContain('\n\n');
    const families = parseExposition(body);
    for (const { name, kind, unit, help } of INSTRUMENTS) {
      const counter = kind === 'counter';
      expect(plain.get(counter ? `${name}_total` : name)?.type, name).toBe(kind);
      expect(families.get(name), name).toMatchObject({ type: kind, unit: unit ?? '', help });
      if (unit !== undefined) expect(name.endsWith(`_${unit}`), name).toBe(true);
      for (const sample of families.get(name)?.samples ?? []) {
        expect(sample.name).toBe(counter ? `${name}_total` : name);
      }
    }
    expect(families.size).toBe(INSTRUMENTS.length);
  });

  it('have no label that an event could fill', async () => {
    const room = createRoom();
    room.events.push(
      anEvent(1, START_MS, { event_type: 'very_special', user: { email: 'person@example.com' } }),
    );
    room.letters.push(aLetter(1, anEvent(1, START_MS), 'refused: very special'));
    const { body } = await (await open(room)).expose(undefined);
    expect(body).not.toMatch(/very_special|person@example|very special|00000000-0000/);
    const labels = new Set(
      [...parseExposition(body).values()].flatMap(({ samples }) =>
        samples.flatMap((s) => Object.keys(s.labels)),
      ),
    );
    expect([...labels].toSorted()).toEqual([
      'delivery',
      'format',
      'kind',
      'node_version',
      'outcome',
      'owner',
      'result',
      'sink',
      'source',
      'state',
      'type',
      'verdict',
      'version',
    ]);
    expect(body).toContain('auditferry_dead_letters{owner="splunk"} 1\n');
    expect(body).toContain('auditferry_dead_letters{owner="elastic"} 0\n');
  });

  it.each([
    [undefined, false],
    ['*/*', false],
    ['text/plain', false],
    [OPENMETRICS, true],
    ['application/openmetrics-text;q=0.3,text/plain;q=0.5', false],
    ['application/openmetrics-text;q=0', false],
  ])('choose the format for %s', (accept, expected) => {
    expect(wantsOpenMetrics(accept)).toBe(expected);
  });

  it('are all described in docs/metrics.md, and the rules and the board use no others', () => {
    const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const names = INSTRUMENTS.map(({ name, kind }) => (kind === 'counter' ? `${name}_total` : name));
    for (const name of names) expect(docs, name).toContain(`\`${name}\``);
    for (const file of ['prometheus/auditferry.rules.yaml', 'grafana/auditferry.json']) {
      const text = readFileSync(new URL(`../../content/${file}`, import.meta.url), 'utf8');
      for (const [used] of text.matchAll(/\bauditferry_[a-z_]+/g)) expect(names, file).toContain(used);
    }
  });
});
