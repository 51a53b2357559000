import type { Json } from '../../model/event.ts';
import { oneLine } from '../../model/errors.ts';
import type { Journal } from '../journal.ts';
import { text } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import { SEGMENT } from '../transfer.ts';
import type { Store } from './store.ts';

/** What each sink's next heartbeat tells, one value for each, written with the cursor. */
export function segments(store: Store): {
  methods: Pick<Journal, 'segment' | 'keepSegment'>;
  /** Both inside a transaction. */
  keep: (sink: string, segment: Json) => void;
  kept: (sink: string) => Json | null;
} {
  const read = store.prepare('SELECT value FROM meta WHERE key = ?');
  const write = store.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  const keep = (sink: string, segment: Json): void => void write.run(SEGMENT + sink, JSON.stringify(segment));
  const kept = (sink: string): Json | null => {
    const row = read.get(SEGMENT + sink);
    if (row === undefined) return null;
    try {
      return JSON.parse(text(row, 'value')) as Json;
    } catch (error) {
      throw corrupt(`the segment of sink ${oneLine(sink)} in ${store.path} is not JSON`, error);
    }
  };
  return {
    keep,
    kept,
    methods: {
      keepSegment: async (sink, segment) => {
        store.writerOnly('keep a segment');
        store.write(() => keep(sink, segment));
      },
      segment: async (sink) => store.read(() => kept(sink)),
    },
  };
}
