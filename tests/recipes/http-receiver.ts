import type { FakeAnswer, FakeReceiver, FakeRequest } from '../fakes/faults.ts';

/** One event as a receiver reads it out of a request. */
export interface Read {
  /** The document, as JSON text. */
  readonly document: string;
  /** What the receiver would file it under; milliseconds. */
  readonly timeMs: number;
  /** What its limit of one event is about. */
  readonly bytes: number;
}

/** What the documentation of a receiver says of its endpoint. */
export interface Rules {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Besides the credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
  /** The status for wrong ones. */
  readonly refusal: number;
  readonly contentType: string;
  /** Of a body, uncompressed. */
  readonly maxBytes: number;
  readonly maxEvents?: number;
  readonly maxEventBytes?: number;
  readonly maxAgeMs?: number;
  read(body: string, request: FakeRequest): readonly Read[];
  readonly answer: FakeAnswer;
}

export interface HttpReceiver {
  readonly receive: FakeReceiver;
  /** Documents taken, in order. */
  readonly documents: string[];
}

/** Stricter than any of them: what a receiver would drop, cut or misdate without a word breaks the connection here, and the test. */
export function httpReceiver(rules: Rules, nowMs: () => number): HttpReceiver {
  const documents: string[] = [];
  return {
    documents,
    receive: (request) => {
      for (const [name, value] of Object.entries(rules.credentials))
        if (request.headers[name] !== value) return { status: rules.refusal, body: 'who are you?' };
      if (request.path !== rules.path) return { status: 404, body: 'no such path' };
      if (request.method === 'HEAD') return { status: 405 };
      for (const [name, value] of Object.entries(rules.query ?? {}))
        demand(request.query.get(name) === value, `the query lacks ${name}=${value}`);
      for (const [name, value] of Object.entries(rules.headers ?? {}))
        demand(request.headers[name] === value, `the header ${name} is not ${value}`);
      demand(request.headers['content-type'] === rules.contentType, `not ${rules.contentType}`);
      if (request.body.length > rules.maxBytes) return { status: 413, body: 'too large' };
      const events = rules.read(request.body.toString('utf8'), request);
      demand(events.length <= (rules.maxEvents ?? Infinity), 'too many events');
      for (const { timeMs, bytes } of events) {
        demand(bytes <= (rules.maxEventBytes ?? Infinity), `an event of ${bytes} bytes would be cut`);
        const age = nowMs() - timeMs;
        demand(age >= -60_000 && age <= (rules.maxAgeMs ?? Infinity), `an event ${age} ms old would be lost`);
      }
      documents.push(...events.map(({ document }) => document));
      return rules.answer;
    },
  };
}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`a receiver would lose this: ${what}`);
}

export function linesOf(body: string): readonly string[] {
  demand(body.endsWith('\n'), 'the last line has no end');
  return body.slice(0, -1).split('\n');
}

/** The time that ECS and OCSF state. */
export function timeIn(document: string): number {
  const value = JSON.parse(document) as { '@timestamp'?: string; time?: number };
  return value.time ?? Date.parse(value['@timestamp'] ?? '');
}

export function plainRead(document: string): Read {
  return { document, timeMs: timeIn(document), bytes: Buffer.byteLength(document) };
}
