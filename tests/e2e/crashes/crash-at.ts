/**
 * Loaded before the program (`node --import`): kills its process the nth time that it comes to a step, as CRASH_AT says ("3 send: answered").
 * "any call" counts every call that leaves the process. The program knows nothing of it: what is wrapped is Node's own.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { DatabaseSync, StatementSync } from 'node:sqlite';

import type { Moment, Step } from './steps.ts';

type Anything = (...args: unknown[]) => unknown;
type Around = (call: Anything, self: object, args: unknown[]) => unknown;

const [, nth = '0', wanted = ''] = /^(\d+) (.+)$/.exec(process.env['CRASH_AT'] ?? '') ?? [];
let left = Number(nth);

function reach(step: Step | 'any call'): void {
  if (step !== wanted) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

const isNext = (step: Step): boolean => step === wanted && left === 1;

function wrap(owner: object, name: string, around: Around): void {
  const real = Reflect.get(owner, name) as Anything;
  Reflect.set(owner, name, function (this: object, ...args: unknown[]) {
    reach('any call');
    return around((...given) => real.apply(this, given), this, args);
  });
}

// --- the journal ---

/** Which statement shows what a transaction is for. */
const PURPOSES: readonly (readonly [RegExp, readonly Purpose[]])[] = [
  [/^UPDATE chain SET head_seq/, ['harvest']],
  [/^INSERT INTO cursors/, ['cursor']],
  [/^DELETE FROM pages/, ['pruning']],
  [/^DELETE FROM dead_letters WHERE id/, ['letters']],
  [/^UPDATE jobs SET state/, ['backfill', 'replay']],
];
type Purpose = 'harvest' | 'cursor' | 'pruning' | 'migration' | 'letters' | 'backfill' | 'replay';

let purposes = new Set<Purpose>();
/** The Platform has answered since the last transaction. */
let answered = false;

function reachAll(moment: Moment): void {
  for (const purpose of purposes) reach(`${purpose}: ${moment}`);
}

function execute(call: Anything, sql: string): unknown {
  if (sql.startsWith('BEGIN')) purposes = new Set(sql === 'BEGIN EXCLUSIVE' ? ['migration'] : []);
  if (sql === 'BEGIN IMMEDIATE' && answered) {
    answered = false;
    reach('read: answered');
  }
  if (sql.startsWith('PRAGMA incremental_vacuum')) reach('pruning: before the vacuum');
  if (!sql.endsWith('COMMIT')) {
    const result = call(sql);
    if (purposes.has('migration')) reach('migration: in the transaction');
    return result;
  }
  reachAll('before the commit');
  const result = call(sql);
  reachAll('after the commit');
  purposes = new Set();
  return result;
}

wrap(DatabaseSync.prototype, 'exec', (call, _self, [sql]) => execute(call, String(sql)));
for (const name of ['get', 'all', 'iterate']) {
  wrap(StatementSync.prototype, name, (call, _self, args) => call(...args));
}
wrap(StatementSync.prototype, 'run', (call, self, args) => {
  const sql = (self as StatementSync).sourceSQL;
  const shown = PURPOSES.find(([pattern]) => pattern.test(sql))?.[1] ?? [];
  const result = call(...args);
  for (const purpose of shown) {
    purposes.add(purpose);
    reach(`${purpose}: in the transaction`);
  }
  return result;
});

// --- the network ---

const FRAME = /^\d+ <\d+>1 /;
const EVENTS = /^(?:POST|PUT) \S*(?:_bulk|collector\/event)\b/;
/** What went out on a connection last. */
const asked = new WeakMap<object, 'events' | 'list' | 'else'>();
/** Its head is on the way; the body is next. */
const begun = new WeakSet();

function killInTheMiddleOf(write: Anything, socket: Socket, bytes: Buffer): void {
  write(bytes.subarray(0, Math.floor(bytes.length / 2)));
  socket.uncork();
  reach('send: half of it');
}

wrap(Socket.prototype, 'write', (call, self, args) => {
  const [data] = args;
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data as Uint8Array);
  const head = bytes.subarray(0, 200).toString('latin1');
  const isFrame = FRAME.test(head);
  if (isFrame || begun.has(self)) {
    begun.delete(self);
    if (isNext('send: half of it')) killInTheMiddleOf(call, self as Socket, bytes);
    else reach('send: half of it');
  }
  if (isFrame || EVENTS.test(head)) reach('send: before');
  if (EVENTS.test(head)) {
    asked.set(self, 'events');
    begun.add(self);
  } else if (/^(?:GET|POST|PUT|HEAD) /.test(head)) {
    asked.set(self, head.startsWith('GET /api/') ? 'list' : 'else');
  }
  return call(...args);
});
// It is inherited from the stream: a socket's own comes before it.
wrap(Socket.prototype, 'push', (call, self, args) => {
  if (args[0] !== null && asked.get(self) === 'events') reach('send: answered');
  if (args[0] !== null && asked.get(self) === 'list') answered = true;
  return call(...args);
});

// --- the file sink ---

const handle = await fs.promises.open(process.execPath);
const handles = Object.getPrototypeOf(handle) as object;
await handle.close();
/** Lines were written, and are not yet known to be on disk. */
const written = new WeakSet();

wrap(handles, 'write', async (call, self, args) => {
  const [bytes, offset] = args;
  reach('file: before the write');
  if (isNext('file: half of it') && Buffer.isBuffer(bytes))
    await call(bytes.subarray(0, Math.floor(bytes.length / 2)), offset);
  reach('file: half of it');
  written.add(self);
  return call(...args);
});
wrap(handles, 'sync', async (call, self, args) => {
  await call(...args);
  if (written.delete(self)) reach('file: synced');
});
wrap(handles, 'truncate', (call, _self, args) => call(...args));
wrap(fs.promises, 'rename', async (call, _self, args) => {
  const isCopy = String(args[1]).endsWith('.gz');
  reach(isCopy ? 'rotation: before the copy is in place' : 'rotation: before the rename');
  await call(...args);
  if (!isCopy) reach('rotation: after the rename');
});
wrap(fs.promises, 'rm', (call, _self, args) => {
  if (!String(args[0]).endsWith('.tmp')) reach('rotation: before the plain file goes');
  return call(...args);
});
syncBuiltinESMExports();
