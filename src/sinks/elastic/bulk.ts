import { gzipped } from '../../net/gzip.ts';

import { describe, ForwardError } from '../../model/errors.ts';
import { free } from '../../model/free.ts';
import { textRoom } from '../../model/text-room.ts';
import { reactionTo, statusFailure, unreadableAnswer } from '../http-fates.ts';
import type { Fate } from '../sink.ts';
import { halves, runsWithin, SizeLimit } from '../size-limit.ts';
import { errorOf } from './cluster.ts';
import type { Cluster, ClusterAnswer } from './cluster.ts';
import { bulkDocument, documentSource } from './document.ts';
import type { BulkDocument } from './document.ts';
import { ANSWER_FILTER, isRefusedThroughout, readItems, refusalOf, shortReason } from './fates.ts';
import type { ItemVerdict } from './fates.ts';
import type { Flavour } from './flavour.ts';
import type { ElasticParts } from './prepare.ts';
import { bulkPath } from './target.ts';
import type { Target } from './target.ts';
import { askTold, isAnother, toldByText } from './told.ts';

export interface Bulk {
  readonly cluster: Cluster;
  readonly target: Target;
  readonly path: string;
  readonly gzip: boolean;
  readonly limit: SizeLimit;
  /** Query parameters beside the answer's filter. One that the cluster does not know is taken out and not sent again. */
  readonly parameters: Map<string, string>;
  readonly nowMs: () => number;
  warn(message: string): void;
  /** False once the cluster has refused to show a document: then one with the same id counts as the same. */
  showsDocuments: boolean;
  /** Whether any bulk request of this shape was ever accepted: then a refused one is about its document. */
  accepted: boolean;
}

/** What is known of some documents after as many requests as it took. */
export interface BulkOutcome {
  /** By place in the batch; a document whose fate is not known is missing. */
  readonly fates: ReadonlyMap<number, Fate>;
  readonly diverted: number;
  readonly dropped: number;
  readonly throttled: boolean;
  /** Places whose index or permission is at fault, with the reason. */
  readonly faulty: ReadonlyMap<number, string>;
  /** Why the requests ended before every document had been offered. */
  readonly failure: ForwardError | null;
}

/** Parameters of bulk requests, kept for the life of a sink. */
export function openBulk({ cluster, target, options, context }: ElasticParts): {
  forFlavour(flavour: Flavour): Bulk;
} {
  const parameters = new Map<string, string>();
  if (options.pipeline !== undefined) parameters.set('pipeline', options.pipeline);
  const bulk: Bulk = {
    cluster,
    target,
    path: bulkPath(target),
    gzip: options.compress === 'gzip',
    limit: new SizeLimit(BODY_LIMIT_BYTES, context.clock),
    parameters,
    nowMs: () => context.clock.now(),
    warn: (message) => context.warn(message),
    showsDocuments: true,
    accepted: false,
  };
  let shaped = false;
  return {
    forFlavour: (flavour) => {
      if (!shaped && flavour.product === 'elasticsearch') {
        parameters.set('include_source_on_error', 'false');
        if (target.kind === 'data_stream') parameters.set('require_data_stream', 'true');
      }
      shaped = true;
      return bulk;
    },
  };
}

/** Elasticsearch advises to stay below a few tens of megabytes; `http.max_content_length` is 100 MB unless lowered. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024;

interface Request {
  readonly documents: readonly BulkDocument[];
  /** True once it is a half of a request that was refused as unreadable. */
  readonly halved: boolean;
}

/**
 * Offers every document once, in order, in as many requests as the size limit and the refusals need, and once more under an
 * id of its own where another event's document has its id. Never repeats what may have been taken; what ends it early is in
 * `failure`, beside the fates known by then. An abort throws.
 */
export async function offer(
  bulk: Bulk,
  documents: readonly BulkDocument[],
  signal: AbortSignal,
): Promise<BulkOutcome> {
  const ledger = new Ledger();
  const suspects: Request[] = [];
  const queue = split(bulk, documents, false);
  for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
    const parameters = new Map(bulk.parameters);
    let answer: ClusterAnswer;
    try {
      answer = await post(bulk, parameters, request.documents, signal);
    } catch (error) {
      if (!(error instanceof ForwardError)) throw error;
      return ledger.outcome(error);
    }
    const reaction = reactionTo(answer.status);
    if (reaction === 'taken') {
      const verdicts = readItems(answer.json, request.documents.length);
      if (verdicts === null) return ledger.outcome(unreadableAnswer(answer.where, answer));
      ledger.enter(request.documents, verdicts);
      bulk.accepted = true;
      try {
        const wide = await settleConflicts(bulk, request.documents, verdicts, ledger, signal);
        queue.push(...split(bulk, wide, false));
      } catch (error) {
        if (!(error instanceof ForwardError)) throw error;
        return ledger.outcome(error);
      }
    } else if (reaction === 'split') {
      queue.unshift(...afterTooLarge(bulk, request, ledger));
    } else if (reaction === 'isolate') {
      if (forgetUnknownParameter(bulk, parameters, answer)) queue.unshift(request);
      else suspects.push(request);
    } else {
      return ledger.outcome(wholeFailure(bulk, answer));
    }
    if (queue.length > 0 || suspects.length === 0) continue;
    const readable = ledger.entered > 0 || (documents.length === 1 && bulk.accepted);
    const next = afterUnreadable(suspects.splice(0), readable, ledger);
    if (next === null) return ledger.outcome(unreadableRequest(answer));
    queue.push(...next);
  }
  return ledger.outcome(null);
}

class Ledger {
  readonly #fates = new Map<number, Fate>();
  readonly #faulty = new Map<number, string>();
  #diverted = 0;
  #dropped = 0;
  #throttled = false;
  /** Requests that the cluster answered item by item. */
  entered = 0;

  enter(documents: readonly BulkDocument[], verdicts: readonly ItemVerdict[]): void {
    this.entered += 1;
    documents.forEach(({ place }, index) => {
      const verdict = verdicts[index];
      if (verdict !== undefined) this.#enterOne(place, verdict);
    });
  }

  #enterOne(place: number, verdict: ItemVerdict): void {
    if (verdict.kind === 'conflict') return; // see settleConflicts
    if (verdict.kind === 'fate') {
      this.#fates.set(place, verdict.fate);
    } else if (verdict.kind === 'throttled') {
      this.#throttled = true;
      this.#fates.set(place, { outcome: 'retry', reason: verdict.reason });
    } else if (verdict.kind === 'faulty') {
      this.#faulty.set(place, verdict.reason);
      this.#fates.set(place, { outcome: 'retry', reason: verdict.reason });
    } else {
      if (verdict.kind === 'diverted') this.#diverted += 1;
      else this.#dropped += 1;
      this.#fates.set(place, { outcome: 'delivered' });
    }
  }

  duplicate({ place }: BulkDocument): void {
    this.#fates.set(place, { outcome: 'duplicate' });
  }

  reject(document: BulkDocument, reason: string): void {
    this.#fates.set(document.place, { outcome: 'rejected', reason });
  }

  outcome(failure: ForwardError | null): BulkOutcome {
    return {
      fates: this.#fates,
      diverted: this.#diverted,
      dropped: this.#dropped,
      throttled: this.#throttled,
      faulty: this.#faulty,
      failure,
    };
  }
}

/**
 * Looks at the documents that stood in the way: those of the same events make ours duplicates. Returns the others of ours,
 * under ids that are nobody else's.
 */
async function settleConflicts(
  bulk: Bulk,
  documents: readonly BulkDocument[],
  verdicts: readonly ItemVerdict[],
  ledger: Ledger,
  signal: AbortSignal,
): Promise<readonly BulkDocument[]> {
  const conflicts = documents.flatMap((document, place) => {
    const verdict = verdicts[place];
    return verdict?.kind === 'conflict' ? [{ document, id: document.id, index: verdict.index }] : [];
  });
  const doubtful = bulk.showsDocuments ? conflicts.filter(({ document }) => !document.wide) : [];
  const answer = doubtful.length === 0 ? [] : await askTold(bulk.cluster, doubtful, bulk.nowMs(), signal);
  const told = 'refused' in answer ? [] : answer;
  if ('refused' in answer) {
    bulk.showsDocuments = false;
    bulk.warn(
      `these credentials may not look at documents: an event with the id of another Platform’s would be taken for a repeat (${answer.refused})`,
    );
  }
  const others = doubtful.flatMap(({ document }, place) => {
    const theirs = told[place];
    return theirs !== undefined && isAnother(toldByText(documentSource(document.item)), theirs)
      ? [document]
      : [];
  });
  const set = new Set(others);
  for (const { document } of conflicts) if (!set.has(document)) ledger.duplicate(document);
  const write = textRoom();
  return others.map(({ item, place }) => bulkDocument(item, place, bulk.target, write, true));
}

async function post(
  bulk: Bulk,
  parameters: ReadonlyMap<string, string>,
  documents: readonly BulkDocument[],
  signal: AbortSignal,
): Promise<ClusterAnswer> {
  const query = new URLSearchParams([...parameters, ['filter_path', ANSWER_FILTER]]);
  const plain = Buffer.concat(documents.map(({ lines }) => lines));
  const headers = {
    'content-type': 'application/x-ndjson',
    ...(bulk.gzip ? { 'content-encoding': 'gzip' } : {}),
  };
  const body = bulk.gzip ? await gzipped(plain) : plain;
  if (bulk.gzip) free(plain);
  return bulk.cluster.ask(
    {
      method: 'POST',
      path: `${bulk.path}?${query.toString()}`,
      headers,
      body,
      refuses: isRefusedThroughout,
    },
    signal,
  );
}

function split(bulk: Bulk, documents: readonly BulkDocument[], halved: boolean): Request[] {
  return runsWithin(documents, bulk.limit.bytes(), bytesOf).map((run) => ({ documents: run, halved }));
}

function afterTooLarge(bulk: Bulk, request: Request, ledger: Ledger): readonly Request[] {
  const [only, ...others] = request.documents;
  if (only === undefined) return [];
  if (others.length === 0) {
    ledger.reject(
      only,
      `status 413: the document alone is too large for the receiver (${bytesOf(only)} bytes)`,
    );
    return [];
  }
  bulk.limit.refused(request.documents.reduce((sum, document) => sum + bytesOf(document), 0));
  return split(bulk, request.documents, request.halved);
}

/**
 * Requests refused as unreadable, cut in half for another look; a document that stands alone is rejected once the
 * cluster is seen to read others. Null when it read none of the halves: then the fault is not in a document.
 */
function afterUnreadable(suspects: readonly Request[], readable: boolean, ledger: Ledger): Request[] | null {
  if (!readable && suspects.every((suspect) => suspect.halved || suspect.documents.length === 1)) return null;
  const next: Request[] = [];
  for (const { documents } of suspects) {
    const [only, ...others] = documents;
    if (only !== undefined && others.length === 0) {
      if (!readable) next.push({ documents, halved: true });
      else ledger.reject(only, 'status 400: the receiver cannot read a request that holds this document');
    } else {
      next.push(...halves(documents, bytesOf).map((half) => ({ documents: half, halved: true })));
    }
  }
  return next;
}

const UNKNOWN_PARAMETER = /unrecognized parameters?: ([^,]*(?:, \[[^\]]*\])*)/;

/** Older versions refuse a parameter they do not know before they read the body. True when one of those sent was it. */
function forgetUnknownParameter(
  bulk: Bulk,
  sent: ReadonlyMap<string, string>,
  answer: ClusterAnswer,
): boolean {
  const names = UNKNOWN_PARAMETER.exec(errorOf(answer).reason)?.[1] ?? '';
  const unknown = [...names.matchAll(/\[([a-z_]+)\]/g)].map((match) => match[1] ?? '');
  for (const name of unknown) bulk.parameters.delete(name);
  return unknown.some((name) => sent.has(name));
}

function wholeFailure(bulk: Bulk, answer: ClusterAnswer): ForwardError {
  return statusFailure(answer.where, answer, bulk.nowMs(), { said: refusalOf(answer) });
}

function unreadableRequest(answer: ClusterAnswer): ForwardError {
  const { type, reason } = errorOf(answer);
  const said = `${answer.where} answered 400 to every request: ${shortReason(type, reason)}`;
  return new ForwardError('denied', said, {
    hint: 'check that the address leads to the cluster itself, and the names of the target and the pipeline',
  });
}

function bytesOf({ lines }: BulkDocument): number {
  return lines.length;
}

/** The words for documents that a failure left unoffered. */
export function unoffered(failure: ForwardError): Fate {
  return { outcome: 'retry', reason: describe(failure) };
}
