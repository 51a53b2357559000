import type { HttpClient } from '../../src/net/http.ts';
import type { Platform } from '../../src/simulator/platform.ts';
import type { Random } from '../../src/simulator/random.ts';
import type { Calls } from './calls.ts';
import type { Life, Product } from './life.ts';

/** A hanging request is given up by its deadline; it waits that long in simulated time. */
export interface WireOptions {
  readonly latencyMs: number;
  /** What the server says for a count of its list. */
  readonly counted: (rows: number) => number;
  /** Share of connections that break. */
  readonly broken: number;
  /** One of them did. */
  readonly broke: () => void;
  /** How far the Date of the next answer is off. */
  readonly dateOffMs: () => number;
  readonly asked: (path: string, status: number | string) => void;
}

/** Nobody there; a connection that only one side has; a body that stops coming; one that ends in the middle. */
const BREAKS = ['refused', 'half-open', 'stalled', 'cut'] as const;

/** The simulated Platform behind an HttpClient: latency, and the failures that only a socket can show. */
export function createWire(
  platform: Platform,
  product: Product,
  life: Life,
  calls: Calls,
  random: Random,
  options: WireOptions,
): HttpClient {
  const failure = (text: string, cause?: unknown): Error =>
    new product.ForwardError('transient', text, { ambiguous: true, cause });
  const late = (): Error => failure('no whole answer in time', new DOMException('timed out', 'TimeoutError'));
  return {
    async exchange({ method, url, headers, timeoutMs }, signal) {
      await life.alive();
      signal.throwIfAborted();
      const path = `${url.pathname}${url.search}`;
      await life.sleep((random.unit() * options.latencyMs) / 2, signal);
      const breaks =
        options.broken > 0 && random.unit() < options.broken ? random.below(BREAKS.length) : null;
      const failing = calls.next('request');
      if (failing === 'crash') life.crash('at a request');
      await life.alive();
      const how = failing ?? (breaks === null ? null : BREAKS[breaks]);
      if (how !== null) options.broke();
      if (how === 'refused') throw new product.ForwardError('transient', 'nobody answers at the address');
      if (how === 'half-open') {
        await life.sleep(timeoutMs, signal);
        throw late();
      }
      const answer = platform.handle({ method, path: url.pathname, query: url.searchParams, headers });
      options.asked(path, answer.fault ?? answer.status);
      if (answer.fault === 'hang' || how === 'stalled') {
        await life.sleep(timeoutMs, signal);
        throw late();
      }
      await life.sleep((random.unit() * options.latencyMs) / 2, signal);
      if (answer.fault === 'reset' || how === 'cut') throw failure('the connection was reset');
      const text = recount(answer.body, options.counted);
      const body = Buffer.from(answer.status === 401 ? quoting(headers['authorization'] ?? '') : text);
      const cut = answer.fault === 'truncate' ? body.subarray(0, Math.floor(body.length / 2)) : body;
      return { status: answer.status, headers: redate(answer.headers, options.dateOffMs()), body: cut };
    },
    close: async () => {},
  };
}

/** As gateways do: the key that they refuse, as it came and in the ways in which it passes through templates. */
function quoting(key: string): string {
  const message = `no ${key}, ${key.toUpperCase()}, ${key.replaceAll('-', '&#45;')}`;
  return JSON.stringify({ message, status: 401 });
}

function recount(body: string, counted: (rows: number) => number): string {
  return body.replace(/"total_count":(\d+)/, (_, rows: string) => `"total_count":${counted(Number(rows))}`);
}

function redate(headers: Readonly<Record<string, string>>, offMs: number): Readonly<Record<string, string>> {
  if (offMs === 0) return headers;
  return { ...headers, date: new Date(Date.parse(headers['date'] ?? '') + offMs).toUTCString() };
}
