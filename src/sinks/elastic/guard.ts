import { ForwardError } from '../../model/errors.ts';
import type { Clock } from '../../model/clock.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import type { Batch } from '../sink.ts';
import type { Cluster } from './cluster.ts';
import { documentSource } from './document.ts';
import type { BulkDocument } from './document.ts';
import { askPresent, refresh } from './present.ts';
import type { Present } from './present.ts';
import type { Target } from './target.ts';
import { refusalOf } from './fates.ts';
import { isAnother, toldByText } from './told.ts';
import type { Refused } from './told.ts';

/** `ids` queries stay at this many ids a call. */
const IDS_PER_QUESTION = 1000;

/**
 * The rollover guard. `create` refuses a repeated id only within one backing index, so a resend that meets a new write
 * index would store a second copy. Before such a resend, the whole stream is asked which ids it holds.
 */
export interface Guard {
  /** Those of these that the stream holds already. Empty when the batch needs no guard or may not be asked about. */
  present(
    batch: Batch,
    documents: readonly BulkDocument[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<BulkDocument>>;
}

export interface GuardOptions {
  readonly cluster: Cluster;
  readonly target: Target;
  /** Age, from arrival in the journal, from which an event may have been sent by an earlier run. Milliseconds. */
  readonly afterMs: number;
  readonly clock: Clock;
  warn(message: string): void;
}

const NOBODY: ReadonlySet<BulkDocument> = new Set();

export function openGuard(options: GuardOptions): Guard {
  let allowed = true;
  let refreshable = true;
  let asked = false;
  return {
    present: async (batch, documents, signal) => {
      if (!allowed || options.target.kind !== 'data_stream') return NOBODY;
      const doubtful =
        batch.attempt > 1 ? documents : documents.filter((each) => isOld(batch, each, options));
      if (doubtful.length === 0) return NOBODY;
      // What was indexed a moment ago is not yet found by a search. After a resend, and after a restart, it may matter.
      const refreshDue = refreshable && (batch.attempt > 1 || !asked);
      if (refreshDue) refreshable = await refresh(options.cluster, options.target, signal);
      asked = true;
      const present = await ask(options, doubtful, signal);
      if (!('refused' in present)) return present;
      allowed = false;
      options.warn(
        `these credentials may not search the data stream: a resend that meets a rollover can store an event twice (${present.refused})`,
      );
      return NOBODY;
    },
  };
}

function isOld(batch: Batch, document: BulkDocument, options: GuardOptions): boolean {
  const received = Date.parse(batch.items[document.place]?.canonical.receivedAt ?? '');
  return !(options.clock.now() - received < options.afterMs); // an unreadable time counts as old
}

/** A document of another event under the same id does not count. */
function isThere({ id, item }: BulkDocument, { copies, told }: Present): boolean {
  const theirs = told.get(id) ?? [];
  if (theirs.length === 0) return copies.has(id);
  const ours = toldByText(documentSource(item));
  return theirs.some((each) => !isAnother(ours, each));
}

/** What may pass throws `transient`: the resend waits for it. */
async function ask(
  options: GuardOptions,
  documents: readonly BulkDocument[],
  signal: AbortSignal,
): Promise<ReadonlySet<BulkDocument> | Refused> {
  const found = new Set<BulkDocument>();
  for (let start = 0; start < documents.length; start += IDS_PER_QUESTION) {
    const asked = documents.slice(start, start + IDS_PER_QUESTION);
    const ids = asked.map((document) => document.id);
    const answer = await askPresent(options.cluster, options.target, ids, signal);
    if ('copies' in answer) {
      for (const document of asked) if (isThere(document, answer)) found.add(document);
    } else if (reactionTo(answer.status) === 'transient') {
      const failure = statusFailure(answer.where, answer, options.clock.now());
      // Nothing was sent yet in this attempt, so waiting repeats nothing.
      throw new ForwardError('transient', failure.message, { retryAfterMs: failure.retryAfterMs });
    } else {
      if (answer.status === 401) throw statusFailure(answer.where, answer, options.clock.now());
      return { refused: refusalOf(answer) ?? `answered ${answer.status}` };
    }
  }
  return found;
}
