import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { describe as describeError, ForwardError } from '../../src/model/errors.ts';
import { sinkTypes } from '../../src/sinks/registry.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { makeItems } from '../contract/items.ts';
import { elapse, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';
import { insertEvents, sourceRoom } from '../fakes/source-room.ts';
import { badAnswer, garbage } from './garbage.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from './seed.ts';

interface Subject {
  /** Its options in YAML, with URL and ADDRESS where the bad peer is. */
  readonly yaml: string;
  /** What a good peer answers. */
  readonly good: readonly string[];
  readonly override?: (url: string) => object;
}

const TOKEN = '{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}';
const LISTED =
  '<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a/1.gz</Key></Contents></ListBucketResult>';
const PAGE =
  '{"items":[{"id":"1","event_type":"a.b","created_at":"2026-01-02T03:04:05Z"}],"metadata":{"page_size":1000,"total_count":1}}';
const BULK =
  '{"errors":true,"items":[{"create":{"_index":"a","status":201}},{"create":{"_index":"a","status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"y"}}}]}';

/** Sinks that ask over HTTP, by what stands before each. */
const SINKS: Readonly<Record<string, Subject>> = {
  splunk_hec: {
    yaml: `url: URL, token: k, ack: 'on', ack_timeout: 5s`,
    good: [
      '{"text":"Success","code":0,"ackId":7}',
      '{"acks":{"7":true}}',
      '{"text":"x","code":6,"invalid-event-number":1}',
    ],
  },
  elasticsearch: {
    yaml: `url: URL, api_key: k, compress: none`,
    good: [
      BULK,
      '{"version":{"number":"9.1.0"},"tagline":"You Know, for Search"}',
      '{"docs":[{"_index":"a","_id":"x","found":true,"_source":{}}]}',
      '{"hits":{"total":{"value":1},"hits":[]}}',
    ],
  },
  otlp: {
    yaml: 'url: URL, encoding: json',
    good: ['{}', '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"x"}}'],
  },
  http: { yaml: 'url: URL, expect: { code: 0 }', good: ['{"code":0}', '{"code":"0"}'] },
  sentinel: {
    yaml: `endpoint: 'https://a.example', rule_id: dcr-00aa, stream: Custom-A, tenant_id: t, client_id: c, client_secret: k`,
    good: [TOKEN, '', '{"error":{"code":"InvalidPayload","message":"x"}}'],
    override: (url) => ({ endpoint: url, authority: url }),
  },
  s3: {
    yaml: `bucket: audit, region: eu-west-1, endpoint: URL, access_key_id: AKIDEXAMPLE, secret_access_key: k`,
    good: [LISTED, '<Error><Code>PreconditionFailed</Code></Error>', ''],
  },
};

/** Everything else: it has no peer that answers, or one that does not speak HTTP. */
const OTHERS: Readonly<Record<string, Subject | null>> = {
  file: null,
  stdout: null,
  syslog: {
    yaml: `address: 'relp://ADDRESS', timeout: 2s, close_timeout: 1s`,
    good: [
      '1 rsp 93 200 OK\nrelp_version=0\nrelp_software=x\ncommands=syslog\n',
      '0 serverclose 0\n',
      '2 rsp 6 200 OK\n',
      '2 rsp 9 500 error\n',
    ],
  },
  kafka: {
    yaml: `brokers: ['ADDRESS'], topic: audit, request_timeout: 1s`,
    good: [
      '\u0000\u0000\u0000\u0010\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0000\u0000\u0000',
    ],
  },
};

const parts = await loadParts();
const ends: (() => void)[] = [];
let answers: readonly { status: number; headers: Readonly<Record<string, string>>; body: Buffer }[] = [];
let turn = 0;
let url = '';
let words: readonly string[] = [];
let address = '';

beforeAll(async () => {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(response));
  });
  // What a peer of another protocol says: one of its words to whatever comes.
  const peer = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const word = words[(turn += 1) % words.length] ?? '';
      if (word === '') socket.destroy();
      else socket.write(Buffer.from(word, 'latin1'));
    });
  });
  url = `http://127.0.0.1:${await listen(server)}`;
  address = `127.0.0.1:${await listen(peer)}`;
  ends.push(() => server.closeAllConnections());
});
afterAll(() => {
  for (const end of ends.splice(0)) end();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ends.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function answer(response: ServerResponse): void {
  const next = answers[(turn += 1) % answers.length];
  if (next === undefined) return void response.destroy();
  // Neither may have a body.
  const bare = next.status === 204 || next.status === 304;
  response.writeHead(next.status, next.headers);
  response.end(bare ? undefined : next.body);
}

function optionsOf(type: string, { yaml, override }: Subject): object {
  const sink = `{ type: ${type}, ${yaml.replaceAll('URL', url).replaceAll('ADDRESS', address)} }`;
  const source = `{ type: cloudquery, url: '${url}', api_key: k }`;
  const text = `state: { dir: ./data }\nsources: { x: ${source} }\nsinks: { x: ${sink} }\n`;
  const { options } = parseConfig(text, '/nowhere/a.yaml', {}, parts).sinks.get('x') ?? {};
  return Object.assign({}, options, override?.(url));
}

async function openSink(type: string, subject: Subject): Promise<Sink> {
  const definition = guardSink((await sinkTypes.get(type)?.()) as never);
  const context = { name: 'x', warn: () => undefined, clock: testClock(), forwarderVersion: '0' };
  return definition.create(optionsOf(type, subject), context);
}

/** What is thrown is ours, and made for people: short, on one line, with nothing in it that a terminal obeys. */
function expectOurs(error: unknown): void {
  if (!(error instanceof ForwardError)) throw error;
  expect(error.name, describeError(error)).toBe('ForwardError');
  for (const text of [error.message, error.hint ?? '']) {
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(text.length).toBeLessThan(2_000);
  }
}

/** Every question that a sink asks, each answered with what is no good. */
async function expectReaction(sink: Sink): Promise<void> {
  const { signal } = new AbortController();
  const items = makeItems(3);
  for (const attempt of [1, 2]) {
    try {
      const { fates } = await sink.send({ items, attempt }, signal);
      expect(fates).toHaveLength(items.length);
      for (const fate of fates) {
        expect(['delivered', 'duplicate', 'retry', 'rejected']).toContain(fate.outcome);
        if ('reason' in fate) expect(fate.reason).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
      }
    } catch (error) {
      expectOurs(error);
    }
  }
  for (const ask of [
    () => sink.check(signal),
    () => sink.holds?.(['a', 'b'], signal, { startNs: 0n, endNs: 1n }),
  ]) {
    try {
      await ask();
    } catch (error) {
      expectOurs(error);
    }
  }
  await sink.close();
}

describe('whatever a receiver answers', { timeout: FUZZ_TIMEOUT_MS }, () => {
  it('every type of sink is here', () => {
    expect([...Object.keys(SINKS), ...Object.keys(OTHERS)].toSorted()).toEqual(
      [...sinkTypes.keys()].toSorted(),
    );
  });

  it.each(Object.entries(SINKS))(
    '%s gives each event a fate, or says what is wrong',
    async (type, subject) => {
      await fc.assert(
        fc.asyncProperty(fc.array(badAnswer(subject.good), { minLength: 1, maxLength: 4 }), async (next) => {
          [answers, turn] = [next, 0];
          await expectReaction(await openSink(type, subject));
        }),
        { numRuns: 60 * FUZZ_RUNS, endOnFailure: true },
      );
    },
  );

  const speaking = Object.entries(OTHERS).flatMap(([type, subject]) =>
    subject === null ? [] : [{ type, subject }],
  );
  it.each(speaking)('$type does so over a protocol of its own', async ({ type, subject }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(garbage(subject.good), { minLength: 1, maxLength: 4 }), async (next) => {
        [words, turn] = [next.map((text) => text.slice(0, 100_000)), 0];
        await expectReaction(await openSink(type, subject));
      }),
      { numRuns: 6 * FUZZ_RUNS, endOnFailure: true },
    );
  });
});

describe('whatever the Platform answers', { timeout: FUZZ_TIMEOUT_MS }, () => {
  const START_MS = Date.parse('2026-01-02T12:00:00Z');
  const good = [PAGE, '{"message":"unauthorized"}', '{}'];
  beforeEach(() => startSimulatedTime(START_MS));
  afterEach(stopSimulatedTime);

  it('a source says what is wrong, and nothing of it is lost', async () => {
    const answered = fc.option(badAnswer(good), { freq: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(answered, { minLength: 1, maxLength: 6 }), async (next) => {
        const room = sourceRoom({ history: 1_800_000 });
        insertEvents(room, 40, Date.now() - 60_000, 30_000);
        room.change = ({ response, number }) => next[number % next.length] ?? response;
        for (let polls = 0; polls < 3; polls += 1) await room.poll().catch(expectOurs);
        await elapse(room.source.check(new AbortController().signal)).catch(expectOurs);
        room.change = ({ response }) => response;
        await room.poll(6, 20 * 60_000);
        expect(room.missing()).toEqual([]);
      }),
      { numRuns: 40 * FUZZ_RUNS, endOnFailure: true },
    );
  });
});
