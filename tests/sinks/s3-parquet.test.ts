import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';

import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterEach, describe, expect, it } from 'vitest';

import { createCanonicalize } from '../../src/formats/canonical.ts';
import { heartbeatEvent, renderHeartbeat } from '../../src/formats/heartbeat.ts';
import { OCSF_VERSIONS } from '../../src/formats/ocsf/version.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { createSeal } from '../../src/formats/seal.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { Secret } from '../../src/model/secret.ts';
import { parseTime } from '../../src/model/time.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { s3 } from '../../src/sinks/s3.ts';
import { openFolders } from '../../src/sinks/s3/folder.ts';
import { validateS3 } from '../../src/sinks/s3/options.ts';
import type { S3Options } from '../../src/sinks/s3/options.ts';
import { encodeParquet, idsInParquet } from '../../src/sinks/s3/parquet.ts';
import type { Item, Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { HEARTBEAT, makeItem } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { s3Fake } from '../fakes/s3.ts';
import { EXAMPLE_ORIGIN } from '../formats/catalogue.ts';
import { generatedEvents, journaled } from '../formats/events.ts';

const LAKE = 'ext/cq_{class_uid}/region=eu-west-1/accountId=123456789012/eventDay={event_day}/';
const SECRET = 'wJalrXUtnFEMI-K7MDENG';
const { signal } = new AbortController();
const canonicalize = createCanonicalize({});
const samples = readFileSync(new URL('../../content/samples/platform.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line, index) => journaled(line, { seq: BigInt(index + 1) }));

type Row = Readonly<Record<string, unknown>>;

function itemsOf(events: readonly AuditEvent[], version: (typeof OCSF_VERSIONS)[number] = '1.8.0'): Item[] {
  const format = ocsfFormat.create({ version });
  return events.map((event) => {
    const canonical = canonicalize(event);
    return {
      canonical,
      origin: EXAMPLE_ORIGIN,
      body: format.render(canonical, EXAMPLE_ORIGIN),
      kind: 'json',
    };
  });
}

function optionsFor(url: URL, wishes: Partial<S3Options> = {}): S3Options {
  return {
    bucket: 'audit',
    prefix: LAKE,
    region: 'eu-west-1',
    endpoint: url.href,
    encoding: 'parquet',
    parquet: { compression: 'zstd', row_group_events: 100 },
    access_key_id: 'AKID',
    secret_access_key: Secret.of(SECRET),
    if_none_match: true,
    request_timeout: 5000,
    ...wishes,
  };
}

async function openLake(wishes: Partial<S3Options> = {}) {
  const clock = testClock();
  const fake = s3Fake('audit', 'AKID');
  const front = await openFaultFront(fake.receive, { clock, applies: (method) => method === 'PUT' });
  const open = () =>
    s3.create(optionsFor(front.url, wishes), {
      name: 'lake',
      warn: () => undefined,
      clock,
      forwarderVersion: '1.2.3',
    });
  closers.push(() => front.close());
  return { fake, front, open };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function rowsOf(bytes: Buffer): Promise<Row[]> {
  const compressors = { ZSTD: (zipped: Uint8Array) => zstdDecompressSync(zipped) };
  return parquetReadObjects({ file: bufferOf(bytes), compressors });
}

function bufferOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** A document as its row should be: times as times, long numbers as such, `unmapped` as texts. */
function expectedRow(item: Item): unknown {
  const document = JSON.parse(item.body) as Row;
  const unmapped = Object.entries((document['unmapped'] ?? {}) as Row).map(([key, value]) => {
    if (key === 'event_details') return [key, JSON.stringify(item.canonical.details)];
    return [key, typeof value === 'string' ? value : JSON.stringify(value)];
  });
  return { ...document, unmapped: unmapped.length === 0 ? undefined : (Object.fromEntries(unmapped) as Row) };
}

const LONG = new Set(['time', 'processed_time', 'raw_data_size', 'type_uid', 'sequence']);

/** A row as the document that it was made of: what a column is empty for was not there. */
function documentOf(value: unknown, key = ''): unknown {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'bigint') return LONG.has(key) ? Number(value) : value;
  if (Array.isArray(value)) return value.map((one) => documentOf(one));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(([, member]) => member !== null && member !== undefined)
    .map(([name, member]) => [name, documentOf(member, name)] as const)
    .filter(([, member]) => !isEmptyStruct(member));
  return Object.fromEntries(members);
}

function isEmptyStruct(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

/** Times as the milliseconds that a Date holds. */
function timed(value: unknown, key = ''): unknown {
  if (typeof value === 'string' && key.endsWith('_dt')) return Number((parseTime(value) ?? 0n) / 1_000_000n);
  if (Array.isArray(value)) return value.map((one) => timed(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, name === 'unmapped' ? member : timed(member, name)]),
  );
}

describe('the s3 sink with Parquet', () => {
  it.each(OCSF_VERSIONS)(
    'keeps every event of OCSF %s, one class in an object, nothing left over',
    async (version) => {
      const { fake, open } = await openLake({ parquet: { compression: 'zstd', row_group_events: 100 } });
      const sink = open();
      // Each has a day, and so an object, of its own.
      const made = generatedEvents(version === '1.8.0' ? 60 : 5, 7).map((event, index) => ({
        ...event,
        seq: BigInt(1000 + index),
      }));
      const ofAnyId = itemsOf([...samples, ...made], version);
      const items = [...new Map(ofAnyId.map((item) => [item.canonical.id, item])).values()];
      const { fates } = await sink.send({ items, attempt: 1 }, signal);
      expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
      const rows: Row[] = [];
      for (const [key, bytes] of fake.objects) {
        const found = await rowsOf(bytes);
        const [, uid = ''] =
          /^ext\/cq_(\d+)\/region=eu-west-1\/accountId=123456789012\/eventDay=\d{8}\//.exec(key) ?? [];
        expect(new Set(found.map((row) => row['class_uid']))).toEqual(new Set([Number(uid)]));
        const times = found.map((row) => row['time'] as bigint);
        expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
        rows.push(...found);
      }
      const byId = new Map(rows.map((row) => [(row['metadata'] as { uid: string }).uid, row]));
      expect(rows).toHaveLength(items.length);
      for (const item of items) {
        const row = byId.get(item.canonical.id);
        expect(documentOf(row)).toEqual(timed(expectedRow(item)));
      }
      await sink.close();
    },
  );

  it('puts a repeat on itself, finds it after a restart, and shows which events it holds', async () => {
    const { fake, front, open } = await openLake();
    const items = itemsOf(samples);
    const ids = items.map(({ canonical }) => canonical.id);
    const sink = open();
    await sink.send({ items: items.slice(0, 20), attempt: 1 }, signal);
    const objects = fake.objects.size;
    await sink.send({ items: items.slice(0, 20), attempt: 2 }, signal);
    expect(fake.objects.size).toBe(objects);
    const again = open();
    const { fates } = await again.send({ items, attempt: 1 }, signal);
    expect(fates.slice(0, 20).every(({ outcome }) => outcome === 'duplicate')).toBe(true);
    expect(fates.slice(20).every(({ outcome }) => outcome === 'delivered')).toBe(true);
    const held = await again.holds?.([...ids, 'nobody'], signal);
    expect([...(held ?? [])]).toEqual(ids.map((id) => [id, 1]));
    // Days outside of the question are not read.
    const reads = () =>
      front.requests.filter(({ method, query }) => method === 'GET' && !query.has('list-type'));
    const before = reads().length;
    const day = parseTime('2001-01-01T00:00:00Z') ?? 0n;
    await open().holds?.(ids, signal, { startNs: day, endNs: day });
    expect(reads()).toHaveLength(before);
  });

  it('writes the same bytes for the same events, row groups as long as they should be, and either compression', async () => {
    const [first] = samples;
    if (first === undefined) throw new Error('there are no samples');
    const many = itemsOf(Array.from({ length: 250 }, (_, index) => ({ ...first, seq: BigInt(index) })));
    const placed = many.map((item, place) => ({ item, place }));
    for (const compression of ['zstd', 'snappy'] as const) {
      const options = { compression, row_group_events: 100 };
      const bytes = await encodeParquet(placed, options, signal);
      expect(bytes.equals(await encodeParquet(placed, options, signal))).toBe(true);
      const { row_groups: groups, num_rows: count } = parquetMetadata(bufferOf(bytes));
      expect(groups.map(({ num_rows: rows }) => Number(rows))).toEqual([100, 100, 50]);
      expect(Number(count)).toBe(250);
      expect(groups[0]?.columns[0]?.meta_data?.codec).toBe(compression.toUpperCase());
      expect(await rowsOf(bytes)).toHaveLength(250);
    }
  });

  it('keeps what has no column, what is of another kind, seals, heartbeats and exact numbers', async () => {
    const stranger = makeItem(1, {
      body: JSON.stringify({
        category_uid: 6,
        category_name: 'Application Activity',
        class_uid: 6003,
        class_name: 'API Activity',
        severity_id: 'high',
        time_dt: 'yesterday',
        actor: { user: { uid: 7, shoe: 'left' } },
        resources: [{ name: 'x', size: 9 }, 'odd'],
        __proto__x: 1,
        metadata: { uid: 'one' },
      }),
    });
    // What a row calls __proto__ is a key of the map like any other; the reader of this test cannot show it.
    const body = '{"__proto__":{"polluted":1},' + stranger.body.slice(1);
    const [row] = await rowsOf(
      await encodeParquet([{ item: { ...stranger, body }, place: 0 }], PLAIN, signal),
    );
    expect(row?.['unmapped']).toEqual({
      severity_id: 'high',
      time_dt: 'yesterday',
      'actor.user.uid': '7',
      'actor.user.shoe': 'left',
      'resources.0.size': '9',
      'resources.1': 'odd',
      __proto__x: '1',
    });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();

    const exact = itemsOf([
      journaled(
        '{"id":"n","event_type":"sync_run_completed","created_at":"2026-01-02T03:04:05Z","event_details":{"rows":18446744073709551615}}',
      ),
    ]);
    const seal = createSeal({ name: 'ocsf', kind: 'json' }, 'aabbccddeeff0011');
    const sealed = exact.map((item) => ({ ...item, ...seal(item.body, { seq: 41n, id: 'n' }) }));
    const [numbered] = await rowsOf(
      await encodeParquet(
        sealed.map((item) => ({ item, place: 0 })),
        PLAIN,
        signal,
      ),
    );
    expect(numbered?.['metadata']).toMatchObject({ sequence: 41n });
    expect(numbered?.['unmapped']).toMatchObject({
      event_details: '{"rows":18446744073709551615}',
      auditferry_seal: expect.stringMatching(/^aabbccddeeff0011\./) as string,
    });

    const heartbeat: Item = {
      canonical: heartbeatEvent(HEARTBEAT),
      origin: EXAMPLE_ORIGIN,
      body: renderHeartbeat(HEARTBEAT, { name: 'ocsf', kind: 'json' }, EXAMPLE_ORIGIN),
      kind: 'json',
      heartbeat: HEARTBEAT,
    };
    expect(openFolders(LAKE, 'parquet').of(heartbeat)).toContain('ext/cq_0/');
    const [beat] = await rowsOf(await encodeParquet([{ item: heartbeat, place: 0 }], PLAIN, signal));
    expect(JSON.stringify(beat?.['unmapped'])).toContain(HEARTBEAT.digest);
  });
});

const PLAIN = { compression: 'zstd', row_group_events: 100 } as const;

/** The contract's items are of no format: here each stands within a document of OCSF. */
function asOcsf(item: Item): Item {
  const head =
    '"category_uid":6,"category_name":"Application Activity","class_uid":6003,"class_name":"API Activity"';
  return {
    ...item,
    body: `{${head},"metadata":{"uid":${JSON.stringify(item.canonical.id)}},"unmapped":${item.body}}`,
  };
}

sinkContract({
  name: 's3, parquet',
  neverRepeats: true,
  unsupported: {
    partial: 'an object is taken whole or not at all',
    poison: 'a store gives no verdict on events',
    too_large: 'events this alike are compressed to the size of one: see the test of its own',
  },
  open: async (context, clock) => {
    const fake = s3Fake('audit', 'AKID');
    const front = await openFaultFront(fake.receive, { clock, applies: (method) => method === 'PUT' });
    const sink = guardSink(s3).create(optionsFor(front.url), context);
    const send: Sink['send'] = (batch, aborted) =>
      sink.send({ ...batch, items: batch.items.map(asOcsf) }, aborted);
    return {
      sink: {
        ...sink,
        delivery: sink.delivery,
        send,
        check: (aborted) => sink.check(aborted),
        close: () => sink.close(),
      },
      delivered: async () => {
        const objects = [...fake.objects].filter(([key]) => key.endsWith('.parquet'));
        const ids = await Promise.all(objects.map(([, bytes]) => idsInParquet(bytes)));
        return ids.flat();
      },
      arm: front.arm,
      echo: front.echo,
      heal: front.heal,
      hits: front.hits,
      secretTexts: [SECRET],
      close: async () => {
        await sink.close();
        await front.close();
      },
    };
  },
});

describe('where objects stand', () => {
  const at = makeItem(5, {
    createdAt: '2026-11-29T23:59:59.999Z',
    body: '{"category_uid":3,"category_name":"Identity & Access Management","class_uid":3001,"class_name":"Account Change"}',
  });

  it.each([
    ['cq/', 'ndjson_gzip', 'cq/source=platform/date=2026-11-29/', 'cq/', 'cq/auditferry-check'],
    ['cq/', 'parquet', 'cq/account_change/source=platform/date=2026-11-29/', 'cq/', 'cq/auditferry-check'],
    [
      'a/{source}/{year}/{month}/{day}/',
      'ndjson_zstd',
      'a/platform/2026/11/29/',
      'a/',
      'a/_auditferry-check',
    ],
    [
      LAKE,
      'parquet',
      'ext/cq_3001/region=eu-west-1/accountId=123456789012/eventDay=20261129/',
      'ext/cq_',
      'ext/_auditferry-check',
    ],
  ] as const)('%s with %s', (prefix, encoding, folder, start, probe) => {
    const folders = openFolders(prefix, encoding);
    expect(folders.of(at)).toBe(folder);
    expect(folders).toMatchObject({ start, probe });
    const key = `${folder}auditferry-0000000000000001-0000000000000002-0123456789abcdef.parquet`;
    expect(folders.dayOf(key)).toBe('2026-11-29');
    expect(folders.dayOf(`${folder}other.parquet`)).toBeNull();
  });

  it.each<[string, string, RegExp]>([
    ['{source}/{date}/', 'ocsf', /begins with a placeholder/],
    ['a/{date}', 'ocsf', /ends in the middle/],
    ['a/{source}/', 'ocsf', /does not tell the day/],
    ['a/{date}/{day}/', 'ocsf', /does not tell the day/],
    ['a/{year}/{month}/', 'ocsf', /does not tell the day/],
    ['a/{date}/{date}/', 'ocsf', /twice/],
    ['a/{host}/{date}/', 'ocsf', /does not know \{host\}; expected \{source\}/],
    ['a/{date/', 'ocsf', /brace/],
    ['a/{date}/}/', 'ocsf', /brace/],
    ['a/{class}/{date}/', 'ecs', /format: ocsf/],
  ])('the prefix %s with %s is refused', (prefix, format, words) => {
    const [problem] = validateS3({
      ...optionsFor(new URL('http://x'), { encoding: 'ndjson_gzip', prefix }),
      format,
    });
    expect(problem).toMatchObject({ path: 'prefix', problem: expect.stringMatching(words) as string });
  });

  it('Parquet wants OCSF and a place for the class', () => {
    const options = optionsFor(new URL('http://x'));
    expect(validateS3({ ...options, format: 'ocsf' })).toEqual([]);
    expect(validateS3({ ...options, prefix: 'cq/', format: 'ecs' })).toMatchObject([
      { path: 'encoding', problem: expect.stringMatching(/format: ocsf/) as string },
    ]);
    const dated = { ...options, prefix: 'cq/{date}/', format: 'ocsf' };
    expect(validateS3(dated)).toMatchObject([
      { path: 'prefix', problem: expect.stringMatching(/class/) as string },
    ]);
    expect(validateS3({ ...dated, format_options: { single_class: true } })).toEqual([]);
  });
});
