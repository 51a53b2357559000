import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Item, Receipt, Sink } from '../../src/sinks/sink.ts';
import { syslogSink } from '../../src/sinks/syslog.ts';
import { createRelpDecoder, encodeRelp, RelpFramingError } from '../../src/sinks/syslog/relp-frame.ts';
import type { GivenSyslogOptions } from '../../src/sinks/syslog/schema.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract, until } from '../contract/sink.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { openFakeRelp } from '../fakes/relp.ts';
import type { FakeRelp, FakeRelpOptions, RelpBehaviour } from '../fakes/relp.ts';
import { parse5424 } from '../fakes/syslog.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function receiver(options: FakeRelpOptions = {}): Promise<FakeRelp> {
  const fake = await openFakeRelp(options);
  closers.push(() => fake.close());
  return fake;
}

function open(options: GivenSyslogOptions): Sink {
  const warn = (): void => undefined;
  const sink = syslogSink.create(options, { name: 'soc', warn, clock: wallClock, forwarderVersion: '0.0.0' });
  closers.unshift(() => sink.close());
  return sink;
}

function send(sink: Sink, items: readonly Item[], attempt = 1): Promise<Receipt> {
  return sink.send({ items, attempt }, new AbortController().signal);
}

async function failureOf(work: Promise<unknown>): Promise<ForwardError> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ForwardError)) throw error;
  return error;
}

function idOf(message: Buffer): string {
  return (JSON.parse(parse5424(message).body ?? '{}') as { event_id: string }).event_id;
}

function outcomes(receipt: Receipt): readonly string[] {
  return receipt.fates.map((fate) => fate.outcome);
}

const NO_STATUS = 'RELP has no such answer';

sinkContract({
  name: 'syslog relp',
  open: async (context) => {
    const fake = await openFakeRelp();
    const options = { address: `relp://127.0.0.1:${fake.port}` };
    const sink = syslogSink.create(options, { ...context, clock: wallClock });
    const behaviours: Partial<Record<string, RelpBehaviour>> = {
      accept_and_close: 'leave',
      reset_before_body: 'reset',
      reset_after_body: 'reset_late',
      html_answer: 'garbage',
      hang: 'hang',
    };
    return {
      sink,
      delivered: () => fake.messages.map(idOf),
      arm: (fault) => fake.behave(behaviours[fault] ?? 'good', fault === 'hang' ? Infinity : 1),
      heal: () => fake.behave('good'),
      hits: () => fake.hits(),
      poison: (ids) => fake.refuse(ids),
      postpone: (ids) => fake.postpone(ids),
      secretTexts: [],
      close: async () => {
        await sink.close();
        expect(fake.problems).toEqual([]);
        await fake.close();
      },
    };
  },
  unsupported: {
    unauthorized: 'RELP knows no credentials beside TLS',
    too_large: NO_STATUS,
    throttled_seconds: NO_STATUS,
    throttled_date: NO_STATUS,
    server_error: 'a 500 is about one message, see poison',
    truncated_answer: 'a cut answer is a lost connection, see reset_after_body',
  },
});

describe('RELP frames', () => {
  const anyFrame = fc.record({
    txnr: fc.integer({ min: 0, max: 999_999_999 }),
    command: fc.constantFrom('open', 'rsp', 'syslog', 'close', 'serverclose', 'a'.repeat(32)),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  });

  it('come back equal, in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (frames, step) => {
        const bytes = Buffer.concat(frames.map(encodeRelp));
        const decode = createRelpDecoder(1024);
        const found = [];
        for (let at = 0; at < bytes.length; at += step) found.push(...decode(bytes.subarray(at, at + step)));
        expect(found).toEqual(frames);
      }),
    );
  });

  it('count octets and write nothing after a length of zero', () => {
    expect(encodeRelp({ txnr: 2, command: 'syslog', data: Buffer.from('Zoë') }).toString()).toBe(
      '2 syslog 4 Zoë\n',
    );
    expect(encodeRelp({ txnr: 3, command: 'close', data: Buffer.alloc(0) }).toString()).toBe('3 close 0\n');
  });

  it.each([
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    '1 rsp 6 200 OK!',
    '1 rsp 2000 x',
    '1234567890 rsp 0\n',
    '1 rsp -1\n',
    'x'.repeat(100),
  ])('are refused when they are none: %j', (text) => {
    expect(() => createRelpDecoder(1024)(Buffer.from(text))).toThrow(RelpFramingError);
  });

  it('may carry a space before empty data', () => {
    const frames = createRelpDecoder(10)(Buffer.from('1 rsp 0 \n2 rsp 0\n'));
    expect(frames.map((frame) => frame.txnr)).toEqual([1, 2]);
  });
});

describe('syslog over RELP', () => {
  it('counts as confirmed, and keeps one session for many batches', async () => {
    const fake = await receiver();
    const sink = open({ address: `relp://127.0.0.1:${fake.port}` });
    expect(sink.delivery).toBe('confirmed');
    for (const first of [1, 11, 21]) await send(sink, makeItems(10, {}, first));
    expect(fake.messages.map(idOf)).toEqual(makeItems(30).map((item) => item.canonical.id));
    expect(fake.sessions()).toBe(1);
    await sink.close();
    expect(fake.closedInOrder()).toBe(1);
    expect(fake.problems).toEqual([]);
  });

  it('uses a session of its own for every send under way', async () => {
    const fake = await receiver();
    const sink = open({ address: `relp://127.0.0.1:${fake.port}` });
    await Promise.all([1, 101, 201].map((first) => send(sink, makeItems(50, {}, first))));
    expect(new Set(fake.messages.map(idOf)).size).toBe(150);
    expect(fake.sessions()).toBe(3);
    expect(fake.problems).toEqual([]);
  });

  it('never has more messages under way than the window', async () => {
    const fake = await receiver({ holdBack: 1000 });
    const sink = open({ address: `relp://127.0.0.1:${fake.port}`, window: 7 });
    await send(sink, makeItems(20));
    expect(fake.messages).toHaveLength(20);
    expect(fake.mostWaiting()).toBe(7);
  });

  it('matches answers by number, in whatever order they come', async () => {
    const fake = await receiver();
    fake.behave('backwards');
    const items = makeItems(9);
    fake.refuse([items[4]?.canonical.id ?? '']);
    const receipt = await send(open({ address: `relp://127.0.0.1:${fake.port}` }), items);
    expect(outcomes(receipt)).toEqual(items.map((_, index) => (index === 4 ? 'rejected' : 'delivered')));
    expect(receipt.fates[4]).toMatchObject({ reason: 'RELP answer 500: not taken, too odd' });
  });

  it('settles what was answered and leaves the rest when the server ends the session', async () => {
    const fake = await receiver();
    fake.behave('server_close', 1);
    const sink = open({ address: `relp://127.0.0.1:${fake.port}` });
    const items = makeItems(5);
    const receipt = await send(sink, items);
    expect(outcomes(receipt)).toEqual(['delivered', 'retry', 'retry', 'retry', 'retry']);
    await send(sink, items.slice(1));
    expect(fake.messages.map(idOf)).toEqual(items.map((item) => item.canonical.id));
  });

  it('opens a new session where the old one broke while idle', async () => {
    const fake = await receiver();
    const sink = open({ address: `relp://127.0.0.1:${fake.port}` });
    await send(sink, makeItems(1));
    fake.dropSessions();
    await until(() => fake.sessions() === 1);
    const second = await send(sink, makeItems(1, {}, 2)).catch(() => send(sink, makeItems(1, {}, 2), 2));
    expect(outcomes(second)).toEqual(['delivered']);
    expect(fake.sessions()).toBe(2);
  });

  it('does not wait longer than told for an answer', async () => {
    const fake = await receiver();
    fake.behave('hang');
    const sink = open({ address: `relp://127.0.0.1:${fake.port}`, timeout: 60 });
    const error = await failureOf(send(sink, makeItems(200)));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(error.message).toContain('no RELP answer');
  });

  it.each(['refuse_open', 'no_syslog'] as const)('is denied by a server that does %s', async (behaviour) => {
    const fake = await receiver();
    fake.behave(behaviour);
    const sink = open({ address: `relp://127.0.0.1:${fake.port}` });
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
    const report = await sink.check(new AbortController().signal);
    expect(report.items[0]).toMatchObject({ outcome: 'fail' });
  });

  it('refuses what no frame can carry, whatever max_message_bytes says', async () => {
    const fake = await receiver();
    const sink = open({ address: `relp://127.0.0.1:${fake.port}`, max_message_bytes: 1_000_000 });
    const receipt = await send(sink, [makeItem(1, { padding: 131_072 }), makeItem(2, { padding: 100_000 })]);
    expect(outcomes(receipt)).toEqual(['rejected', 'delivered']);
  });

  it('speaks TLS from the first byte', async () => {
    const authority = makeCertificate({ name: 'test authority' });
    const server = makeCertificate({ name: 'server', issuer: authority, dnsNames: ['localhost'] });
    const folder = mkdtempSync(join(tmpdir(), 'auditferry-relp-'));
    const ca_file = join(folder, 'ca.pem');
    writeFileSync(ca_file, authority.cert);
    const fake = await receiver({ tls: server });
    const sink = open({ address: `relp+tls://localhost:${fake.port}`, tls: { ca_file } });
    await send(sink, makeItems(300, { padding: 2000 }));
    expect(fake.messages).toHaveLength(300);
    expect(fake.problems).toEqual([]);
    expect(fake.sessions()).toBe(1);
    rmSync(ca_file);
    await send(sink, makeItems(1, {}, 500)); // the last good file stays in use
    expect(fake.sessions()).toBe(1);
    writeFileSync(ca_file, authority.cert);
    await send(sink, makeItems(1, {}, 600));
    expect(fake.sessions()).toBe(2);
    rmSync(folder, { recursive: true });
  });
});
