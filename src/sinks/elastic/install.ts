import { ForwardError, oneLine } from '../../model/errors.ts';
import type { JsonObject } from '../../model/json.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import { errorOf } from './cluster.ts';
import type { Cluster, ClusterAnswer } from './cluster.ts';
import { isElasticAtLeast } from './flavour.ts';
import type { Flavour } from './flavour.ts';
import { at, listAt } from './json.ts';
import type { Target } from './target.ts';
import { templatePattern } from './target.ts';
import {
  COMPONENT_NAME,
  componentTemplate,
  enrichPipeline,
  ilmPolicy,
  indexTemplate,
  ismPolicy,
  ownership,
  PIPELINE_NAME,
  planName,
  storedHash,
} from './templates.ts';
import type { TemplatePlan } from './templates.ts';

/** How a thing is put there, looked up, and found in the answer to the look-up. */
interface Piece {
  /** For messages: "index template auditferry-logs-cloudquery.audit". */
  readonly title: string;
  readonly path: string;
  readonly body: JsonObject;
  /** The stored thing in the answer to a GET of the path, or null when its kind carries no mark of who made it. */
  readonly find: ((answer: unknown) => unknown) | null;
  /** The marked part of our own body. */
  readonly marked?: unknown;
}

export interface InstallContext {
  readonly cluster: Cluster;
  readonly nowMs: () => number;
  warn(message: string): void;
}

/**
 * Puts templates, lifecycle and, when it is the one that the sink uses, the ingest pipeline into the cluster. What is
 * there already is replaced only when it carries our mark and nobody has changed it since; anything else is left, with
 * a warning. Throws `denied` when the credentials may not.
 */
export async function install(
  context: InstallContext,
  plan: TemplatePlan,
  pipeline: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const piece of pieces(plan, pipeline)) await putPiece(context, piece, signal);
}

export function planFor(target: Target, flavour: Flavour, retention: string | null): TemplatePlan {
  const dataStream = target.kind === 'data_stream';
  return {
    product: flavour.product,
    pattern: templatePattern(target),
    dataStream,
    retention,
    lifecycle: lifecycleFor(dataStream, flavour, retention),
  };
}

function lifecycleFor(
  dataStream: boolean,
  flavour: Flavour,
  retention: string | null,
): TemplatePlan['lifecycle'] {
  if (!dataStream && retention === null) return 'none';
  if (flavour.product === 'opensearch') return 'ism';
  if (dataStream && isElasticAtLeast(flavour, 8, 14)) return 'stream';
  return flavour.serverless ? 'none' : 'ilm';
}

/** In the order in which they need one another. */
function pieces(plan: TemplatePlan, pipeline: string | undefined): readonly Piece[] {
  const name = planName(plan);
  const component = componentTemplate(plan.product);
  const list: Piece[] = [
    {
      title: `component template ${COMPONENT_NAME}`,
      path: `/_component_template/${encodeURIComponent(COMPONENT_NAME)}`,
      body: component,
      find: (answer) => at(listAt(answer, 'component_templates')[0], 'component_template'),
    },
  ];
  if (plan.lifecycle === 'ilm') {
    const policy = ilmPolicy(plan);
    const find = (answer: unknown) => at(answer, name, 'policy');
    list.push({
      title: `ILM policy ${name}`,
      path: `/_ilm/policy/${name}`,
      body: policy,
      find,
      marked: policy.policy,
    });
  }
  if (plan.lifecycle === 'ism') {
    const path = `/_plugins/_ism/policies/${name}`;
    list.push({ title: `ISM policy ${name}`, path, body: ismPolicy(plan), find: null });
  }
  list.push({
    title: `index template ${name}`,
    path: `/_index_template/${name}`,
    body: indexTemplate(plan),
    find: (answer) => at(listAt(answer, 'index_templates')[0], 'index_template'),
  });
  if (pipeline === PIPELINE_NAME) {
    const path = `/_ingest/pipeline/${PIPELINE_NAME}`;
    list.push({
      title: `ingest pipeline ${PIPELINE_NAME}`,
      path,
      body: enrichPipeline(plan.product),
      find: null,
    });
  }
  return list;
}

async function putPiece(context: InstallContext, piece: Piece, signal: AbortSignal): Promise<void> {
  const found = await context.cluster.ask({ method: 'GET', path: piece.path }, signal);
  if (found.status === 200) {
    if (piece.find === null) return;
    const stored = piece.find(found.json);
    const owner = ownership(stored);
    if (owner !== 'unchanged') {
      const why =
        owner === 'changed' ? 'was changed after auditferry put it there' : 'was not made by auditferry';
      context.warn(`${piece.title} ${why}; it is left as it is`);
      return;
    }
    if (storedHash(stored) === storedHash(piece.marked ?? piece.body)) return;
  } else if (found.status === 400 && piece.find === null && /no handler found/.test(errorOf(found).reason)) {
    // A distribution without the plugin: everything else works without it.
    context.warn(`${piece.title} is not installed: this cluster has no such feature`);
    return;
  } else if (found.status !== 404) {
    throw refused(context, piece, found, 'cannot be looked up');
  }
  const put = await context.cluster.ask(
    { method: 'PUT', path: piece.path, body: JSON.stringify(piece.body) },
    signal,
  );
  if (put.status !== 200 && put.status !== 201) throw refused(context, piece, put, 'cannot be installed');
}

/** Nothing of an event is in these requests, so the cluster's own reason may be shown. A 400 holds like a denial. */
function refused(context: InstallContext, piece: Piece, answer: ClusterAnswer, what: string): ForwardError {
  const { type, reason } = errorOf(answer);
  const where = `${piece.title} ${what}: ${answer.where}`;
  const said = `${type} ${reason}`;
  const hint =
    'give these credentials what is named (Elasticsearch: manage_index_templates, manage_ilm, manage_pipeline), or install the files of content/elastic yourself and set `install: false`';
  if (reactionTo(answer.status) === 'transient')
    return statusFailure(where, answer, context.nowMs(), { said });
  return new ForwardError('denied', `${where} answered ${answer.status}: ${oneLine(said)}`, { hint });
}
