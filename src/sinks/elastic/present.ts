import { ForwardError } from '../../model/errors.ts';
import { statusFailure } from '../http-fates.ts';
import type { Cluster, ClusterAnswer } from './cluster.ts';
import { refusalOf } from './fates.ts';
import { at, listAt, textAt } from './json.ts';
import type { Target } from './target.ts';
import { TOLD_FIELDS, toldBy } from './told.ts';
import type { Told } from './told.ts';

/** `index.max_result_window`: a search cannot return more. */
const HITS_LIMIT = 10_000;

export interface Present {
  /** How many copies of each document id the target holds; absent ids are held nowhere that could be asked. */
  readonly copies: ReadonlyMap<string, number>;
  /** What the documents tell of their events, by id. Incomplete only where one id has more copies than a search returns. */
  readonly told: ReadonlyMap<string, readonly Told[]>;
  /** False when a shard did not answer: an id that is missing may still be there. */
  readonly complete: boolean;
}

/**
 * Asks the target, all backing indices together, for these document ids. Returns the answer itself when the cluster
 * refuses to be asked. `_id` cannot be aggregated on by default, so copies are counted from the hits.
 */
export async function askPresent(
  cluster: Cluster,
  target: Target,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Present | ClusterAnswer> {
  const query = new URLSearchParams({
    ignore_unavailable: 'true',
    allow_no_indices: 'true',
    filter_path:
      'timed_out,_shards.failed,hits.total,hits.hits._id,hits.hits._source,error.type,error.reason,status',
  });
  const path = `/${encodeURIComponent(target.searched)}/_search?${query.toString()}`;
  const question = {
    query: { ids: { values: ids } },
    size: HITS_LIMIT,
    _source: TOLD_FIELDS,
    track_total_hits: true,
  };
  const answer = await cluster.ask({ method: 'POST', path, body: JSON.stringify(question) }, signal);
  if (answer.status === 404) return { copies: new Map(), told: new Map(), complete: true };
  if (answer.status !== 200) return answer;
  const total = at(answer.json, 'hits', 'total', 'value');
  if (typeof total !== 'number') {
    throw new ForwardError(
      'transient',
      `${answer.where} answered a search with something other than a search result`,
    );
  }
  const complete = at(answer.json, '_shards', 'failed') === 0 && at(answer.json, 'timed_out') === false;
  if (total > HITS_LIMIT && ids.length > 1) return askHalves(cluster, target, ids, signal);
  if (total > HITS_LIMIT) return { copies: new Map([[ids[0] ?? '', total]]), told: new Map(), complete };
  return { ...readHits(answer.json), complete };
}

async function askHalves(
  cluster: Cluster,
  target: Target,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Present | ClusterAnswer> {
  const middle = Math.ceil(ids.length / 2);
  const left = await askPresent(cluster, target, ids.slice(0, middle), signal);
  if ('status' in left) return left;
  const right = await askPresent(cluster, target, ids.slice(middle), signal);
  if ('status' in right) return right;
  return {
    copies: new Map([...left.copies, ...right.copies]),
    told: new Map([...left.told, ...right.told]),
    complete: left.complete && right.complete,
  };
}

function readHits(answer: unknown): Pick<Present, 'copies' | 'told'> {
  const told = new Map<string, Told[]>();
  for (const hit of listAt(answer, 'hits', 'hits')) {
    const id = textAt(hit, '_id');
    const each = told.get(id) ?? [];
    each.push(toldBy(at(hit, '_source')));
    told.set(id, each);
  }
  return { copies: new Map([...told].map(([id, each]) => [id, each.length])), told };
}

/**
 * Copies of each id, for someone who concludes from a missing one that it is not there: throws `transient` while a
 * shard does not answer, `denied` when the credentials may not search.
 */
export async function copiesOf(
  cluster: Cluster,
  target: Target,
  ids: readonly string[],
  nowMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  await refresh(cluster, target, signal);
  const present = await askPresent(cluster, target, ids, signal);
  if ('status' in present) {
    throw statusFailure(present.where, present, nowMs, {
      said: refusalOf(present),
      hint: 'give these credentials what is named, or `read` on the target, to be able to verify',
    });
  }
  if (!present.complete) {
    throw new ForwardError(
      'transient',
      `not every shard of ${target.searched} answered: what is missing is not known yet`,
    );
  }
  return present.copies;
}

/** Makes what was indexed visible to a search. Returns false when this credential may not (`maintenance`). */
export async function refresh(cluster: Cluster, target: Target, signal: AbortSignal): Promise<boolean> {
  const path = `/${encodeURIComponent(target.searched)}/_refresh?ignore_unavailable=true&allow_no_indices=true`;
  const answer = await cluster.ask({ method: 'POST', path }, signal);
  return answer.status !== 401 && answer.status !== 403;
}
