import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

import type { Fault } from './faults.ts';

export interface FakeKafkaOptions {
  readonly topic: string;
  readonly partitions?: number;
  /** Asks for SASL/PLAIN with these. */
  readonly user?: { readonly name: string; readonly password: () => string };
  /** Takes any mechanism, and answers it with this. */
  readonly nonsense?: string;
}

export interface FakeRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
}

export interface FakeKafka {
  readonly port: number;
  /** In order of arrival; what a producer repeats under its sequence number is stored once. */
  readonly records: readonly FakeRecord[];
  readonly problems: readonly string[];
  /** Record batches of each produce request, with their compressed sizes. */
  readonly produced: readonly {
    readonly partition: number;
    readonly bytes: number;
    readonly count: number;
  }[];
  connections(): number;
  readonly arm: (fault: Fault) => void;
  /** Refuses from now on as HTTP would with this status, and quotes the password. */
  readonly echo: (status: number) => void;
  /** Every partition of a produce request is answered with this. */
  answer(code: number | null): void;
  readonly heal: () => void;
  readonly hits: () => number;
  readonly poison: (ids: readonly string[]) => void;
  readonly postpone: (ids: readonly string[]) => void;
  close(): Promise<void>;
}

const [PRODUCE, METADATA, SASL_HANDSHAKE, API_VERSIONS, INIT_PRODUCER_ID, SASL_AUTHENTICATE] = [
  0, 3, 17, 18, 22, 36,
];
/** The one version of each request that it knows; versions before the flexible ones. */
const VERSIONS: readonly (readonly [key: number, version: number])[] = [
  [PRODUCE, 8],
  [METADATA, 8],
  [SASL_HANDSHAKE, 1],
  [API_VERSIONS, 3],
  [INIT_PRODUCER_ID, 1],
  [SASL_AUTHENTICATE, 1],
];
const NOT_ENOUGH_REPLICAS = 19;
const HTML = 'HTTP/1.1 400 Bad Request\r\n\r\n<html>a proxy</html>';

/**
 * One broker on loopback, written from the protocol guide: checksums, sequence numbers and acknowledgements are looked at as Kafka does, and
 * whatever it would not take, or would take without saying what it lost, is a problem.
 */
export async function openFakeKafka(options: FakeKafkaOptions): Promise<FakeKafka> {
  const { topic, partitions = 3, user, nonsense } = options;
  const records: FakeRecord[] = [];
  const problems: string[] = [];
  const produced: { partition: number; bytes: number; count: number }[] = [];
  const sockets = new Set<Socket>();
  const sequences = new Map<string, number>();
  const [poisoned, postponed] = [new Set<string>(), new Set<string>()];
  let [hits, connections, producers] = [0, 0, 0];
  let armed: Fault | null = null;
  let sizeLimit: number | null = null;
  let echoed: number | null = null;
  let answered: number | null = null;

  const store = (reader: Reader, partition: number): readonly [code: number, said: string | null] => {
    const size = reader.int32();
    const batch = readBatch(reader.bytes(size), partition, problems);
    produced.push({ partition, bytes: size, count: batch.records.length });
    if (answered !== null) return [answered, null];
    if (echoed === 400) return [87, `no record of ${user?.password()} is valid`];
    if (echoed === 500) return [56, `the disk of ${user?.password()} failed`];
    if (armed === 'too_large') {
      hits += 1;
      sizeLimit ??= Math.ceil(size / 2);
      if (size > sizeLimit) return [10, null];
    }
    const ids = batch.records.map(({ key }) => key);
    if (ids.some((id) => poisoned.has(id))) return [87, 'one or more records have been rejected'];
    const late = ids.filter((id) => postponed.delete(id));
    if (late.length > 0) return [NOT_ENOUGH_REPLICAS, null];
    const name = `${batch.producer}/${partition}`;
    const expected = sequences.get(name) ?? 0;
    if (batch.sequence + batch.records.length === expected) return [0, null]; // again: it is there
    if (batch.sequence !== expected) return [45, null];
    sequences.set(name, expected + batch.records.length);
    records.push(...batch.records);
    return [0, null];
  };

  const takeProduce = (reader: Reader, socket: Socket, reply: Reply): void => {
    const fault = armed;
    if (fault !== null && fault !== 'too_large' && fault !== 'unauthorized') {
      hits += 1;
      if (fault !== 'hang') armed = null;
      if (fault === 'hang') return;
      if (fault === 'reset_before_body') return void socket.resetAndDestroy();
      if (fault === 'html_answer') return void socket.write(HTML);
    }
    if (reader.text() !== null) problems.push('a transaction');
    if (reader.int16() !== -1) problems.push('acks other than all');
    if (reader.int32() <= 0) problems.push('no time for the replicas');
    const topics = reader.list(() => {
      const name = reader.text();
      const parts = reader.list(() => {
        const index = reader.int32();
        if (fault === 'server_error') {
          reader.bytes(reader.int32());
          return { index, code: NOT_ENOUGH_REPLICAS, said: null };
        }
        const [code, said] = name === topic && index < partitions ? store(reader, index) : [3, null];
        return { index, code, said };
      });
      return { name, parts };
    });
    if (fault === 'reset_after_body') return void socket.resetAndDestroy();
    const answer = new Writer().list(topics, (writer, { name, parts }) =>
      writer.text(name).list(parts, (one, { index, code, said }) =>
        one
          .int32(index)
          .int16(code)
          .int64(code === 0 ? 7n : -1n)
          .int64(-1n)
          .int64(0n)
          .list([], () => undefined)
          .text(said),
      ),
    );
    reply(answer.int32(0), fault === 'truncated_answer');
  };

  const takeMetadata = (reader: Reader, reply: Reply): void => {
    const wanted = reader.list(() => reader.text());
    if (reader.int8() !== 0) problems.push('asks for topics to be made');
    const { port } = server.address() as AddressInfo;
    const nodes = [0];
    const answer = new Writer()
      .int32(0)
      .list(nodes, (writer) => writer.int32(0).text('127.0.0.1').int32(port).text(null))
      .text('fake-cluster')
      .int32(0)
      .list(wanted, (writer, name) =>
        writer
          .int16(name === topic ? 0 : 3)
          .text(name)
          .int8(0)
          .list(name === topic ? Array.from({ length: partitions }, (_, index) => index) : [], (one, index) =>
            one
              .int16(0)
              .int32(index)
              .int32(0)
              .int32(1)
              .list(nodes, (two, node) => two.int32(node))
              .list(nodes, (two, node) => two.int32(node))
              .list([], () => undefined),
          )
          .int32(0),
      )
      .int32(0);
    reply(answer);
  };

  const authenticate = (reader: Reader): Writer => {
    if (nonsense !== undefined) {
      hits += 1;
      return new Writer().int16(0).text(null).int32(nonsense.length).raw(Buffer.from(nonsense)).int64(0n);
    }
    const [, name, password] = reader.bytes(reader.int32()).toString('utf8').split('\0');
    const refused = armed === 'unauthorized' || echoed === 401 || echoed === 403;
    if (refused) hits += 1;
    const good = !refused && name === user?.name && password === user?.password();
    const said = good ? null : `the password ${password} of ${name} is wrong`;
    return new Writer()
      .int16(good ? 0 : 58)
      .text(said)
      .int32(0)
      .int64(0n);
  };

  const serve = (socket: Socket): void => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (armed === 'accept_and_close') {
      hits += 1;
      armed = null;
      return void socket.pause().end();
    }
    let pending: Buffer = Buffer.alloc(0);
    let known = user === undefined;
    const take = (frame: Buffer): void => {
      const reader = new Reader(frame);
      const [key, version, correlation] = [reader.int16(), reader.int16(), reader.int32()];
      if (reader.text() === null) problems.push('a client without a name');
      const reply: Reply = (body, cut = false) => {
        const bytes = new Writer().int32(correlation).raw(body.all()).framed();
        socket.write(cut ? bytes.subarray(0, bytes.length / 2) : bytes);
        if (cut) socket.end();
      };
      if (key === API_VERSIONS) return reply(apiVersions(version));
      if (!VERSIONS.some(([one, two]) => one === key && two === version))
        return void problems.push(`request ${key} in version ${version}`);
      if (key === SASL_HANDSHAKE)
        return reply(
          new Writer()
            .int16(reader.text() === 'PLAIN' || nonsense !== undefined ? 0 : 33)
            .list(['PLAIN'], (one, text) => one.text(text)),
        );
      if (key === SASL_AUTHENTICATE) {
        const answer = authenticate(reader);
        known = answer.all().readInt16BE(0) === 0;
        return reply(answer);
      }
      if (!known) return void socket.destroy();
      if (key === METADATA) return takeMetadata(reader, reply);
      if (key === INIT_PRODUCER_ID) {
        if (reader.text() !== null) problems.push('a transactional producer');
        producers += 1;
        return reply(new Writer().int32(0).int16(0).int64(BigInt(producers)).int16(0));
      }
      takeProduce(reader, socket, reply);
    };
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const frame = pending.subarray(4, 4 + pending.readInt32BE(0));
        pending = pending.subarray(4 + frame.length);
        take(frame);
        if (socket.destroyed) return;
      }
    });
  };

  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    records,
    problems,
    produced,
    connections: () => connections,
    arm: (fault) => void (armed = fault),
    echo: (status) => void (echoed = status),
    answer: (code) => void (answered = code),
    heal: () => {
      [armed, sizeLimit, echoed, answered] = [null, null, null, null];
    },
    hits: () => hits,
    poison: (ids) => ids.forEach((id) => poisoned.add(id)),
    postpone: (ids) => ids.forEach((id) => postponed.add(id)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Reply = (body: Writer, cut?: boolean) => void;

function apiVersions(version: number): Writer {
  const writer = new Writer().int16(0);
  if (version < 3)
    return writer.list(VERSIONS, (one, [key, known]) => one.int16(key).int16(known).int16(known)).int32(0);
  writer.int8(VERSIONS.length + 1); // a compact list, whose length is one more
  for (const [key, known] of VERSIONS) writer.int16(key).int16(known).int16(known).int8(0);
  return writer.int32(0).int8(0);
}

interface Batch {
  readonly producer: bigint;
  readonly sequence: number;
  readonly records: readonly FakeRecord[];
}

/** A record batch of version 2. Source: Kafka documentation, "Record Batch". */
function readBatch(bytes: Buffer, partition: number, problems: string[]): Batch {
  const length = bytes.readInt32BE(8);
  if (length + 12 !== bytes.length) problems.push('more than one batch for a partition');
  if (bytes.readInt8(16) !== 2) problems.push('an old record format');
  if (bytes.readUInt32BE(17) !== crc32c(bytes.subarray(21))) problems.push('a wrong checksum');
  const attributes = bytes.readInt16BE(21);
  const codec = attributes & 7;
  if (codec > 1) problems.push(`compressed by ${codec}, which this fake cannot read`);
  const [producer, epoch, sequence] = [
    bytes.readBigInt64BE(43),
    bytes.readInt16BE(51),
    bytes.readInt32BE(53),
  ];
  if (producer <= 0n || epoch !== 0 || sequence < 0) problems.push('a producer that is not idempotent');
  const count = bytes.readInt32BE(57);
  if (bytes.readInt32BE(23) !== count - 1) problems.push('a count that is off');
  const body = bytes.subarray(61);
  const reader = new Reader(codec === 1 ? gunzipSync(body) : body);
  const records = Array.from({ length: count }, (_, index) => readRecord(reader, index, partition, problems));
  if (!reader.done()) problems.push('bytes after the last record');
  return { producer, sequence, records };
}

function readRecord(reader: Reader, index: number, partition: number, problems: string[]): FakeRecord {
  reader.varint();
  reader.int8();
  reader.varint();
  if (reader.varint() !== index) problems.push('an offset that is off');
  const text = (): string => reader.bytes(reader.varint()).toString('utf8');
  const [key, value] = [text(), text()];
  const headers = Object.fromEntries(
    Array.from({ length: reader.varint() }, () => [text(), text()] as const),
  );
  if (headers['event_id'] !== key) problems.push('a key that is not the event id');
  return { key, value, headers, partition };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  done(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new Error('a request that is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  int8(): number {
    return this.bytes(1).readInt8(0);
  }

  int16(): number {
    return this.bytes(2).readInt16BE(0);
  }

  int32(): number {
    return this.bytes(4).readInt32BE(0);
  }

  /** Zigzag, at most five bytes. */
  varint(): number {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes(1).readUInt8(0);
      raw += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  text(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.bytes(length).toString('utf8');
  }

  list<T>(one: () => T): readonly T[] {
    return Array.from({ length: Math.max(this.int32(), 0) }, one);
  }
}

class Writer {
  readonly #parts: Buffer[] = [];

  all(): Buffer {
    return Buffer.concat(this.#parts);
  }

  framed(): Buffer {
    const body = this.all();
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    return Buffer.concat([size, body]);
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  #number(size: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(size);
    write(bytes);
    return this.raw(bytes);
  }

  int8(value: number): this {
    return this.#number(1, (bytes) => bytes.writeInt8(value));
  }

  int16(value: number): this {
    return this.#number(2, (bytes) => bytes.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#number(4, (bytes) => bytes.writeInt32BE(value));
  }

  int64(value: bigint): this {
    return this.#number(8, (bytes) => bytes.writeBigInt64BE(value));
  }

  text(value: string | null): this {
    if (value === null) return this.int16(-1);
    return this.int16(Buffer.byteLength(value)).raw(Buffer.from(value));
  }

  list<T>(list: readonly T[], write: (writer: this, one: T) => unknown): this {
    this.int32(list.length);
    for (const one of list) write(this, one);
    return this;
  }
}

const CRC32C = Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function crc32c(bytes: Buffer): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (CRC32C[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
