import { createPlatform } from '../../src/simulator/platform.ts';
import type { Platform } from '../../src/simulator/platform.ts';
import type { PlatformResponse } from '../../src/simulator/answers.ts';
import type { SimulatorPatch } from '../../src/simulator/options.ts';

export const START = Date.parse('2026-06-01T12:00:00Z');

export interface Page {
  readonly items: readonly {
    readonly id?: string;
    readonly created_at: string;
    readonly [key: string]: unknown;
  }[];
  readonly metadata: {
    readonly page_size: number;
    readonly total_count?: number;
    readonly last_page?: number;
  };
}

export interface Bench {
  readonly platform: Platform;
  /** Moves the real clock on. Milliseconds. */
  readonly advance: (ms: number) => void;
  readonly get: (
    path: string,
    query?: Record<string, string>,
    headers?: Record<string, string>,
  ) => PlatformResponse;
  readonly page: (query?: Record<string, string>) => Page;
  /** Ids of all pages, as a client reads them that goes on until an empty page. */
  readonly walk: (query?: Record<string, string>, between?: () => void) => string[];
}

/** A Platform with a clock in hand. One hour of history at one event a second, ties stable, unless said otherwise. */
export function bench(patch: SimulatorPatch = {}): Bench {
  let now = START;
  const platform = createPlatform({ history: 3_600_000, rate: 60, order: 'asc', ...patch }, () => now);
  const get: Bench['get'] = (path, query = {}, headers = { authorization: 'Bearer demo-key' }) =>
    platform.handle({ method: 'GET', path, query: new URLSearchParams(query), headers });
  const page: Bench['page'] = (query = {}) => JSON.parse(get('/api/audit-logs', query).body) as Page;
  return {
    platform,
    advance: (ms) => {
      now += ms;
    },
    get,
    page,
    walk: (query = {}, between = () => undefined) => {
      const ids: string[] = [];
      for (let number = 1; ; number += 1) {
        const { items } = page({ per_page: '1000', ...query, page: String(number) });
        if (items.length === 0) return ids;
        ids.push(...items.map((item) => String(item.id)));
        between();
      }
    },
  };
}

export function idsOf(platform: Platform): string[] {
  return platform.visibleEvents().map(({ id }) => String(id));
}
