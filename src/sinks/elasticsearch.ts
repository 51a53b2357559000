import { ForwardError } from '../model/errors.ts';
import { withDefaults } from '../model/options.ts';
import { textRoom } from '../model/text-room.ts';
import { openBulk } from './elastic/bulk.ts';
import { offer, unoffered } from './elastic/bulk.ts';
import type { BulkOutcome } from './elastic/bulk.ts';
import { checkCluster } from './elastic/check.ts';
import { openCluster } from './elastic/cluster.ts';
import { bulkDocument, documentId, documentSource } from './elastic/document.ts';
import { openGuard } from './elastic/guard.ts';
import {
  elasticsearchSchema,
  readAddresses,
  readAuthorization,
  validateElasticsearch,
} from './elastic/options.ts';
import type { ElasticsearchOptions, GivenElasticsearchOptions } from './elastic/options.ts';
import { copiesOf } from './elastic/present.ts';
import { openPreparation } from './elastic/prepare.ts';
import { readTarget } from './elastic/target.ts';
import type { Batch, Fate, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

export const elasticsearch: SinkDefinition<GivenElasticsearchOptions> = {
  type: 'elasticsearch',
  schema: elasticsearchSchema,
  defaultFormat: 'ecs',
  defaultBatch: { maxEvents: 1000, maxBytes: 5 * 1024 * 1024, maxWaitMs: 1000 },
  validate: validateElasticsearch,
  create: (given, context) => createElasticsearch(withDefaults(elasticsearchSchema, given), context),
};

/**
 * Every event is one `create` with the event id as document id: sent again, it meets itself and is a duplicate. Whether it
 * is itself that it meets is looked at, since another Platform may give the same ids. Where an id is unique only within one
 * backing index (data streams), a resend asks for the ids first.
 */
function createElasticsearch(options: ElasticsearchOptions, context: SinkContext): Sink {
  const target = readTarget(options.data_stream, options.index);
  const cluster = openCluster({
    urls: readAddresses(options),
    authorization: readAuthorization(options),
    auth: options.auth,
    headers: options.headers,
    timeoutMs: options.request_timeout,
    tls: options.tls,
    context,
  });
  const parts = { cluster, target, options, context };
  const preparation = openPreparation(parts);
  const guard = openGuard({
    cluster,
    target,
    afterMs: options.guard_after,
    clock: context.clock,
    warn: (message) => context.warn(message),
  });
  const bulk = openBulk(parts);
  const totals: Totals = { diverted: 0, dropped: 0 };

  const send = async (batch: Batch, signal: AbortSignal): Promise<Receipt> => {
    signal.throwIfAborted();
    if (batch.items.length === 0) return { fates: [] };
    const flavour = await preparation.ready(signal);
    const write = textRoom();
    const documents = batch.items.map((item, place) => bulkDocument(item, place, target, write));
    const present = await guard.present(batch, documents, signal);
    const absent = documents.filter((document) => !present.has(document));
    const outcome = await offer(bulk.forFlavour(flavour), absent, signal);
    const fates = documents.map((document) => fateOf(present.has(document), outcome, document.place));
    return receiptOf(fates, outcome, totals, target.name);
  };

  return {
    delivery: 'confirmed',
    send,
    asSent: documentSource,
    check: (signal) => checkCluster(parts, signal),
    holds: async (ids, signal) => {
      const copies = await copiesOf(cluster, target, ids.map(documentId), context.clock.now(), signal);
      return new Map(
        ids.map((id) => [id, copies.get(documentId(id)) ?? 0] as const).filter(([, count]) => count > 0),
      );
    },
    close: () => cluster.close(),
  };
}

/** Since the sink was opened. */
interface Totals {
  diverted: number;
  dropped: number;
}

function fateOf(present: boolean, outcome: BulkOutcome, place: number): Fate {
  if (present) return { outcome: 'duplicate' };
  const known = outcome.fates.get(place);
  if (known !== undefined) return known;
  return unoffered(outcome.failure ?? new ForwardError('transient', 'the document was not offered'));
}

/**
 * Fates as soon as one document is settled: what was created stays created. Otherwise what went wrong is thrown, and a
 * fault of the index that every document met is `denied`.
 */
function receiptOf(fates: readonly Fate[], outcome: BulkOutcome, totals: Totals, target: string): Receipt {
  const settled = fates.some((fate) => fate.outcome !== 'retry');
  if (!settled && outcome.failure !== null) throw outcome.failure;
  if (!settled && outcome.faulty.size === fates.length) throw indexFault(outcome, target);
  const notice = noticeOf(outcome, totals, target);
  return {
    fates,
    ...(outcome.failure?.retryAfterMs === undefined ? {} : { retryAfterMs: outcome.failure.retryAfterMs }),
    ...(outcome.throttled ? { slowDown: true } : {}),
    ...(notice === '' ? {} : { notice }),
  };
}

function indexFault(outcome: BulkOutcome, target: string): ForwardError {
  const [reason = ''] = outcome.faulty.values();
  return new ForwardError('denied', `${target} took no document: ${reason}`, {
    hint: 'check the name, the index template and the privileges; roles that suffice are in content/elastic, and `auditferry check` looks at what it may ask about',
  });
}

function noticeOf(outcome: BulkOutcome, totals: Totals, target: string): string {
  totals.diverted += outcome.diverted;
  totals.dropped += outcome.dropped;
  const notices: string[] = [];
  if (outcome.diverted > 0) {
    notices.push(
      `${outcome.diverted} documents went to the failure store of ${target}, not into the stream (${totals.diverted} since the start): look at ${target}::failures`,
    );
  }
  if (outcome.dropped > 0) {
    notices.push(
      `${outcome.dropped} documents were dropped by an ingest pipeline of ${target} (${totals.dropped} since the start)`,
    );
  }
  return notices.join('; ');
}
