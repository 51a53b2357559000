import { describe, expect, it } from 'vitest';

import { appending } from '../../../src/checkpoint/postgres/append.ts';
import { headWatch } from '../../../src/checkpoint/postgres/ends.ts';
import { events } from '../../../src/checkpoint/postgres/events.ts';
import { pageReader } from '../../../src/checkpoint/postgres/pages.ts';
import type { Db, Store } from '../../../src/checkpoint/postgres/store.ts';
import { wallClock } from '../../../src/model/clock.ts';
import { harvest, newEvents } from '../../contract/journal.ts';

/** What a database answers that knows the ends of the chain and one cursor, both of which may be set back. */
function database(): { head: bigint; cursor: bigint; store: Store } {
  const its = { head: 0n, cursor: 0n };
  const db: Db = {
    all: async (sql) => {
      if (sql.includes('FROM head FOR UPDATE')) return [{ seq: its.head, hash: Buffer.alloc(32) }];
      if (sql.includes('FROM anchor, head')) return [{ anchor_seq: 0n, head_seq: its.head }];
      return sql.includes('FROM cursors') ? [{ seq: its.cursor }] : [];
    },
    run: async (sql, ...values) => {
      if (sql.startsWith('UPDATE head')) its.head = values[0] as bigint;
      if (sql.startsWith('INSERT INTO cursors')) its.cursor = values[1] as bigint;
      return 1;
    },
    script: async () => {},
  };
  const store: Store = {
    where: 'db',
    clock: wallClock,
    lookEveryMs: 0,
    read: (work) => work(db),
    write: (work) => work(db),
    onDuty: () => {},
    isOpen: () => true,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    under: () => store,
  };
  return Object.assign(its, { store });
}

describe('a database that lost what it had acknowledged', () => {
  it('gets no event in the place of one that this process appended last', async () => {
    const its = database();
    const nothing = async (): Promise<void> => {};
    const journal = appending(its.store, pageReader(), {
      ...{ malformed: nothing, readable: nothing, cover: nothing, find: nothing, appended: () => {} },
      watch: headWatch(),
    });
    await journal.append('platform', harvest(newEvents(1, 10)));
    its.head = 0n;
    await expect(journal.append('platform', harvest(newEvents(11, 30)))).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('lost events 1 to 10') as string,
    });
    expect(its.head).toBe(0n);
  });

  it('moves no cursor past events that got the places of those which this sink had', async () => {
    const its = database();
    its.head = 100n;
    const journal = events(its.store, pageReader());
    await journal.moveCursor('splunk', 100n, []);
    // A standby took over that had 90 of them, and another replica appended 20 new ones.
    Object.assign(its, { head: 110n, cursor: 90n });
    await expect(journal.moveCursor('splunk', 110n, [])).rejects.toMatchObject({ kind: 'corrupt' });
    expect(its.cursor).toBe(90n);
    expect((await journal.begin('splunk')).seq).toBe(90n);
    await journal.moveCursor('splunk', 110n, []);
    expect(its.cursor).toBe(110n);
  });
});
