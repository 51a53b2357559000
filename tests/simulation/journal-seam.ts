import type {
  Beginning,
  DeadLetter,
  Journal,
  RejectedEvent,
  StoredFinding,
} from '../../src/checkpoint/journal.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import type { Harvest } from '../../src/sources/source.ts';
import type { Calls } from './calls.ts';
import type { Life, Product } from './life.ts';

/** What the world learns at the journal, after a call has had its effect and before the daemon hears of it. */
export interface JournalWatch {
  pollStarted(): void;
  appending(usedBytes: number): void;
  appended(harvest: Harvest, events: readonly AuditEvent[]): void;
  /** A sink's loop has begun; `findings` of the journal as they are now. */
  begun(sink: string, beginning: Beginning, findings: readonly StoredFinding[]): void;
  settling(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): void;
  settled(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): void;
  retried(delivered: readonly DeadLetter[], refused: number): void;
  pruned(events: number): void;
}

/** Faults of the disk, changed by the world while the daemon runs. */
export interface Disk {
  full: boolean;
  /** Crash at the next write: before it is applied, while it is, or after it and before its answer. */
  crashAtWrite: 'before' | 'in' | 'after' | null;
  /** Before a write: what is on the disk. To be called again after it: returns what puts that back, with a part of the write. */
  photograph: () => () => () => void;
  /** To be called once the journal is closed: the write that the crash came into is there in part. */
  tear: (() => void) | null;
  /** Called when a write was refused. */
  refused: (method: string) => void;
}

const WRITES = new Set([
  'append',
  'begin',
  'moveCursor',
  'recordRetried',
  'keepSegment',
  'addFindings',
  'retryDeadLetters',
]);
const ALL = { maxEvents: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER };
const LETTERS_LIMIT = 10_000;
const FINDINGS_LIMIT = 10_000;

/**
 * The real journal behind a fence: each call is observed, may fail for a full disk, may be where the process dies, and
 * never answers a daemon that is dead.
 */
export function fenceJournal(
  journal: Journal,
  product: Product,
  life: Life,
  calls: Calls,
  disk: Disk,
  watch: JournalWatch,
): Journal {
  /** What a write that is torn makes of the journal, nobody in this life learns. */
  const inner = new Proxy(journal, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key !== 'append')
        return (...args: unknown[]) => calls.counting(() => Reflect.apply(value, target, args) as unknown);
      return async (...args: unknown[]) => {
        const written = disk.crashAtWrite === 'in' ? disk.photograph() : null;
        const result: unknown = await calls.counting(() => Reflect.apply(value, target, args) as unknown);
        if (written === null) return result;
        disk.tear = written();
        life.crash(`in the middle of ${String(key)}`);
        return life.alive();
      };
    },
  });
  const guarded = async <T>(method: string, work: () => Promise<T>): Promise<T> => {
    await life.alive();
    const isWrite = WRITES.has(method);
    const failing = calls.next('journal');
    if (failing === 'crash') life.crash(`before ${method}`);
    await life.alive();
    if (failing === 'refused' || (isWrite && disk.full)) {
      disk.refused(method);
      throw new product.ForwardError(
        'transient',
        'disk is full: the journal takes nothing until space is free',
      );
    }
    if (isWrite && disk.crashAtWrite === 'before') life.crash(`before ${method}`);
    await life.alive();
    const result = await work().catch((error: unknown) => {
      if (!life.dead()) throw error;
      return life.alive() as Promise<never>;
    });
    if (failing === 'crash after' || (isWrite && disk.crashAtWrite === 'after'))
      life.crash(`after ${method}`);
    await life.alive();
    return result;
  };

  const special: Partial<Journal> = {
    progress: (source) => {
      watch.pollStarted();
      return guarded('progress', () => inner.progress(source));
    },
    held: (source) => {
      const held = inner.held(source);
      const asked = <T>(method: string, work: () => Promise<T>): Promise<T> =>
        guarded(method, () => calls.counting(work));
      return {
        count: (window) => asked('count', () => held.count(window)),
        known: (events) => asked('known', () => held.known(events)),
        missing: (window, seen, limit) => asked('missing', () => held.missing(window, seen, limit)),
      };
    },
    append: (source, harvest, beside) =>
      guarded('append', async () => {
        const before = await calls.apart(() => journal.size());
        watch.appending(before.usedBytes);
        const result = await inner.append(source, harvest, beside);
        watch.appended(
          harvest,
          result.appended === 0 ? [] : await calls.apart(() => journal.read(before.headSeq, ALL)),
        );
        return result;
      }),
    begin: (sink, passed) =>
      guarded('begin', async () => {
        const beginning = await inner.begin(sink, passed);
        watch.begun(
          sink,
          beginning,
          await calls.apart(() => journal.findings({ unacknowledgedOnly: false, limit: FINDINGS_LIMIT })),
        );
        return beginning;
      }),
    moveCursor: (sink, upTo, rejected, segment) =>
      guarded('moveCursor', async () => {
        watch.settling(sink, upTo, rejected);
        await inner.moveCursor(sink, upTo, rejected, segment);
        watch.settled(sink, upTo, rejected);
      }),
    recordRetried: (delivered, refused, kept) =>
      guarded('recordRetried', async () => {
        const letters =
          delivered.length === 0
            ? []
            : await calls.apart(() => journal.deadLetters({ ids: delivered, limit: LETTERS_LIMIT }));
        await inner.recordRetried(delivered, refused, kept);
        watch.retried(letters, refused.length);
      }),
    prune: (sinks, before, idsBefore) =>
      guarded('prune', async () => {
        const count = await inner.prune(sinks, before, idsBefore);
        watch.pruned(count);
        return count;
      }),
  };
  const seam: Journal = new Proxy(inner, {
    get(target, key) {
      if (key === 'under') return () => seam; // this journal is in one process's hands
      const own: unknown = Reflect.get(special, key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        guarded(String(key), () => Reflect.apply(value, target, args) as Promise<unknown>);
    },
  });
  return seam;
}
