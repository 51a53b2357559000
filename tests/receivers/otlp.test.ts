import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Item } from '../../src/sinks/sink.ts';
import { HOSTILE_STRINGS, makeItem, makeItems } from '../contract/items.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { startCollector } from './collector.ts';
import type { Collector, StoredEntry } from './collector.ts';
import { available } from './receivers.ts';
import { deliver, hostile, idsOf, openOtlp, refusal, tlsOf } from './sinks.ts';

const MANY = 3000;

describe.runIf(available('collector'))('OpenTelemetry Collector, otlpreceiver', () => {
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

  const idOf = (entry: StoredEntry) => String(entry.attributes['log.record.uid']);
  /** What arrived since `before`. */
  const arrived = async (before: number, count: number) =>
    (await collector.waitFor('otlp', before + count)).slice(before);

  it.each(['protobuf', 'json'] as const)('takes hostile events once and unharmed: %s', async (encoding) => {
    const before = collector.stored('otlp').length;
    const items = [...hostile(9000), ...hostileFields(9800)];
    const sink = openOtlp(`http://localhost:${collector.ports.otlp}`, { encoding });
    const delivery = await deliver(sink, items);
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    const entries = await arrived(before, items.length);
    expect(entries.map(idOf).toSorted()).toEqual(idsOf(items).toSorted());
    const byId = new Map(entries.map((entry) => [idOf(entry), entry]));
    for (const item of items) {
      const entry = byId.get(item.canonical.id);
      expect(entry?.attributes['log.record.original']).toBe(item.body.toWellFormed());
      expect(entry?.timeUnixNano).toBe(String(item.canonical.createdNs));
      expect(entry?.attributes['cloudquery.audit.event_type']).toBe(
        item.canonical.classification.eventType.toWellFormed(),
      );
    }
  });

  it(`takes ${MANY} events once, over TLS with a client certificate`, async () => {
    const sink = openOtlp(`https://localhost:${collector.ports.otlp_tls}`, {
      tls: tlsOf(certificates, certificates.client),
    });
    const items = makeItems(MANY, { padding: 400 });
    for (let first = 0; first < MANY; first += 1000) await deliver(sink, items.slice(first, first + 1000));
    await sink.close();
    const entries = await collector.waitFor('otlp_tls', MANY);
    expect(entries.map(idOf).toSorted()).toEqual(idsOf(items).toSorted());
  });

  it('holds when the certificate is not the expected one, or ours is refused', async () => {
    const url = `https://localhost:${collector.ports.otlp_tls}`;
    const before = collector.stored('otlp_tls').length;
    const otherAuthority = {
      ...tlsOf(certificates, certificates.client),
      ca_file: certificates.foreignCaFile,
    };
    for (const tls of [otherAuthority, tlsOf(certificates), tlsOf(certificates, certificates.foreign)]) {
      const sink = openOtlp(url, { tls });
      expect((await refusal(sink, makeItems(2))).kind).toBe('denied');
      await sink.close();
    }
    expect(collector.stored('otlp_tls').length).toBe(before);
  });
});

/** Hostile text where OTLP has fields of its own. */
function hostileFields(first: number): readonly Item[] {
  return HOSTILE_STRINGS.map((text, index) =>
    makeItem(first + index, { eventType: text, details: { text } }),
  );
}
