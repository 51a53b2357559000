import { createSocket } from 'node:dgram';
import dns from 'node:dns';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import type { Clock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Item, Receipt, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { syslogSink as bare } from '../../src/sinks/syslog.ts';
import type { GivenSyslogOptions } from '../../src/sinks/syslog/schema.ts';
import { testClock } from '../contract/clock.ts';
import { deliverLoop } from '../contract/deliver-loop.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { until } from '../contract/sink.ts';
import { briskClock, lenientClock } from '../fakes/brisk-clock.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { openFakeSyslog, parse5424 } from '../fakes/syslog.ts';
import type { FakeSyslog, FakeSyslogOptions } from '../fakes/syslog.ts';

const syslogSink = guardSink(bare);
const folder = mkdtempSync(join(tmpdir(), 'auditferry-syslog-'));
const closers: (() => Promise<void>)[] = [];

// At the end: the tests over TCP wait for slow closes side by side.
afterAll(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

const authority = makeCertificate({ name: 'test authority' });
const server = makeCertificate({
  name: 'server',
  issuer: authority,
  dnsNames: ['localhost'],
  ipv4: '127.0.0.1',
});
const client = makeCertificate({ name: 'client', issuer: authority });
const foreignAuthority = makeCertificate({ name: 'foreign authority' });
const foreignClient = makeCertificate({ name: 'foreign client', issuer: foreignAuthority });

function inFile(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const caFile = inFile('ca.pem', authority.cert);
const clientFiles = {
  cert_file: inFile('client.pem', client.cert),
  key_file: inFile('client.key', client.key),
};

async function receiver(options: FakeSyslogOptions = {}): Promise<FakeSyslog> {
  const fake = await openFakeSyslog(options);
  closers.push(() => fake.close());
  return fake;
}

function open(options: GivenSyslogOptions, warnings: string[] = [], clock: Clock = briskClock): Sink {
  const context: SinkContext = {
    name: 'soc',
    warn: (line) => void warnings.push(line),
    clock,
    forwarderVersion: '0.0.0-test',
  };
  const sink = syslogSink.create(options, context);
  closers.push(() => sink.close());
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
  const body = parse5424(message).body ?? '{}';
  return (JSON.parse(body) as { event_id: string }).event_id;
}

describe.concurrent('syslog over TCP', () => {
  it('counts a batch as sent only after the receiver closed its side, on one connection per batch', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    expect(sink.delivery).toBe('sent');
    await send(sink, makeItems(3));
    await send(sink, makeItems(2, {}, 10));
    expect(fake.messages).toHaveLength(5);
    expect(fake.connections()).toBe(2);
    expect(fake.problems).toEqual([]);
  });

  it.each([0, 30, 150])(
    'takes a close %i ms after it connected for no receipt, and blames no message',
    async (ms) => {
      const fake = await receiver();
      const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
      if (ms === 0) fake.behave('leave');
      else fake.giveUpAfter(ms);
      for (let attempt = 1; attempt <= (ms === 0 ? 22 : 4); attempt += 1) {
        const error = await failureOf(send(sink, makeItems(1), attempt));
        expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
        expect(error.message).toContain('closes connections although nothing was sent');
        expect(error.hint).toContain('load balancer');
      }
      const report = await sink.check(new AbortController().signal);
      expect(report.items[0]).toMatchObject({ name: 'reachable', outcome: 'fail' });
      fake.giveUpAfter(null);
      fake.behave('good');
      expect((await send(sink, makeItems(1), 23)).fates).toEqual([{ outcome: 'delivered' }]);
      expect(fake.messages).toHaveLength(1);
    },
  );

  it('notices it as well after batches that were taken', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    await send(sink, makeItems(2));
    fake.giveUpAfter(5);
    expect(await failureOf(send(sink, makeItems(2, {}, 5)))).toMatchObject({ kind: 'transient' });
  });

  it('does not believe a close that comes long after its own, until it listened for longer', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    fake.giveUpAfter(1200); // six seconds of the clock: even on a busy machine later than what is prompt
    const doubted = await failureOf(send(sink, makeItems(2)));
    expect(doubted).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(doubted.message).toContain('after ours');
    expect((await failureOf(send(sink, makeItems(2), 2))).message).toContain('although nothing was sent');
  });

  it.each([300, 330, 360])(
    'does not believe a close that comes soon after its own, but %i ms after every connection',
    async (ms) => {
      const fake = await receiver();
      const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
      fake.giveUpAfter(ms);
      for (const attempt of [1, 2]) {
        const error = await failureOf(send(sink, makeItems(2), attempt));
        expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
      }
      fake.giveUpAfter(235); // at once after ours, had we not learnt to listen for longer
      expect(await failureOf(send(sink, makeItems(2), 3))).toMatchObject({ kind: 'transient' });
    },
  );

  it('believes a receiver that takes a while to close, once an idle connection outlived the batch', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    fake.closeAfter(90);
    expect((await send(sink, makeItems(2))).fates).toHaveLength(2);
    expect((await send(sink, makeItems(2, {}, 9))).fates).toHaveLength(2);
    expect(fake.messages).toHaveLength(4);
    expect(fake.connections()).toBe(3); // the second batch needs no witness of its own
  });

  it('does not believe a receiver that never closes its side', async () => {
    const fake = await receiver();
    fake.behave('never_close');
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, close_timeout: 50 });
    const error = await failureOf(send(sink, makeItems(2)));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(error.hint).toContain('require_close');
  });

  it('believes it when told to, and says so once', async () => {
    const fake = await receiver();
    fake.behave('never_close');
    const warnings: string[] = [];
    const address = `tcp://127.0.0.1:${fake.port}`;
    const sink = open({ address, close_timeout: 30, require_close: false }, warnings);
    await send(sink, makeItems(2));
    const receipt = await send(sink, makeItems(2));
    expect(receipt.fates).toEqual([{ outcome: 'delivered' }, { outcome: 'delivered' }]);
    expect(warnings).toHaveLength(1);
  });

  it('holds when something answers that is no syslog receiver', async () => {
    const fake = await receiver();
    fake.behave('answer');
    const error = await failureOf(send(open({ address: `tcp://127.0.0.1:${fake.port}` }), makeItems(2)));
    expect(error).toMatchObject({ kind: 'denied' });
    expect(error.message).toContain('HTTP/1.1 400 Bad Request');
  });

  it('says where nothing listens, and that nothing was taken', async () => {
    const fake = await receiver();
    await fake.close();
    const error = await failureOf(send(open({ address: `tcp://127.0.0.1:${fake.port}` }), makeItems(1)));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: false });
    expect(error.message).toContain(`tcp://127.0.0.1:${fake.port} cannot be reached`);
    expect(error.hint).toBe('check the port, and that the server there is running');
  });

  it('speaks of certificates only where the receiver may have seen one', async () => {
    const lookup = vi.spyOn(dns, 'lookup');
    lookup.mockImplementation(((_host: string, _options: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))) as never);
    const error = await failureOf(send(open({ address: 'tls://siem.invalid:6514' }), makeItems(1)));
    lookup.mockRestore();
    expect(error.message).toContain('cannot be reached: no such name');
    expect(error.hint).toBe('check the host name, and DNS on this machine');
  });

  it('sets aside what is too large and sends the rest', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    const receipt = await send(sink, [makeItem(1), makeItem(2, { padding: 9000 }), makeItem(3)]);
    expect(receipt.fates.map((fate) => fate.outcome)).toEqual(['delivered', 'rejected', 'delivered']);
    expect(fake.messages.map(idOf)).toEqual([makeItem(1).canonical.id, makeItem(3).canonical.id]);
  });

  it('touches no network when nothing is left to send', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    const receipt = await send(sink, [makeItem(2, { padding: 9000 })]);
    expect(receipt.fates.map((fate) => fate.outcome)).toEqual(['rejected']);
    expect(fake.connections()).toBe(0);
  });

  it('says that it trimmed', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, oversize: 'trim' });
    const receipt = await send(sink, [makeItem(1), makeItem(2, { padding: 9000 })]);
    expect(receipt.notice).toContain('1 events were larger than max_message_bytes (8192)');
    expect(fake.messages.map(idOf)).toHaveLength(2);
    expect(fake.messages[1]?.toString()).toContain('"truncated":true');
  });

  it('blames a lone message only after many strikes, and not a second one before anything passed', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    fake.choke(['"event_id"']);
    const outcomes: string[] = [];
    for (const number of [...Array<number>(20).fill(1), ...Array<number>(22).fill(2)]) {
      const [item] = makeItems(1, {}, number);
      const work = send(sink, item === undefined ? [] : [item]);
      outcomes.push(
        await work.then(
          ({ fates }) => fates[0]?.outcome ?? '',
          (error: Error) => error.name,
        ),
      );
    }
    const closed = 'PeerClosedError';
    expect(outcomes).toEqual([
      ...Array<string>(19).fill(closed),
      'rejected',
      ...Array<string>(22).fill(closed),
    ]);
  });

  it('finds the messages at which the receiver closes, and delivers all others', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    const items = makeItems(60);
    const refused = items
      .filter((_, index) => [0, 1, 17, 59].includes(index))
      .map((item) => item.canonical.id);
    fake.choke(refused);
    const delivery = await deliverLoop(
      (batch, signal) => sink.send(batch, signal),
      items,
      testClock(),
      async () => {},
    );
    expect(delivery.deadLetters.map((letter) => letter.id).sort()).toEqual(refused);
    expect(delivery.deadLetters[0]?.reason).toContain('closed the connection at this message 3 times');
    const held = new Set(fake.messages.map(idOf));
    expect(items.map((item) => item.canonical.id).filter((id) => !held.has(id))).toEqual(refused);
  });

  it('sends a batch again when the receiver leaves in the middle of it', async () => {
    const fake = await receiver();
    fake.behave('early_close', 1);
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, max_message_bytes: 1_000_000 });
    const items = makeItems(20, { padding: 500_000 });
    expect(await failureOf(send(sink, items))).toMatchObject({ kind: 'transient', ambiguous: true });
    await send(sink, items, 2);
    expect(new Set(fake.messages.map(idOf)).size).toBe(20);
  });

  it('rejects nothing while the receiver breaks every connection', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    await send(sink, makeItems(1));
    fake.behave('reset');
    const items = makeItems(40, {}, 100);
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      expect(await failureOf(send(sink, items, attempt))).toMatchObject({
        kind: 'transient',
        ambiguous: true,
      });
    }
    fake.behave('good');
    const { fates } = await send(sink, items, 7);
    expect(fates.every((fate) => fate.outcome === 'delivered')).toBe(true);
  });

  it('numbers messages without a gap and puts the id into structured data', async () => {
    const fake = await receiver();
    const structured_data = { enterprise_id: 4711, sequence_id: true };
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, structured_data });
    await send(sink, makeItems(2));
    await send(sink, makeItems(1, {}, 3));
    const params = fake.messages.map((message) =>
      parse5424(message).elements.map(({ id, params: found }) => [id, ...found]),
    );
    expect(params.map(([own]) => own)).toEqual(
      makeItems(3).map((item) => ['cloudquery@4711', ['event_id', item.canonical.id]]),
    );
    expect(params.map(([, meta]) => meta)).toEqual(['1', '2', '3'].map((n) => ['meta', ['sequenceId', n]]));
  });

  it('checks a receiver without sending anything', async () => {
    const fake = await receiver();
    const report = await open({ address: `tcp://127.0.0.1:${fake.port}` }).check(
      new AbortController().signal,
    );
    expect(report.items.map((item) => [item.name, item.outcome])).toEqual([
      ['reachable', 'ok'],
      ['receipt', 'warn'],
      ['size', 'ok'],
    ]);
    expect(fake.messages).toEqual([]);
  });
});

// By themselves: megabytes keep the process busy, and the receivers of the tests above have to close in time.
describe('a backlog over TCP', () => {
  it('lets a connection carry more while the receiver closes at once, and little again when it does not', async () => {
    const fake = await receiver();
    const address = `tcp://127.0.0.1:${fake.port}`;
    const sink = open({ address, max_message_bytes: 1_000_000 }, [], lenientClock);
    const items = makeItems(15, { padding: 500_000 }); // two in a megabyte
    const connectionsOf = async (): Promise<number> => {
      const before = fake.connections();
      // And the receiver is not said to be slow.
      expect(await send(sink, items)).toEqual({ fates: items.map(() => ({ outcome: 'delivered' })) });
      return fake.connections() - before;
    };
    const grown = [8, 4, 2, 1];
    for (const connections of grown) expect(await connectionsOf()).toBe(connections);
    fake.behave('reset', 1);
    await failureOf(send(sink, items));
    expect(await connectionsOf()).toBe(8);
  });

  it('does not take a receiver for quick that was listened to for long', async () => {
    const fake = await receiver();
    const address = `tcp://127.0.0.1:${fake.port}`;
    const sink = open({ address, max_message_bytes: 1_000_000 }, [], lenientClock);
    const connections: number[] = [];
    for (const count of [2, 3, 2, 3]) {
      const before = fake.connections();
      await send(sink, makeItems(count, { padding: 500_000 }));
      connections.push(fake.connections() - before);
    }
    expect(connections).toEqual([1, 2, 1, 1]);
  });

  it('keeps what earlier connections of a batch delivered when a later one fails', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, max_message_bytes: 1_000_000 });
    const items = makeItems(5, { padding: 600_000 });
    fake.choke([items[3]?.canonical.id ?? '']);
    const { fates } = await send(sink, items);
    expect(fates.map(({ outcome }) => outcome)).toEqual([
      'delivered',
      'delivered',
      'delivered',
      'retry',
      'retry',
    ]);
    expect(fates.slice(3)).toMatchObject([{ unanswered: true }, { unanswered: true }]);
    expect(fake.messages.map(idOf)).toEqual(items.slice(0, 3).map(({ canonical }) => canonical.id));
  });

  it('gives up on a receiver that takes no bytes', async () => {
    const fake = await receiver();
    const address = `tcp://127.0.0.1:${fake.port}`;
    const sink = open({ address, timeout: 5000, max_message_bytes: 1_000_000 }, [], lenientClock);
    const items = makeItems(15, { padding: 500_000 });
    // It is quick, so a connection comes to carry more than the kernel keeps for it.
    for (let batch = 1; batch <= 4; batch += 1) await send(sink, items);
    fake.behave('hang');
    const error = await failureOf(send(sink, items));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(error.message).toContain('took no bytes');
  });
});

describe('a slow receiver over TCP', () => {
  it('is sent less at a time, so that a stop need not wait for many slow closes', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}`, max_message_bytes: 1_000_000 });
    fake.closeAfter(100); // half a second of the clock's time
    const large = makeItems(5, { padding: 600_000 });
    expect(await send(sink, large)).toMatchObject({ slowDown: true });
    expect(await send(sink, large.slice(0, 1))).not.toHaveProperty('slowDown');
  });

  it('learns how long a slow receiver takes to close, and believes it from then on', async () => {
    const fake = await receiver();
    const sink = open({ address: `tcp://127.0.0.1:${fake.port}` });
    fake.closeAfter(600); // 3 s of the clock's time: a busy machine must not make it look prompt
    expect((await failureOf(send(sink, makeItems(2)))).message).toContain('after ours');
    expect((await send(sink, makeItems(2), 2)).fates).toHaveLength(2);
    expect((await send(sink, makeItems(2, {}, 9))).fates).toHaveLength(2);
  });
});

describe('syslog over TLS', () => {
  const withTls = (maxVersion: 'TLSv1.2' | 'TLSv1.3', clientCa?: string): Promise<FakeSyslog> =>
    receiver({
      tls: {
        cert: server.cert,
        key: server.key,
        maxVersion,
        ...(clientCa === undefined ? {} : { clientCa }),
      },
    });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`delivers with ${version} and a client certificate`, async () => {
      const fake = await withTls(version, authority.cert);
      const sink = open({
        address: `tls://localhost:${fake.port}`,
        tls: { ca_file: caFile, ...clientFiles },
      });
      const { fates } = await send(sink, makeItems(300, { padding: 1000 }));
      expect(fates.every((fate) => fate.outcome === 'delivered')).toBe(true);
      expect(fake.messages).toHaveLength(300);
      expect(fake.problems).toEqual([]);
    });

    it(`counts nothing as sent when ${version} refuses the client's certificate`, async () => {
      const fake = await withTls(version, authority.cert);
      const foreign = {
        cert_file: inFile('foreign.pem', foreignClient.cert),
        key_file: inFile('foreign.key', foreignClient.key),
      };
      for (const files of [{}, foreign]) {
        const sink = open({ address: `tls://localhost:${fake.port}`, tls: { ca_file: caFile, ...files } });
        for (const size of [1, 500]) {
          const error = await failureOf(send(sink, makeItems(size, { padding: 2000 })));
          // Not every refusal of TLS 1.2 can be told from a receiver that restarts; nothing is sent in either case.
          const expected = version === 'TLSv1.2' ? ['denied', 'transient'] : ['denied'];
          expect(expected).toContain(error.kind);
          if (error.kind === 'transient') expect(error.hint).toContain('certificate');
        }
        const report = await sink.check(new AbortController().signal);
        expect(report.items[0]).toMatchObject({ name: 'reachable', outcome: 'fail' });
      }
      expect(fake.messages).toEqual([]);
    });
  }

  it('is denied by a foreign authority, a wrong name and a wrong pin, and content with the right pin', async () => {
    const fake = await withTls('TLSv1.3');
    const foreignCa = inFile('foreign-ca.pem', foreignAuthority.cert);
    const wrong: readonly GivenSyslogOptions['tls'][] = [
      { ca_file: foreignCa },
      { ca_file: caFile, server_name: 'other.example' },
      { fingerprint: client.fingerprint },
    ];
    for (const tls of wrong) {
      const sink = open({ address: `tls://localhost:${fake.port}`, tls: tls ?? {} });
      expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
    }
    expect(fake.messages).toEqual([]);
    const pinned = { fingerprint: server.fingerprint };
    await send(open({ address: `tls://127.0.0.1:${fake.port}`, tls: pinned }), makeItems(1));
    expect(fake.messages).toHaveLength(1);
  });

  it('is denied where the port speaks no TLS', async () => {
    const fake = await receiver();
    fake.behave('answer');
    const sink = open({ address: `tls://localhost:${fake.port}` });
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
  });

  it('does not mistake a reset for a refusal', async () => {
    const fake = await withTls('TLSv1.3');
    fake.behave('reset', 1);
    const sink = open({ address: `tls://localhost:${fake.port}`, tls: { ca_file: caFile } });
    const error = await failureOf(send(sink, makeItems(5)));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect((await send(sink, makeItems(5), 2)).fates).toHaveLength(5);
  });

  it('notices a renewed certificate file, and keeps the last good ones meanwhile', async () => {
    const fake = await withTls('TLSv1.3');
    const path = inFile('renewed-ca.pem', foreignAuthority.cert);
    const warnings: string[] = [];
    const sink = open({ address: `tls://localhost:${fake.port}`, tls: { ca_file: path } }, warnings);
    expect(sink.credentialReplaced?.()).toBe(false);
    rmSync(path);
    expect(sink.credentialReplaced?.()).toBe(false);
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
    writeFileSync(path, authority.cert);
    expect(sink.credentialReplaced?.()).toBe(true);
    await send(sink, makeItems(1));
    rmSync(path);
    await send(sink, makeItems(1));
    expect(fake.messages).toHaveLength(2);
    expect(warnings.filter((line) => line.includes('tls.ca_file cannot be read'))).toHaveLength(2);
  });

  it('goes on with the old pair while key and certificate do not match', async () => {
    const fake = await withTls('TLSv1.3', authority.cert);
    const files = {
      cert_file: inFile('rotated.pem', client.cert),
      key_file: inFile('rotated.key', client.key),
    };
    const warnings: string[] = [];
    const sink = open(
      { address: `tls://localhost:${fake.port}`, tls: { ca_file: caFile, ...files } },
      warnings,
    );
    await send(sink, makeItems(1));
    writeFileSync(files.cert_file, foreignClient.cert);
    await send(sink, makeItems(1));
    await send(sink, makeItems(1));
    expect(warnings).toHaveLength(1);
    writeFileSync(files.key_file, foreignClient.key);
    expect(sink.credentialReplaced?.()).toBe(true);
    expect(await failureOf(send(sink, makeItems(1)))).toMatchObject({ kind: 'denied' });
    expect(fake.messages).toHaveLength(3);
  });
});

describe('syslog over UDP', () => {
  it('sends one datagram per event', async () => {
    const found: Buffer[] = [];
    const socket = createSocket('udp4', (datagram) => void found.push(datagram));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => socket.close(() => resolve())));
    const sink = open({ address: `udp://127.0.0.1:${socket.address().port}`, allow_lossy: true });
    expect(sink.delivery).toBe('sent');
    await send(sink, makeItems(5));
    await until(() => found.length === 5);
    expect(found.map(idOf)).toEqual(makeItems(5).map((item) => item.canonical.id));
  });

  it('reports a port that is known to be closed', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const sink = open({ address: `udp://127.0.0.1:${port}`, allow_lossy: true });
    expect(await failureOf(send(sink, makeItems(3)))).toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('never sends what does not fit into a datagram', async () => {
    const sink = open({ address: 'udp://127.0.0.1:9', allow_lossy: true, max_message_bytes: 200_000 });
    const { fates } = await send(sink, [makeItem(1, { padding: 70_000 })]);
    expect(fates[0]).toMatchObject({
      outcome: 'rejected',
      reason: expect.stringContaining('65507') as string,
    });
  });
});

describe('the configuration of a syslog sink', () => {
  it.each([
    [{ address: 'udp://siem:514' }, 'address', 'would lose events unseen'],
    [{ address: 'tls://siem:6514', framing: 'lf' }, 'framing', 'lf does not exist for tls'],
    [{ address: 'tcp://siem:601', tls: { ca_file: caFile } }, 'tls', 'tcp:// knows no TLS'],
    [{ address: 'tcp://siem:601', rfc: 3164, bom: true }, 'bom', 'belongs to RFC 5424'],
    [
      { address: 'tcp://siem:601', rfc: 3164, structured_data: { enterprise_id: 1 } },
      'structured_data',
      'belongs to RFC 5424',
    ],
    [
      { address: 'tls://siem:6514', tls: { ca_file: '/nowhere/ca.pem' } },
      'tls.ca_file',
      'cannot be read (ENOENT)',
    ],
    [{ address: 'tcp://siem:99999' }, 'address', 'not a syslog address'],
  ] as readonly (readonly [GivenSyslogOptions, string, string])[])('refuses %j', (options, path, words) => {
    const problem = expect.stringContaining(words) as string;
    expect(syslogSink.validate?.(options)).toEqual([{ path, problem }]);
  });

  it('warns at start when certificates are not verified', () => {
    const warnings: string[] = [];
    open({ address: 'tls://siem:6514', tls: { verify: false } }, warnings);
    expect(warnings[0]).toContain('tls.verify is off');
  });
});
