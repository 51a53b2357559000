import { AsyncLocalStorage } from 'node:async_hooks';
import { DatabaseSync, StatementSync } from 'node:sqlite';

/** What leaves the process, and how each may fail. */
export const FAILURES = {
  /** A call of the journal: refused, or the process dies before it, or after it and before its answer. */
  journal: ['refused', 'crash', 'crash after'],
  /** A statement of SQLite, also in the middle of a transaction. */
  statement: ['disk I/O error', 'disk is full'],
  /** A request to the Platform: nobody there, an answer that never comes, one that is cut. */
  request: ['refused', 'half-open', 'cut', 'crash'],
  /** A batch on its way: not taken, taken and the answer lost, an error that nobody foresaw. */
  send: ['refused', 'lost answer', 'odd error', 'crash'],
  /** A timer: it ends at once, an hour late, or the wall clock is set while it runs. */
  timer: ['early', 'late', 'clock back', 'clock forward', 'crash'],
} as const;

export type CallKind = keyof typeof FAILURES;

/** Of one kind of call, which one fails, counted from 1, and how. */
export interface Failing {
  readonly kind: CallKind;
  readonly nth: number;
  readonly how: string;
}

/** Counts every call that leaves the process, and tells the one that is to fail how it does. */
export interface Calls {
  readonly counts: ReadonlyMap<CallKind, number>;
  /** Whether the one that is to fail did. */
  struck: boolean;
  /** Null for a call that works. */
  next(kind: CallKind): string | null;
  /** Whatever SQLite is asked within `work` counts. */
  counting<T>(work: () => T): T;
  /** What the checkers ask does not count, whoever called. */
  apart<T>(work: () => T): T;
}

const counted = new AsyncLocalStorage<Calls>();

export function createCalls(failing: Failing | null): Calls {
  const counts = new Map<CallKind, number>();
  const calls: Calls = {
    counts,
    struck: false,
    next(kind) {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      if (failing === null || failing.kind !== kind || failing.nth !== count) return null;
      calls.struck = true;
      return failing.how;
    },
    counting: (work) => counted.run(calls, work),
    apart: (work) => counted.exit(work),
  };
  return calls;
}

/** SQLite's own: what stands in an error of node:sqlite. */
const CODES: Readonly<Record<string, number>> = { 'disk I/O error': 10, 'disk is full': 13 };

/** From now on statements within `counting` count. Returns what puts SQLite back. */
export function countStatements(): () => void {
  const ends = [
    ...(['run', 'get', 'all', 'iterate'] as const).map((name) =>
      failingMethod(StatementSync.prototype, name),
    ),
    failingMethod(DatabaseSync.prototype, 'exec'),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function failingMethod<K extends string>(prototype: Record<K, unknown>, name: K): () => void {
  const real = prototype[name] as (...args: unknown[]) => unknown;
  prototype[name] = function (this: unknown, ...args: unknown[]): unknown {
    const calls = counted.getStore();
    // Without it nothing would be put back: SQLite itself cannot fail here.
    const how = args[0] === 'ROLLBACK' ? null : (calls?.next('statement') ?? null);
    if (how === null) return Reflect.apply(real, this, args);
    throw Object.assign(new Error(how), { code: 'ERR_SQLITE_ERROR', errcode: CODES[how], errstr: how });
  };
  return () => {
    prototype[name] = real;
  };
}
