import { ForwardError } from '../../model/errors.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import type { SinkContext } from '../sink.ts';
import { errorOf } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { refusalOf } from './fates.ts';
import { probeFlavour } from './flavour.ts';
import type { Flavour } from './flavour.ts';
import { install, planFor } from './install.ts';
import type { ElasticsearchOptions } from './options.ts';
import type { Target } from './target.ts';

/** What the pieces of one sink share. */
export interface ElasticParts {
  readonly cluster: Cluster;
  readonly target: Target;
  readonly options: ElasticsearchOptions;
  readonly context: SinkContext;
}

/** What has to be true before the first document goes out; found out once, again only after a failure. */
export interface Preparation {
  ready(signal: AbortSignal): Promise<Flavour>;
}

export function openPreparation(parts: ElasticParts): Preparation {
  let running: Promise<Flavour> | null = null;
  return {
    ready: async (signal) => {
      running ??= prepare(parts, signal);
      const mine = running;
      try {
        return await mine;
      } catch (error) {
        if (running === mine) running = null;
        signal.throwIfAborted();
        if (error instanceof ForwardError) throw error;
        // Another lane began this and was told to stop.
        throw new ForwardError('transient', 'preparing the cluster was given up', { cause: error });
      }
    },
  };
}

async function prepare(parts: ElasticParts, signal: AbortSignal): Promise<Flavour> {
  const { cluster, target, options, context } = parts;
  const nowMs = () => context.clock.now();
  const flavour = await findFlavour(parts, signal);
  const wish = readInstall(options);
  if (wish !== null) {
    const plan = planFor(target, flavour, wish.retention);
    if (plan.lifecycle === 'none' && wish.retention !== null) {
      context.warn(
        `install.lifecycle has no effect: ${flavour.product} here cannot end the life of a plain index`,
      );
    }
    const warn = (message: string) => context.warn(message);
    await install({ cluster, nowMs, warn }, plan, options.pipeline, signal);
  }
  if (flavour.product === 'opensearch' && target.kind === 'data_stream') await makeStream(parts, signal);
  return flavour;
}

/** A named flavour without anything to install needs no question that the credentials might not be allowed to ask. */
async function findFlavour(parts: ElasticParts, signal: AbortSignal): Promise<Flavour> {
  const wanted = parts.options.flavour;
  if (wanted !== 'auto' && readInstall(parts.options) === null) {
    return { product: wanted, version: null, serverless: false };
  }
  return probeFlavour(parts.cluster, wanted, () => parts.context.clock.now(), signal);
}

/** Null when nothing is to be installed. */
export function readInstall(options: ElasticsearchOptions): { readonly retention: string | null } | null {
  const wish = options.install ?? false;
  if (wish === false) return null;
  if (wish === true) return { retention: null };
  return wish.templates === false ? null : { retention: wish.lifecycle ?? null };
}

/**
 * OpenSearch has no `require_data_stream`: a missing stream without a template would silently become a plain index. So
 * the stream is made by name, which OpenSearch refuses unless a template says that it is one.
 */
async function makeStream(parts: ElasticParts, signal: AbortSignal): Promise<void> {
  const { cluster, target, context } = parts;
  const path = `/_data_stream/${encodeURIComponent(target.name)}`;
  const found = await cluster.ask({ method: 'GET', path }, signal);
  if (found.status === 200) return;
  if (found.status !== 404) {
    if (found.status !== 403) throw statusFailure(found.where, found, context.clock.now());
    const why = refusalOf(found) ?? 'answered 403';
    context.warn(
      `these credentials may not look at the data stream; whether it is one is not known (${why})`,
    );
    return;
  }
  const made = await cluster.ask({ method: 'PUT', path }, signal);
  const { type } = errorOf(made);
  if (reactionTo(made.status) === 'taken' || type === 'resource_already_exists_exception') return;
  if (reactionTo(made.status) === 'transient') throw statusFailure(made.where, made, context.clock.now());
  const hint =
    made.status === 403
      ? 'give these credentials what is named, or create the data stream yourself'
      : 'set `install: true`, or create an index template with `data_stream: {}` for it, or use `index`';
  const why = `${made.status} ${refusalOf(made) ?? ''}`.trim();
  throw new ForwardError('denied', `${target.name} is not a data stream and cannot be made one: ${why}`, {
    hint,
  });
}
