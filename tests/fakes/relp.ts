import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/**
 * - good            answers every message with 200
 * - reset           resets as soon as the first message of a session arrives, having stored nothing
 * - reset_late      stores what comes and resets instead of the first answer
 * - hang            opens the session and answers nothing more
 * - leave           closes as soon as it accepted, having read nothing
 * - refuse_open     answers `open` with 500
 * - no_syslog       opens the session without the syslog command
 * - garbage         answers a message with something that is no frame
 * - server_close    announces the end after the first message, stores and answers only that one
 * - backwards       answers in pairs, the later one first
 */
export type RelpBehaviour =
  | 'good'
  | 'reset'
  | 'reset_late'
  | 'hang'
  | 'leave'
  | 'refuse_open'
  | 'no_syslog'
  | 'garbage'
  | 'server_close'
  | 'backwards';

export interface FakeRelp {
  readonly port: number;
  readonly messages: readonly Buffer[];
  readonly problems: readonly string[];
  sessions(): number;
  hits(): number;
  /** The most messages that were ever without an answer. */
  mostWaiting(): number;
  /** Sessions that ended with `close`. */
  closedInOrder(): number;
  behave(behaviour: RelpBehaviour, sessions?: number): void;
  /** Messages that hold one of these texts are answered with 500. */
  refuse(texts: readonly string[]): void;
  /** These are left without an answer the first time, and the session ends once all others are answered. */
  postpone(texts: readonly string[]): void;
  /** From now on sessions that are open are reset. */
  dropSessions(): void;
  close(): Promise<void>;
}

export interface FakeRelpOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Answers are held back until so many messages wait, to see the sender's window. */
  readonly holdBack?: number;
}

const HOLD_BACK_MS = 15;

/** A strict RELP server on loopback, written from the protocol's description alone. */
export async function openFakeRelp(options: FakeRelpOptions = {}): Promise<FakeRelp> {
  const messages: Buffer[] = [];
  const problems: string[] = [];
  const sockets = new Set<Socket>();
  const count = { sessions: 0, hits: 0, mostWaiting: 0, closed: 0 };
  let plan: { behaviour: RelpBehaviour; left: number } = { behaviour: 'good', left: 0 };
  let refused: readonly string[] = [];
  const postponed = new Set<string>();

  const serve = (socket: Socket): void => {
    count.sessions += 1;
    const faulty = plan.behaviour !== 'good' && plan.left > 0;
    const behaviour = faulty ? plan.behaviour : 'good';
    if (faulty) plan.left -= 1;
    if (behaviour === 'leave') {
      count.hits += 1;
      return void socket.pause().end();
    }
    let pending = Buffer.alloc(0);
    let lastTxnr = 0;
    let waiting: (() => void)[] = [];
    let timer: NodeJS.Timeout | undefined;
    let cut = false;
    const struck = (): void => void (count.hits += 1);
    const rsp = (txnr: number, text: string): void => void socket.write(frameText(txnr, 'rsp', text));
    const flush = (): void => {
      for (const one of behaviour === 'backwards' ? waiting.reverse() : waiting) one();
      waiting = [];
      if (cut) socket.end();
    };
    const later = (answer: () => void): void => {
      waiting.push(answer);
      count.mostWaiting = Math.max(count.mostWaiting, waiting.length);
      clearTimeout(timer);
      if (waiting.length >= (options.holdBack ?? 1) && behaviour !== 'backwards' && !cut) flush();
      else timer = setTimeout(flush, HOLD_BACK_MS);
    };
    const takeMessage = (txnr: number, data: Buffer): void => {
      const text = data.toString('utf8');
      if (behaviour !== 'good') struck();
      if (behaviour === 'reset') return void socket.resetAndDestroy();
      if (behaviour === 'hang') return;
      if (behaviour === 'garbage') return void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      const late = [...postponed].find((part) => text.includes(part));
      if (late !== undefined) {
        postponed.delete(late);
        cut = true;
        return later(() => undefined);
      }
      if (refused.some((part) => text.includes(part)))
        return later(() => rsp(txnr, '500 not taken, too odd'));
      messages.push(data);
      if (behaviour === 'reset_late') return void socket.resetAndDestroy();
      later(() => rsp(txnr, '200 OK'));
      if (behaviour === 'server_close') {
        flush();
        socket.end(frameText(0, 'serverclose', ''));
        socket.removeAllListeners('data');
        socket.resume();
        pending = Buffer.alloc(0);
      }
    };
    const take = (txnr: number, command: string, data: Buffer): void => {
      if (txnr !== (lastTxnr % 999_999_999) + 1) problems.push(`number ${txnr} after ${lastTxnr}`);
      lastTxnr = txnr;
      if (command === 'syslog') return takeMessage(txnr, data);
      if (command === 'open') return rsp(txnr, openAnswer(behaviour, data, problems));
      if (command === 'close') {
        count.closed += 1;
        rsp(txnr, '');
        return void socket.end();
      }
      problems.push(`command ${command}`);
    };
    socket.on('error', () => undefined);
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (let found = nextFrame(pending, problems); found !== null; found = nextFrame(pending, problems)) {
        pending = pending.subarray(found.size);
        take(found.txnr, found.command, found.data);
        if (socket.destroyed || socket.writableEnded) return;
      }
    });
    socket.on('end', () => {
      if (pending.length > 0) problems.push('an unfinished frame');
    });
  };

  const server =
    options.tls === undefined
      ? createTcpServer(serve)
      : createTlsServer({ cert: options.tls.cert, key: options.tls.key }, serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    problems,
    sessions: () => count.sessions,
    hits: () => count.hits,
    mostWaiting: () => count.mostWaiting,
    closedInOrder: () => count.closed,
    behave: (behaviour, sessions = Infinity) => {
      plan = { behaviour, left: sessions };
    },
    refuse: (texts) => {
      refused = texts;
    },
    postpone: (texts) => {
      for (const text of texts) postponed.add(text);
    },
    dropSessions: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function openAnswer(behaviour: RelpBehaviour, data: Buffer, problems: string[]): string {
  const offers = data.toString('utf8').split('\n');
  if (!offers.some((line) => /^relp_version=[01]$/.test(line))) problems.push('open without a version');
  if (!offers.some((line) => /^commands=(.*,)?syslog(,|$)/.test(line))) problems.push('open without syslog');
  if (behaviour === 'refuse_open') return '500 no more sessions';
  const commands = behaviour === 'no_syslog' ? 'rotate' : 'syslog';
  return `200 OK\nrelp_version=0\nrelp_software=fake,1.0\ncommands=${commands}`;
}

function frameText(txnr: number, command: string, data: string): string {
  const bytes = Buffer.byteLength(data);
  return `${txnr} ${command} ${bytes}${bytes === 0 ? '' : ` ${data}`}\n`;
}

function nextFrame(
  pending: Buffer,
  problems: string[],
): { txnr: number; command: string; data: Buffer; size: number } | null {
  const header = /^([1-9]\d{0,8}) ([a-z]{1,32}) (0|[1-9]\d{0,8})([ \n])/.exec(
    pending.toString('latin1', 0, 60),
  );
  if (header === null) {
    if (pending.length >= 60) problems.push('no frame header');
    return null;
  }
  const length = Number(header[3]);
  const start = length === 0 ? header[0].length - 1 : header[0].length;
  if (pending.length <= start + length) return null;
  if (pending[start + length] !== 10) problems.push('a frame does not end in a line feed');
  return {
    txnr: Number(header[1]),
    command: header[2] ?? '',
    data: Buffer.from(pending.subarray(start, start + length)),
    size: start + length + 1,
  };
}
