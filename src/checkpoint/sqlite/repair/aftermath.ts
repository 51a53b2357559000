import type { Finding, Window } from '../../../model/event.ts';
import { parseTime } from '../../../model/time.ts';
import type { Row } from '../../columns.ts';
import { subjectOf } from '../../finding-rows.ts';
import { sha256 } from '../../hash.ts';
import type { Reread } from './reread.ts';

/** A dead letter whose content is not whole, as far as anything tells of it. */
export interface LostLetter {
  readonly owner: string | null;
  readonly source: string | null;
  readonly eventId: string | null;
  /** When its event was created: it is read once more and sent to its sink. Null where nobody knows, or the Platform keeps nothing that old. */
  readonly sentAgainNs: bigint | null;
}

/** Kinds of the findings for what nothing brings back. */
const LOST_EVENTS = 'lost_by_damage';
const LOST_LETTER = 'dead_letter_lost_by_damage';

/** Of a row that does not match its checksum; null: not even that can be read. */
export function lostLetter(row: Row | null, horizonNs: ReadonlyMap<string, bigint>): LostLetter {
  const word = (column: string): string | null => {
    const value = row?.[column];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const source = word('event_source');
  const createdNs = parseTime(word('created_at') ?? '');
  const oldestNs = source === null ? undefined : horizonNs.get(source);
  const isKept = row?.['side'] === 'sink' && createdNs !== null && oldestNs !== undefined;
  return {
    owner: word('owner'),
    source,
    eventId: word('event_id'),
    sentAgainNs: isKept && createdNs >= oldestNs ? createdNs : null,
  };
}

/** Rows of jobs that read again what is lost: see pipeline/backfill.ts. */
export function jobsFor(
  reread: ReadonlyMap<string, Reread>,
  letters: readonly LostLetter[],
  after: bigint,
  at: string,
): Row[] {
  const ofEvents = [...reread].flatMap(([source, { again }]) =>
    again.length === 0 ? [] : [{ source, sink: null, windows: again }],
  );
  const ofLetters = letters.flatMap(({ sentAgainNs, source, owner }) =>
    sentAgainNs === null
      ? []
      : [{ source, sink: owner, windows: [{ startNs: sentAgainNs, endNs: sentAgainNs }] }],
  );
  return [...ofEvents, ...ofLetters].map(({ source, sink, windows }, index) => ({
    id: after + BigInt(index) + 1n,
    kind: 'backfill',
    params: JSON.stringify({ source, sink, windows: windows.map(written) }),
    state: 'queued',
    progress: 'null',
    created_at: at,
    updated_at: at,
  }));
}

/** Rows of findings for what nothing brings back. */
export function findingsFor(
  reread: ReadonlyMap<string, Reread>,
  letters: readonly LostLetter[],
  after: bigint,
  at: string,
): Row[] {
  const ofEvents = [...reread].flatMap(([source, { never }]) =>
    never.map((window): Finding & { owner: string } => ({
      owner: source,
      kind: LOST_EVENTS,
      window,
      summary:
        'events of this time may have been lost with a damaged part of the journal, and the Platform keeps nothing that old',
    })),
  );
  const ofLetters = letters.flatMap(({ owner, eventId, sentAgainNs }) =>
    sentAgainNs !== null || owner === null || eventId === null
      ? []
      : [
          {
            owner,
            kind: LOST_LETTER,
            eventId,
            summary: 'the dead letter of this event was lost with a damaged part of the journal',
          },
        ],
  );
  return [...ofEvents, ...ofLetters].map(({ owner, ...finding }: Finding & { owner: string }, index) => ({
    id: after + BigInt(index) + 1n,
    source: owner,
    kind: finding.kind,
    subject: sha256(subjectOf(finding)).toString('hex'),
    start_ns: finding.window?.startNs ?? null,
    end_ns: finding.window?.endNs ?? null,
    event_id: finding.eventId ?? null,
    summary: finding.summary,
    detail: null,
    first_at: at,
    last_at: at,
    seen: 1n,
    acknowledged_at: null,
    acknowledgement: null,
  }));
}

function written({ startNs, endNs }: Window): [string, string] {
  return [startNs.toString(), endNs.toString()];
}
