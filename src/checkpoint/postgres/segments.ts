import type { Json } from '../../model/event.ts';
import { json } from '../columns.ts';
import type { Journal } from '../journal.ts';
import { SEGMENT } from '../transfer.ts';
import type { Db, Store } from './store.ts';

/** What each sink's next heartbeat tells, one value for each, written with the cursor. */
export function segments(store: Store): Pick<Journal, 'segment' | 'keepSegment'> {
  return {
    keepSegment: async (sink, segment) => {
      store.onDuty('keep a segment', `sink:${sink}`);
      await store.write((db) => keep(db, sink, segment));
    },
    segment: (sink) => store.read((db) => kept(db, sink)),
  };
}

/** Inside a transaction. */
export async function keep(db: Db, sink: string, segment: Json): Promise<void> {
  await db.run(
    'INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ...[SEGMENT + sink, JSON.stringify(segment)],
  );
}

/** Inside a transaction. */
export async function kept(db: Db, sink: string): Promise<Json | null> {
  const [row] = await db.all('SELECT value FROM meta WHERE key = $1', SEGMENT + sink);
  return row === undefined ? null : json(row, 'value');
}
