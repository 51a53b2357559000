import { statusFailure, unreadableAnswer } from '../http-fates.ts';
import type { Cluster, ClusterAnswer } from './cluster.ts';
import { refusalOf } from './fates.ts';
import { textAt } from './json.ts';
import type { Product } from './mappings.ts';

export interface Flavour {
  readonly product: Product;
  /** "9.1.2"; null when the credentials may not ask, or when nobody asked. */
  readonly version: string | null;
  readonly serverless: boolean;
}

/**
 * Asks `GET /` what this is. Credentials that may write but not look (403) still tell the product by a response header
 * of Elasticsearch. Throws like any request: `denied` for 401, `transient` for what may pass.
 */
export async function probeFlavour(
  cluster: Cluster,
  wanted: Product | 'auto',
  nowMs: () => number,
  signal: AbortSignal,
): Promise<Flavour> {
  const answer = await cluster.ask({ method: 'GET', path: '/' }, signal);
  if (answer.status === 200) {
    const flavour = readFlavour(answer, wanted);
    if (flavour === null) throw unreadableAnswer(answer.where, answer);
    return flavour;
  }
  if (answer.status === 403) {
    return {
      product: wanted === 'auto' ? productByHeader(answer) : wanted,
      version: null,
      serverless: false,
    };
  }
  throw statusFailure(answer.where, answer, nowMs(), { said: refusalOf(answer) });
}

/** Null when the answer is not that of a cluster. */
function readFlavour(answer: ClusterAnswer, wanted: Product | 'auto'): Flavour | null {
  const version = textAt(answer.json, 'version', 'number');
  if (version === '') return null;
  const opensearch = textAt(answer.json, 'version', 'distribution') === 'opensearch';
  const seen: Product = opensearch ? 'opensearch' : 'elasticsearch';
  return {
    product: wanted === 'auto' ? seen : wanted,
    version,
    serverless: textAt(answer.json, 'version', 'build_flavor') === 'serverless',
  };
}

function productByHeader(answer: ClusterAnswer): Product {
  return answer.headers['x-elastic-product'] === undefined ? 'opensearch' : 'elasticsearch';
}

/** Whether this is Elasticsearch of at least that version; an unknown version and Serverless count as new. */
export function isElasticAtLeast(flavour: Flavour, major: number, minor: number): boolean {
  if (flavour.product !== 'elasticsearch') return false;
  if (flavour.version === null || flavour.serverless) return true;
  const [ownMajor = 0, ownMinor = 0] = flavour.version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

export function describeFlavour(flavour: Flavour): string {
  const product = flavour.product === 'opensearch' ? 'OpenSearch' : 'Elasticsearch';
  if (flavour.serverless) return `${product} Serverless`;
  return flavour.version === null
    ? `${product}, version not shown to these credentials`
    : `${product} ${flavour.version}`;
}
