import { DatabaseSync } from 'node:sqlite';

import {
  addTo,
  bodyOf,
  decodeBody,
  decodeIndex,
  encodeDraft,
  newDraft,
  PAGE_COLUMNS,
} from '../../src/checkpoint/pages.ts';
import type { Entry } from '../../src/checkpoint/pages.ts';

/** An event in a page, as one finds it who opens the file. */
export interface PagedEvent extends Omit<Entry, 'end'> {
  readonly seq: bigint;
  readonly body: Buffer;
}

/** Gives the events of the page that holds `seq` to `change`, and writes back what it returns, as a page for each run without a gap. */
export function changePage(
  file: string,
  seq: bigint,
  change: (events: readonly PagedEvent[]) => readonly PagedEvent[],
): void {
  const db = new DatabaseSync(file, { readBigInts: true });
  const row = db.prepare(`SELECT ${PAGE_COLUMNS} FROM pages WHERE ? BETWEEN first_seq AND last_seq`).get(seq);
  if (row === undefined) throw new Error(`no page holds ${seq}`);
  const page = decodeIndex(row);
  const body = decodeBody(page, row);
  const events = page.entries.map((entry, index) => ({
    ...entry,
    seq: page.firstSeq + BigInt(index),
    body: bodyOf(page, body, index),
  }));
  db.prepare('DELETE FROM pages WHERE first_seq = ?').run(page.firstSeq);
  const insert = db.prepare(`INSERT INTO pages (${PAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  let draft = newDraft(0n);
  const write = (): void => {
    if (draft.entries.length === 0) return;
    const made = encodeDraft(draft);
    const span = [draft.firstSeq, made.lastSeq, made.oldestNs, made.newestNs] as const;
    insert.run(...span, page.source, page.receivedAt, page.hash, made.entries, made.body);
  };
  for (const event of change(events)) {
    if (event.seq !== draft.firstSeq + BigInt(draft.entries.length)) {
      write();
      draft = newDraft(event.seq);
    }
    addTo(draft, event, event.body);
  }
  write();
  db.close();
}

export function dropEvents(file: string, ...seqs: readonly bigint[]): void {
  for (const seq of seqs) changePage(file, seq, (events) => events.filter((event) => event.seq !== seq));
}

export function changeEvent(file: string, seq: bigint, changes: Partial<PagedEvent>): void {
  changePage(file, seq, (events) =>
    events.map((event) => (event.seq === seq ? { ...event, ...changes } : event)),
  );
}
