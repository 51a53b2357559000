import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createCanonicalize } from '../../src/formats/canonical.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import type { Item } from '../../src/sinks/sink.ts';
import { EXAMPLE_ORIGIN } from '../formats/catalogue.ts';
import { generatedEvents, journaled, simulatedEvents } from '../formats/events.ts';
import { removeFolder, runFolder } from './processes.ts';
import { available, RECEIVERS_FOLDER } from './receivers.ts';
import type { S3Server } from './s3-server.ts';
import { deliver, idsOf, openS3 } from './sinks.ts';
import { startVersitygw } from './versitygw.ts';

const { signal } = new AbortController();
const PREFIX = 'ext/cq_{class_uid}/region=eu-west-1/accountId=123456789012/eventDay={event_day}/';

interface Reading {
  readonly ids: readonly string[];
  readonly classes: readonly number[];
  readonly numbers: readonly string[];
  readonly columns: Readonly<Record<string, string>>;
  readonly partitions: readonly Readonly<Record<string, unknown>>[];
}

function itemsOf(): readonly Item[] {
  const canonicalize = createCanonicalize({});
  const format = ocsfFormat.create({});
  const exact = journaled(
    '{"id":"exact","event_type":"report_exported","created_at":"2026-01-02T03:04:05.123456Z","event_details":{"rows":18446744073709551615}}',
  );
  const events = [exact, ...simulatedEvents(2000), ...generatedEvents(40, 11)];
  const unique = [...new Map(events.map((event) => [event.id, event])).values()];
  return unique.map((event, index) => {
    const canonical = canonicalize({ ...event, seq: BigInt(index + 1) });
    return {
      canonical,
      origin: EXAMPLE_ORIGIN,
      body: format.render(canonical, EXAMPLE_ORIGIN),
      kind: 'json',
    };
  });
}

describe.runIf(available('versitygw', 'parquet readers'))('Parquet, in an S3 server', () => {
  const items = itemsOf();
  const folder = runFolder('parquet');
  let server: S3Server;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(async () => {
    await server.stop();
    removeFolder(folder);
  });

  it.each(['zstd', 'snappy'] as const)(
    'is read by PyArrow and DuckDB, and by verify: %s',
    async (compression) => {
      const parquet = { compression, row_group_events: 500 };
      const prefix = `${compression}/${PREFIX}`;
      const sink = openS3(server.url, { encoding: 'parquet', parquet, prefix });
      const { deadLetters } = await deliver(sink, items);
      expect(deadLetters).toEqual([]);
      for (const name of await server.names(compression)) {
        const path = join(folder, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, await server.read(name));
      }
      const script = join(import.meta.dirname, 'setup/read-parquet.py');
      const [all, classes] = [join(folder, compression), join(folder, compression, 'ext/cq_6003')];
      const python = join(RECEIVERS_FOLDER, 'parquet/bin/python');
      const options = { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 } as const;
      const reading = JSON.parse(execFileSync(python, [script, all, classes], options)) as Reading;
      expect(reading.ids.toSorted()).toEqual([...idsOf(items)].toSorted());
      expect(reading.classes).toEqual(expect.arrayContaining([3002, 3004, 6003]));
      expect(reading.numbers).toEqual(['{"rows":18446744073709551615}']);
      expect(reading.columns).toMatchObject({
        class_uid: 'int32',
        time: 'int64',
        time_dt: 'timestamp[us, tz=UTC]',
        unmapped: expect.stringMatching(/^map<string, string/) as string,
        resources: expect.stringMatching(/^list<element: struct<name: string/) as string,
      });
      const events = reading.partitions.reduce((sum, { events }) => sum + Number(events), 0);
      const ofClass = items.filter(({ body }) => body.includes('"class_uid":6003')).length;
      expect(events).toBe(ofClass);
      for (const { events: count, ids, accountId } of reading.partitions) {
        expect(ids).toBe(count);
        expect(String(accountId)).toBe('123456789012');
      }
      const held = await sink.holds?.(idsOf(items).slice(0, 1000), signal);
      expect([...(held ?? [])].every(([, count]) => count === 1)).toBe(true);
      expect(held?.size).toBe(1000);
      await sink.close();
    },
  );
});
