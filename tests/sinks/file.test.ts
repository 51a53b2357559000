import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import type { Item, Receipt, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { appendAll } from '../../src/sinks/file/active.ts';
import type { Append } from '../../src/sinks/file/active.ts';
import { createFileSink } from '../../src/sinks/file.ts';
import type { GivenFileOptions } from '../../src/sinks/file.ts';
import { testClock } from '../contract/clock.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';

let folder: string;
let path: string;
let warnings: string[];
let sinks: Sink[];
const clock = testClock(Date.parse('2026-01-02T04:00:00Z'));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'auditferry-file-'));
  path = join(folder, 'audit.ndjson');
  warnings = [];
  sinks = [];
});

afterEach(async () => {
  for (const sink of sinks) await sink.close();
  rmSync(folder, { recursive: true });
});

function open(options: Partial<GivenFileOptions> = {}, append?: Append): Sink {
  const context: SinkContext = {
    name: 'archive',
    warn: (line) => void warnings.push(line),
    clock,
    forwarderVersion: '0.0.0-test',
  };
  const sink = createFileSink({ path, ...options }, context, append);
  sinks.push(sink);
  return sink;
}

function send(sink: Sink, items: readonly Item[]): Promise<Receipt> {
  return sink.send({ items, attempt: 1 }, new AbortController().signal);
}

function ids(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id);
}

function idsOf(items: readonly Item[]): readonly string[] {
  return items.map((item) => item.canonical.id);
}

async function failureOf(work: Promise<unknown>): Promise<ForwardError> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (!(error instanceof ForwardError)) throw new Error('it did not fail as it should');
  return error;
}

/** The disk takes `bytes` more and then fails with this code. */
function failingAfter(bytes: number, code: string): Append & { heal(): void } {
  let left = bytes;
  const append: Append = async (handle, data) => {
    await appendAll(handle, data.subarray(0, left));
    left -= Math.min(left, data.length);
    if (left === 0) throw Object.assign(new Error(`${code}: write failed`), { code });
  };
  return Object.assign(append, { heal: () => void (left = Infinity) });
}

function rotated(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name !== basename(path))
    .sort();
}

const NOBODY = 'a file gives no answer';

sinkContract({
  name: 'file',
  open: async (context) => {
    let failing: Append | null = null;
    let hits = 0;
    const append: Append = async (handle, bytes) => {
      const one = failing;
      failing = null;
      if (one === null) return appendAll(handle, bytes);
      hits += 1;
      await one(handle, bytes);
    };
    const sink = createFileSink({ path }, context, append);
    const read = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
    return {
      sink,
      delivered: () => ids(read()),
      receivedBody: (id) =>
        read()
          .split('\n')
          .find((line) => line.includes(`"event_id":"${id}"`)),
      arm: () => void (failing = failingAfter(700, 'ENOSPC')),
      hits: () => hits,
      secretTexts: [],
      close: () => sink.close(),
    };
  },
  unsupported: {
    partial: 'a batch is written whole or not at all',
    poison: 'a file refuses nothing',
    unauthorized: 'permissions are tested apart',
    too_large: NOBODY,
    throttled_seconds: NOBODY,
    throttled_date: NOBODY,
    accept_and_close: NOBODY,
    reset_before_body: NOBODY,
    reset_after_body: NOBODY,
    truncated_answer: NOBODY,
    html_answer: NOBODY,
    hang: 'a disk that hangs cannot be left',
  },
});

describe('the file', () => {
  it('is created with its folder and mode, and appended to', async () => {
    path = join(folder, 'deep', 'er', 'audit.ndjson');
    const sink = open({ mode: '0600' });
    expect(sink.delivery).toBe('confirmed');
    await send(sink, makeItems(2));
    await send(sink, makeItems(1, {}, 3));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(3)));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the lines of concurrent batches together', async () => {
    const sink = open();
    const batches = [1, 101, 201].map((first) => makeItems(100, {}, first));
    await Promise.all(batches.map((items) => send(sink, items)));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(batches.flat()));
  });

  it('holds one line for an event, whatever its body holds', async () => {
    await send(open(), [makeItem(1, { body: '{"a":1}\r\n{"forged":1}' })]);
    expect(readFileSync(path, 'utf8')).toBe('{"a":1} {"forged":1}\n');
  });

  it('loses a torn last line at the start, and says so', async () => {
    writeFileSync(path, '{"event_id":"a"}\n{"event_id":"b"}\n{"event_i');
    const sink = open();
    await send(sink, makeItems(1));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(['a', 'b', ...idsOf(makeItems(1))]);
    expect(warnings).toEqual([expect.stringContaining('torn line of 9 bytes')]);
  });

  it('finds the last line end also far from the end', async () => {
    writeFileSync(path, `{"event_id":"a"}\n${'x'.repeat(200_000)}`);
    await send(open(), makeItems(1));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(['a', ...idsOf(makeItems(1))]);
  });

  it('does not wipe a large file that has no lines', async () => {
    writeFileSync(path, '');
    truncateSync(path, 65 * 1024 * 1024);
    expect(await failureOf(send(open(), makeItems(1)))).toMatchObject({ kind: 'denied' });
    expect(statSync(path).size).toBe(65 * 1024 * 1024);
  });

  it('is begun anew when somebody moved it away', async () => {
    const sink = open();
    await send(sink, makeItems(1));
    renameSync(path, `${path}.moved`);
    await send(sink, makeItems(1, {}, 2));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(1, {}, 2)));
  });
});

describe('another program', () => {
  it('that truncates the file finds it filled from there on, and is told what that costs', async () => {
    const sink = open();
    await send(sink, makeItems(50));
    truncateSync(path, 0); // logrotate with copytruncate
    await send(sink, makeItems(2, {}, 100));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(2, {}, 100)));
    expect(warnings).toEqual([
      expect.stringMatching(/was truncated by another program, from \d+ to 0 bytes/),
    ]);
  });

  it('that truncates the file within a line leaves no torn line', async () => {
    const sink = open();
    await send(sink, makeItems(2));
    truncateSync(path, statSync(path).size - 5);
    await send(sink, makeItems(1, {}, 100));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf([...makeItems(1), ...makeItems(1, {}, 100)]));
  });

  it('that truncates the file before a write that fails never sees it filled with zero bytes', async () => {
    const append = failingAfter(Infinity, 'ENOSPC');
    let truncate = false;
    const sink = open({}, async (handle, bytes) => {
      if (!truncate) return append(handle, bytes);
      truncateSync(path, 0);
      await appendAll(handle, bytes.subarray(0, 20));
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    });
    await send(sink, makeItems(50));
    truncate = true;
    expect(await failureOf(send(sink, makeItems(1, {}, 100)))).toMatchObject({
      kind: 'transient',
      ambiguous: true,
    });
    truncate = false;
    await send(sink, makeItems(1, {}, 100));
    const text = readFileSync(path, 'utf8');
    expect(text.includes('\0')).toBe(false);
    expect(ids(text)).toEqual(idsOf(makeItems(1, {}, 100)));
  });

  it.each([
    ['truncates', () => truncateSync(path, 0), true],
    ['removes', () => rmSync(path), false],
  ])('that %s the file while it is written makes the batch come again', async (_name, meddle, ambiguous) => {
    let meddles = true;
    const sink = open({}, async (handle, bytes) => {
      await appendAll(handle, bytes);
      if (meddles) meddle();
    });
    expect(await failureOf(send(sink, makeItems(3)))).toMatchObject({ kind: 'transient', ambiguous });
    meddles = false;
    await send(sink, makeItems(3));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(3)));
  });

  it('that removes the file or its folder, or puts another in its place, is followed by a new batch', async () => {
    const sink = open();
    await send(sink, makeItems(1));
    rmSync(folder, { recursive: true });
    await send(sink, makeItems(1, {}, 2));
    rmSync(path);
    writeFileSync(path, '');
    await send(sink, makeItems(1, {}, 3));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(1, {}, 3)));
  });

  it('that makes the path a link, even to the same file, holds the sink', async () => {
    const sink = open();
    await send(sink, makeItems(1));
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
    expect(await failureOf(send(sink, makeItems(1, {}, 2)))).toMatchObject({ kind: 'denied' });
    expect(ids(readFileSync(`${path}.moved`, 'utf8'))).toEqual(idsOf(makeItems(1)));
  });
});

describe('a failing disk', () => {
  it.each([0, 1, 150, 299])('leaves nothing of a batch behind after %i bytes', async (bytes) => {
    const before = makeItems(2);
    await send(open(), before);
    await sinks.pop()?.close();
    const append = failingAfter(bytes, 'ENOSPC');
    const sink = open({}, append);
    const error = await failureOf(send(sink, makeItems(3, {}, 10)));
    expect(error).toMatchObject({
      kind: 'transient',
      ambiguous: false,
      hint: 'free space on this file system',
    });
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(before));
    append.heal();
    await send(sink, makeItems(3, {}, 10));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf([...before, ...makeItems(3, {}, 10)]));
    expect(warnings).toEqual([]);
  });

  it.each([
    ['EROFS', 'denied'],
    ['EACCES', 'denied'],
    ['EIO', 'transient'],
    ['EDQUOT', 'transient'],
  ])('makes of %s a failure that is %s', async (code, kind) => {
    expect(await failureOf(send(open({}, failingAfter(5, code)), makeItems(1)))).toMatchObject({ kind });
  });
});

describe('what stands in the way', () => {
  it('refuses a symbolic link', async () => {
    writeFileSync(join(folder, 'elsewhere'), '');
    symlinkSync(join(folder, 'elsewhere'), path);
    const sink = open();
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('');
    const report = await sink.check(new AbortController().signal);
    expect(report.items[0]).toMatchObject({ outcome: 'fail' });
  });

  it('refuses a folder, and a file in the place of the folder', async () => {
    mkdirSync(path);
    expect(await failureOf(send(open(), makeItems(1)))).toMatchObject({ kind: 'denied' });
    writeFileSync(join(folder, 'plain'), '');
    const sink = open({ path: join(folder, 'plain', 'audit.ndjson') });
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
  });

  it('refuses a second sink on the same path until the first one closed', async () => {
    const [first, second] = [open(), open()];
    await send(first, makeItems(1));
    const error = await failureOf(send(second, makeItems(1, {}, 2)));
    expect(error).toMatchObject({ kind: 'denied' });
    expect(error.message).toContain('another sink');
    await first.close();
    await send(second, makeItems(1, {}, 2));
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(2)));
  });
});

describe('rotation', () => {
  it('keeps every event, compresses, never overwrites, and removes what is beyond keep', async () => {
    const sink = open({ rotate: { size: 1024, keep: 3 } });
    const items = makeItems(40);
    for (const item of items) await send(sink, [item]);
    const names = rotated();
    expect(names).toHaveLength(3);
    expect(names.every((name) => /^audit\.ndjson\.20260102T040000Z-\d{4}\.gz$/.test(name))).toBe(true);
    const kept = names.map((name) => gunzipSync(readFileSync(join(folder, name))).toString()).join('');
    const held = ids(kept + readFileSync(path, 'utf8'));
    expect(held).toEqual(idsOf(items).slice(-held.length));
    expect(warnings.some((line) => line.includes('rotate.keep is 3'))).toBe(true);
    expect(statSync(path).size).toBeLessThanOrEqual(1024);
    expect(statSync(join(folder, names[0] ?? '')).mode & 0o777).toBe(0o640);
  });

  it('keeps all with keep 0, plain with compress none', async () => {
    const sink = open({ rotate: { size: 1024, keep: 0, compress: 'none' } });
    const items = makeItems(60);
    for (const item of items) await send(sink, [item]);
    const all = rotated().map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(ids(all.join('') + readFileSync(path, 'utf8'))).toEqual(idsOf(items));
  });

  it('begins a new file when the period of the last line is over, also after a restart', async () => {
    const rotate = { interval: 86_400_000, compress: 'none' as const };
    const sink = open({ rotate });
    clock.advance(Date.now() - clock.now()); // the file's own time is the real one
    await send(sink, makeItems(1));
    await send(sink, makeItems(1, {}, 2));
    await sink.close();
    clock.advance(86_400_000);
    await send(open({ rotate }), makeItems(1, {}, 3));
    expect(rotated()).toHaveLength(1);
    expect(ids(readFileSync(path, 'utf8'))).toEqual(idsOf(makeItems(1, {}, 3)));
  });

  it('finishes what a crash left half done', async () => {
    const line = '{"event_id":"old"}\n';
    writeFileSync(`${path}.20250101T000000Z-0000`, line); // not compressed yet
    writeFileSync(`${path}.20250101T000000Z-0000.gz.tmp`, 'half');
    writeFileSync(`${path}.20250102T000000Z-0000`, line); // compressed, not yet removed
    writeFileSync(`${path}.20250102T000000Z-0000.gz`, gzipSync(line));
    const sink = open({ rotate: { size: 1024 } });
    expect((await sink.holds?.(['old'], new AbortController().signal))?.get('old')).toBe(2);
    for (const item of makeItems(10)) await send(sink, [item]);
    expect(rotated().filter((name) => !name.endsWith('.gz'))).toEqual([]);
    expect((await sink.holds?.(['old'], new AbortController().signal))?.get('old')).toBe(2);
  });

  it('goes on when the clock went back', async () => {
    writeFileSync(`${path}.29990101T000000Z-0007`, '{"event_id":"future"}\n');
    const sink = open({ rotate: { size: 1024, compress: 'none' } });
    for (const item of makeItems(10)) await send(sink, [item]);
    expect(rotated()).toContain('audit.ndjson.29990101T000000Z-0008');
  });
});

describe('holds', () => {
  it('counts ids where the JSON formats keep them, and not where an event mentions another one', async () => {
    const bodies = [
      '{"id":"raw-1"}',
      '{"event_id":"cim-1","id":"raw-9"}',
      '{"event":{"id":"ecs-1"},"note":"raw-2"}',
      '{"event.id":"ecs-1"}',
      '{"metadata":{"uid":"ocsf-1"}}',
      '{"details":{"id":"raw-3"},"id":"raw-1"}',
    ];
    const sink = open();
    await send(
      sink,
      bodies.map((body, index) => makeItem(index, { body })),
    );
    const asked = ['raw-1', 'cim-1', 'ecs-1', 'ocsf-1', 'raw-2', 'raw-3', '__proto__'];
    const found = await sink.holds?.(asked, new AbortController().signal);
    expect([...(found ?? [])]).toEqual([
      ['raw-1', 2],
      ['cim-1', 1],
      ['ecs-1', 2],
      ['ocsf-1', 1],
      ['raw-2', 0],
      ['raw-3', 0],
      ['__proto__', 0],
    ]);
  });

  it('finds ids in text lines only where they stand by themselves, in rotated files too', async () => {
    const sink = open({ rotate: { size: 1024 } });
    const items = makeItems(30).map((item) => ({
      ...item,
      kind: 'text' as const,
      body: `CEF:0|CloudQuery|x|1|a|A|3|externalId=${item.canonical.id} msg=hello`,
    }));
    for (const item of items) await send(sink, [item]);
    const wanted = [...idsOf(items), idsOf(items)[0]?.slice(0, -1) ?? '', 'hello world'];
    const found = await sink.holds?.(wanted, new AbortController().signal);
    expect(wanted.map((id) => found?.get(id))).toEqual([...items.map(() => 1), 0, 0]);
  });

  it('answers for as many ids as it takes at once, each file read once', async () => {
    const sink = open({ rotate: { size: 1024 } });
    const items = makeItems(40);
    for (const item of items) await send(sink, [item]);
    const others = Array.from({ length: 20_000 }, (_, index) => `other-${index}`);
    const found = await sink.holds?.([...others, ...idsOf(items)], new AbortController().signal);
    expect(sink.idsAtOnce).toBeGreaterThanOrEqual(others.length + items.length);
    expect(idsOf(items).map((id) => found?.get(id))).toEqual(items.map(() => 1));
    expect([...(found ?? [])].filter(([, count]) => count > 0)).toHaveLength(items.length);
  });

  it('holds nothing where there is no file', async () => {
    const found = await open().holds?.(['a'], new AbortController().signal);
    expect([...(found ?? [])]).toEqual([['a', 0]]);
  });
});

describe('check', () => {
  it('looks without creating anything', async () => {
    path = join(folder, 'not', 'yet', 'audit.ndjson');
    const report = await open().check(new AbortController().signal);
    expect(report.items).toEqual([{ name: 'writable', outcome: 'ok', finding: `${path} will be created` }]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
