import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Item } from '../../src/sinks/sink.ts';
import { makeItems } from '../contract/items.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { startCollector } from './collector.ts';
import type { Collector, CollectorInput, StoredEntry } from './collector.ts';
import { available } from './receivers.ts';
import { deliver, hostile, idsOf, openSplunk, refusal, tlsOf } from './sinks.ts';

const MANY = 3000;

describe.runIf(available('collector'))('OpenTelemetry Collector, splunkhecreceiver', () => {
  let certificates: Certificates;
  let collector: Collector;
  beforeAll(async () => {
    certificates = makeCertificates();
    collector = await startCollector(certificates);
  });
  afterAll(async () => {
    await collector.stop();
    certificates.remove();
  });

  const urlOf = (input: CollectorInput) =>
    `${input === 'hec_tls' ? 'https' : 'http'}://localhost:${collector.ports[input]}`;
  const idOf = (entry: StoredEntry) => String(entry.attributes['event_id']);

  it.each(['hec', 'hec_plain', 'hec_tls'] as const)('takes hostile events once: %s', async (input) => {
    const items = hostile(9000);
    const sink = openSplunk(urlOf(input), {
      ...(input === 'hec_tls' ? { tls: tlsOf(certificates, certificates.client) } : {}),
      ...(input === 'hec' ? { ack: 'on' } : {}),
    });
    const delivery = await deliver(sink, items, () => undefined);
    await sink.close();
    // This receiver reads numbers as doubles and refuses what no double holds: that one event becomes a dead letter.
    expect(delivery.deadLetters.map((one) => one.id)).toEqual(idsOf(items.filter(overflows)));
    const taken = items.filter((item) => !overflows(item));
    const entries = await collector.waitFor(input, taken.length);
    expect(entries.map(idOf).toSorted()).toEqual(idsOf(taken).toSorted());
    const byId = new Map(entries.map((entry) => [idOf(entry), entry]));
    for (const item of taken) expectUnharmed(byId.get(item.canonical.id), item);
  });

  it(`acknowledges ${MANY} events over several channels, each stored once`, async () => {
    const before = collector.stored('hec').length;
    const sink = openSplunk(urlOf('hec'), { ack: 'on' });
    const items = makeItems(MANY, { padding: 400 });
    const batches = Array.from({ length: 6 }, (_, part) => items.slice(part * 500, part * 500 + 500));
    const deliveries = await Promise.all(batches.map((batch) => deliver(sink, batch)));
    await sink.close();
    expect(deliveries.flatMap((one) => [...one.deadLetters, ...one.errors])).toEqual([]);
    const entries = (await collector.waitFor('hec', before + MANY)).slice(before);
    expect(entries.map(idOf).toSorted()).toEqual(idsOf(items).toSorted());
  });

  it('checks as usable', async () => {
    const sink = openSplunk(urlOf('hec'));
    const report = await sink.check(new AbortController().signal);
    await sink.close();
    expect(report.items.filter((item) => item.outcome === 'fail')).toEqual([]);
    expect(report.items.map((item) => item.name)).toContain('ack');
  });

  it('holds when the certificate is not the expected one, or ours is refused', async () => {
    const before = collector.stored('hec_tls').length;
    const otherAuthority = {
      ...tlsOf(certificates, certificates.client),
      ca_file: certificates.foreignCaFile,
    };
    const wrong = openSplunk(urlOf('hec_tls'), { tls: otherAuthority });
    expect((await refusal(wrong, makeItems(2))).kind).toBe('denied');
    await wrong.close();
    for (const client of [undefined, certificates.foreign]) {
      const sink = openSplunk(urlOf('hec_tls'), { tls: tlsOf(certificates, client) });
      expect((await refusal(sink, makeItems(2))).kind).toBe('denied');
      await sink.close();
    }
    expect(collector.stored('hec_tls').length).toBe(before);
  });
});

function overflows(item: Item): boolean {
  return item.body.includes('1e400');
}

/** Strings as sent, halves of a character as U+FFFD; numbers as doubles, which is what this receiver makes of them. */
function expectUnharmed(entry: StoredEntry | undefined, item: Item): void {
  const sent = JSON.parse(item.body) as Record<string, unknown>;
  const body = (entry?.body ?? {}) as Record<string, unknown>;
  expect(body['event_id']).toBe(sent['event_id']);
  if (typeof sent['text'] === 'string') expect(body['text']).toBe(sent['text'].toWellFormed());
  if (typeof sent['number'] === 'number') expect(Number(body['number'])).toBe(sent['number']);
  expect(entry?.resource['com.splunk.sourcetype']).toBe('cloudquery:platform:audit');
  expect(entry?.resource['host.name']).toBe(item.origin.instance);
  // The receiver puts the seconds through a double: microseconds survive, nanoseconds do not.
  const microseconds = (ns: string | bigint) => Math.round(Number(BigInt(ns) / 1000n) / 10);
  const sentMs = (item.canonical.createdNs / 1_000_000n) * 1_000_000n;
  expect(microseconds(entry?.timeUnixNano ?? '0')).toBe(microseconds(sentMs));
}
