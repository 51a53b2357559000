import { integer } from '../columns.ts';
import type { Journal } from '../journal.ts';
import { waiters } from '../waiters.ts';
import { endsOf } from './ends.ts';
import type { Ends } from './ends.ts';
import { addNews } from './news.ts';
import type { Db, Store } from './store.ts';

/** What was looked at last: the ends of the chain, and a number that grows with each event and each bit of news. */
export interface Seen extends Ends {
  readonly version: bigint;
}

export async function look(db: Db): Promise<Seen> {
  const [row] = await db.all(
    `SELECT anchor.seq AS anchor_seq, head.seq AS head_seq, news.version AS news FROM anchor, head, news`,
  );
  const ends = endsOf(row);
  // Both only grow.
  return { ...ends, version: ends.headSeq + integer(row ?? {}, 'news') };
}

/** Those who wait: one look at the database now and then serves them all. */
export function waiting(store: Store, first: Seen) {
  let seen: Seen = first;
  /** How much of the version this process made itself, which is no news to it. */
  let own = 0n;
  /** What an older look finds, which took longer, is no news. */
  const note = ({ headSeq, anchorSeq, version }: Seen): void => {
    seen = {
      headSeq: greater(headSeq, seen.headSeq),
      anchorSeq: greater(anchorSeq, seen.anchorSeq),
      version: greater(version, seen.version),
    };
  };
  const lookNow = async (): Promise<void> => note(await store.read(look));
  /** Wakes the waiters whose condition already holds. If the look fails, they wait for the next one. */
  const freshen = (after: bigint): void => {
    if (!hasMore(after)) void lookNow().then(all.appended, () => {});
  };
  const hasMore = (after: bigint): boolean => seen.headSeq > after && seen.headSeq > seen.anchorSeq;
  const all = waiters({
    clock: store.clock,
    hasMore,
    version: first.version,
    othersVersion: async () => {
      if (!store.isOpen()) return null;
      await lookNow();
      return seen.version - own;
    },
    lookEveryMs: () => store.lookEveryMs,
  });
  const methods: Pick<Journal, 'waitForEvents' | 'waitForNews' | 'tellNews'> = {
    waitForEvents: async (after, timeoutMs, signal) => {
      freshen(after);
      await all.wait(after, timeoutMs, signal);
    },
    waitForNews: async (news, after, timeoutMs, signal) => {
      if (after !== null) freshen(after);
      return all.waitForNews(news, after, timeoutMs, signal);
    },
    tellNews: async () => {
      all.tell();
      await store.write(addNews);
      own += 1n;
    },
  };
  return {
    methods,
    appended: (headSeq: bigint, events: number): void => {
      own += BigInt(events);
      note({ ...seen, headSeq, version: seen.version + greater(headSeq - seen.headSeq, 0n) });
      all.appended();
    },
    /** What was pruned is nothing to wake for. */
    pruned: (anchorSeq: bigint): void => note({ ...seen, anchorSeq }),
    /** After a write that told the others. */
    tell: (): void => {
      own += 1n;
      all.tell();
    },
    wakeAll: all.wakeAll,
  };
}

function greater(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
