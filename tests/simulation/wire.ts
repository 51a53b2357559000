import type { HttpClient } from '../../src/net/http.ts';
import type { Platform } from '../../src/simulator/platform.ts';
import type { Random } from '../../src/simulator/random.ts';
import type { Life, Product } from './life.ts';

/** A hanging request is given up by its deadline; it waits that long in simulated time. */
export interface WireOptions {
  readonly latencyMs: number;
  /** The server's count runs ahead of its list by one. */
  readonly countsAhead: () => boolean;
  readonly asked: (path: string, status: number | string) => void;
}

/** The simulated Platform behind an HttpClient: latency, and the failures that only a socket can show. */
export function createWire(
  platform: Platform,
  product: Product,
  life: Life,
  random: Random,
  options: WireOptions,
): HttpClient {
  const failure = (text: string, cause?: unknown): Error =>
    new product.ForwardError('transient', text, { ambiguous: true, cause });
  return {
    async exchange({ method, url, headers, timeoutMs }, signal) {
      await life.alive();
      signal.throwIfAborted();
      const path = `${url.pathname}${url.search}`;
      await life.sleep((random.unit() * options.latencyMs) / 2, signal);
      const answer = platform.handle({ method, path: url.pathname, query: url.searchParams, headers });
      options.asked(path, answer.fault ?? answer.status);
      if (answer.fault === 'hang') {
        await life.sleep(timeoutMs, signal);
        throw failure('no whole answer in time', new DOMException('timed out', 'TimeoutError'));
      }
      await life.sleep((random.unit() * options.latencyMs) / 2, signal);
      if (answer.fault === 'reset') throw failure('the connection was reset');
      const text = options.countsAhead() ? countAhead(answer.body) : answer.body;
      const body = Buffer.from(answer.status === 401 ? quoting(headers['authorization'] ?? '') : text);
      const cut = answer.fault === 'truncate' ? body.subarray(0, Math.floor(body.length / 2)) : body;
      return { status: answer.status, headers: answer.headers, body: cut };
    },
    close: async () => {},
  };
}

/** As gateways do: the key that they refuse, as it came and in the ways in which it passes through templates. */
function quoting(key: string): string {
  const message = `no ${key}, ${key.toUpperCase()}, ${key.replaceAll('-', '&#45;')}`;
  return JSON.stringify({ message, status: 401 });
}

function countAhead(body: string): string {
  return body.replace(/"total_count":(\d+)/, (_, count: string) => `"total_count":${Number(count) + 1}`);
}
