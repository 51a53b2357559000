import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/**
 * - good          reads everything, closes its side after the sender closed its own
 * - reset         resets every connection as soon as bytes arrive, having stored nothing
 * - reset_late    stores everything, then resets where it should close
 * - early_close   stores what came first and goes away while the sender still writes
 * - never_close   stores everything and keeps its side open
 * - hang          accepts and reads nothing
 * - leave         closes in order as soon as it accepted, having read nothing: a load balancer without a backend
 * - answer        stores nothing and says something, as a web server would
 */
export type SyslogBehaviour =
  'good' | 'reset' | 'reset_late' | 'early_close' | 'never_close' | 'hang' | 'leave' | 'answer';

export interface FakeSyslog {
  readonly port: number;
  /** Whole messages, in order of arrival. */
  readonly messages: readonly Buffer[];
  /** What a strict receiver would complain about. */
  readonly problems: readonly string[];
  connections(): number;
  /** Those that are open. */
  open(): number;
  /** How many connections met a behaviour other than good. */
  hits(): number;
  /** For the next `count` connections, without end by default. */
  behave(behaviour: SyslogBehaviour, count?: number): void;
  /** From now on: reads and stores nothing, and closes in order so long after it accepted, whatever the sender does. */
  giveUpAfter(ms: number | null): void;
  /** From now on: so long after the sender closed its side, it closes its own. */
  closeAfter(ms: number): void;
  /** A message that holds one of these texts makes the receiver reset the connection, as an over-long frame does. */
  choke(texts: readonly string[]): void;
  close(): Promise<void>;
}

export interface FakeSyslogOptions {
  readonly framing?: 'octet_counting' | 'lf';
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    /** Asks for a client certificate of this authority and refuses others. */
    readonly clientCa?: string;
    readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  };
}

/** A strict syslog receiver on loopback. */
export async function openFakeSyslog(options: FakeSyslogOptions = {}): Promise<FakeSyslog> {
  const messages: Buffer[] = [];
  const problems: string[] = [];
  const sockets = new Set<Socket>();
  const raw = new Map<string, Socket>();
  let plan: { behaviour: SyslogBehaviour; left: number } = { behaviour: 'good', left: 0 };
  let chokes: readonly string[] = [];
  let givesUpMs: number | null = null;
  let closesMs = 0;
  const timers = new Set<NodeJS.Timeout>();
  let connections = 0;
  let hits = 0;

  const nextBehaviour = (): SyslogBehaviour => {
    if (plan.left <= 0 || plan.behaviour === 'good') return 'good';
    plan.left -= 1;
    hits += 1;
    return plan.behaviour;
  };
  const serve = (socket: Socket): void => {
    connections += 1;
    const behaviour = nextBehaviour();
    const reset = (): void => void (raw.get(keyOf(socket)) ?? socket).resetAndDestroy();
    if (behaviour === 'hang') return void socket.pause();
    if (behaviour === 'leave') return void socket.pause().end();
    if (givesUpMs !== null) {
      timers.add(setTimeout(() => socket.end(), givesUpMs));
      return void socket.resume();
    }
    const split = options.framing === 'lf' ? splitLines(problems) : splitCounted(problems);
    socket.on('data', (bytes: Buffer) => {
      if (behaviour === 'reset') return reset();
      if (behaviour === 'answer') return void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      for (const message of split.take(bytes)) {
        const text = message.toString('utf8');
        if (chokes.some((part) => text.includes(part))) return reset();
        messages.push(message);
        if (behaviour === 'early_close') return void socket.pause().destroy();
      }
    });
    socket.on('end', () => {
      split.finish();
      if (behaviour === 'reset_late') return reset();
      if (behaviour === 'never_close') return;
      if (closesMs === 0) socket.end();
      else timers.add(setTimeout(() => socket.end(), closesMs));
    });
  };

  const server = openServer(options, serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    raw.set(keyOf(socket), socket);
    socket.on('error', () => undefined); // senders that give up are part of these tests
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    problems,
    connections: () => connections,
    open: () => sockets.size,
    hits: () => hits,
    behave: (behaviour, count = Infinity) => {
      plan = { behaviour, left: count };
    },
    giveUpAfter: (ms) => {
      givesUpMs = ms;
    },
    closeAfter: (ms) => {
      closesMs = ms;
    },
    choke: (texts) => {
      chokes = texts;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        for (const timer of timers) clearTimeout(timer);
      }),
  };
}

function openServer(options: FakeSyslogOptions, serve: (socket: Socket) => void) {
  const { tls } = options;
  if (tls === undefined) return createTcpServer({ allowHalfOpen: true }, serve);
  const server = createTlsServer(
    {
      cert: tls.cert,
      key: tls.key,
      allowHalfOpen: true,
      ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
      ...(tls.clientCa === undefined
        ? {}
        : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    },
  );
  server.on('tlsClientError', () => undefined);
  return server;
}

function keyOf(socket: Socket): string {
  return `${socket.remotePort}`;
}

interface Splitter {
  take(bytes: Buffer): readonly Buffer[];
  /** The sender closed: nothing may be left. */
  finish(): void;
}

/** `LEN SP MSG` to the letter: no leading zero, at most ten digits, nothing between frames, nothing left at the end. */
export function splitCounted(problems: string[]): Splitter {
  let pending = Buffer.alloc(0);
  return {
    take: (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      const found: Buffer[] = [];
      for (;;) {
        const header = /^([1-9]\d{0,9}) /.exec(pending.toString('latin1', 0, 11));
        if (header === null) {
          if (pending.length > 10) problems.push('no octet count');
          return found;
        }
        const start = header[0].length;
        const end = start + Number(header[1]);
        if (pending.length < end) return found;
        found.push(Buffer.from(pending.subarray(start, end)));
        pending = pending.subarray(end);
      }
    },
    finish: () => {
      if (pending.length > 0) problems.push(`${pending.length} bytes of an unfinished frame`);
    },
  };
}

function splitLines(problems: string[]): Splitter {
  let pending = Buffer.alloc(0);
  return {
    take: (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      const found: Buffer[] = [];
      for (let at = pending.indexOf(10); at >= 0; at = pending.indexOf(10)) {
        found.push(Buffer.from(pending.subarray(0, at)));
        pending = pending.subarray(at + 1);
      }
      return found;
    },
    finish: () => {
      if (pending.length > 0) problems.push(`${pending.length} bytes of an unfinished line`);
    },
  };
}

export interface ParsedMessage {
  readonly priority: number;
  readonly timestamp: string;
  readonly hostname: string;
  readonly appName: string;
  readonly procId: string;
  readonly msgId: string;
  readonly elements: readonly {
    readonly id: string;
    readonly params: readonly (readonly [string, string])[];
  }[];
  /** Null when there is none. */
  readonly body: string | null;
}

/** Reads a message by the grammar of RFC 5424 section 6, character by character. Throws on any departure. */
export function parse5424(message: Buffer): ParsedMessage {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
  let at = 0;
  const expect = (sign: string): void => {
    if (text[at] !== sign) throw new Error(`expected ${sign} at ${at}`);
    at += 1;
  };
  const until = (stop: RegExp, limit: number): string => {
    const start = at;
    while (at < text.length && !stop.test(text.charAt(at))) {
      const code = text.charCodeAt(at);
      if (code < 33 || code > 126) throw new Error(`character ${code} at ${at}`);
      at += 1;
    }
    if (at === start || at - start > limit) throw new Error(`field of ${at - start} characters at ${start}`);
    return text.slice(start, at);
  };
  const field = (limit: number): string => {
    const value = until(/ /, limit);
    expect(' ');
    return value;
  };
  const value = (): string => {
    let found = '';
    expect('"');
    while (text[at] !== '"') {
      if (at >= text.length || text[at] === ']') throw new Error(`value not closed at ${at}`);
      if (text[at] === '\\' && /["\\\]]/.test(text[at + 1] ?? '')) at += 1;
      found += text[at];
      at += 1;
    }
    expect('"');
    return found;
  };
  expect('<');
  const priority = until(/>/, 3);
  expect('>');
  if (!/^(0|[1-9]\d{0,2})$/.test(priority) || Number(priority) > 191) throw new Error('PRIVAL');
  if (field(2) !== '1') throw new Error('VERSION');
  const timestamp = field(40);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/.test(timestamp))
    throw new Error('TIMESTAMP');
  const [hostname, appName, procId, msgId] = [field(255), field(48), field(128), field(32)];
  const elements: { id: string; params: [string, string][] }[] = [];
  if (text[at] === '-') at += 1;
  else if (text[at] !== '[') throw new Error('STRUCTURED-DATA');
  while (text[at] === '[') {
    at += 1;
    const element = { id: until(/[ \]="]/, 32), params: [] as [string, string][] };
    while (text[at] === ' ') {
      at += 1;
      const name = until(/[=\]" ]/, 32);
      expect('=');
      element.params.push([name, value()]);
    }
    expect(']');
    elements.push(element);
  }
  if (at === text.length)
    return { priority: Number(priority), timestamp, hostname, appName, procId, msgId, elements, body: null };
  expect(' ');
  const body = text.slice(at);
  return { priority: Number(priority), timestamp, hostname, appName, procId, msgId, elements, body };
}
