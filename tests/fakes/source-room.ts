import { Secret } from '../../src/model/secret.ts';
import type { HttpClient, HttpResponse } from '../../src/net/http.ts';
import { createPlatform } from '../../src/simulator/platform.ts';
import type { Platform } from '../../src/simulator/platform.ts';
import type { SimulatorPatch } from '../../src/simulator/options.ts';
import type { CloudqueryOptions } from '../../src/sources/cloudquery/options.ts';
import { createCloudquery } from '../../src/sources/cloudquery/source.ts';
import type { Source } from '../../src/sources/source.ts';
import { createLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { platformHttp } from './platform-http.ts';
import { elapse, simulatedClock } from './simulated-time.ts';

const MINUTE = 60_000;

/** One exchange as a Platform or something in front of it may change it. */
export interface Exchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly response: HttpResponse;
  /** Which request this is, from 1. */
  readonly number: number;
}

export interface SourceRoom {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly warnings: string[];
  /** What was asked, newest last: path and query. */
  readonly asked: string[];
  source: Source;
  /** Changes each answer on its way; may be replaced at any time, and throw instead. */
  change: (exchange: Exchange) => HttpResponse;
  /** Rounds of polling, `everyMs` apart. */
  poll(rounds?: number, everyMs?: number): Promise<void>;
  /** Polls until nothing is due any more. */
  settle(): Promise<void>;
  /** A restart: a new source over the same ledger. */
  restart(): void;
  /** Ids that the Platform shows and the ledger does not know. */
  missing(): string[];
}

/** Options of a source under test: a month back, one request at a time. */
export function sourceOptions(patch: Partial<CloudqueryOptions> = {}): CloudqueryOptions {
  return {
    url: 'http://platform.example',
    api_key: Secret.of('key'),
    start: '30d',
    overlap: 10 * MINUTE,
    audit_horizon: 30 * 24 * 60 * MINUTE,
    rate_limit: { requests_per_second: 100, concurrent: 1 },
    filters: { event_type: [], user: [], team: [], entity: [], ip_address: [], search: '' },
    request_timeout: 30_000,
    max_response_size: 64 * 2 ** 20,
    api: 'v2',
    ...patch,
  };
}

/** The source over a simulated Platform and a ledger in memory, in simulated time. */
export function sourceRoom(
  simulator: SimulatorPatch = {},
  options: Partial<CloudqueryOptions> = {},
): SourceRoom {
  const platform = createPlatform(
    { history: 60 * MINUTE, rate: 0, api_key: 'key', seed: 3, ...simulator },
    () => Date.now(),
  );
  const direct = platformHttp(platform);
  let number = 0;
  const http: HttpClient = {
    async exchange(request, signal) {
      const response = await direct.exchange(request, signal);
      number += 1;
      return room.change({ path: request.url.pathname, query: request.url.searchParams, response, number });
    },
    close: async () => {},
  };
  const open = (): Source =>
    createCloudquery(
      sourceOptions(options),
      {
        name: 'platform',
        warn: (text: string) => void room.warnings.push(text),
        clock: simulatedClock(() => 0.5),
        forwarderVersion: '0',
      },
      http,
    );
  const pollOnce = async (): Promise<void> => {
    const polling = room.source.poll(room.ledger, room.ledger.progress, new AbortController().signal);
    for await (const harvest of polling) room.ledger.commit(harvest);
  };
  const room: SourceRoom = {
    platform,
    ledger: createLedger(),
    warnings: [],
    asked: direct.asked,
    source: null as unknown as Source,
    change: ({ response }) => response,
    async poll(rounds = 1, everyMs = MINUTE) {
      for (let round = 0; round < rounds; round += 1) {
        await elapse(pollOnce());
        await elapse(new Promise((resolve) => setTimeout(resolve, everyMs)));
      }
    },
    async settle() {
      do await elapse(pollOnce());
      while (room.source.state().pendingReconcile > 0);
    },
    restart() {
      room.source = open();
    },
    missing: () =>
      platform
        .visibleEvents()
        .flatMap((event) => (event.id === null || room.ledger.events.has(event.id) ? [] : [event.id])),
  };
  room.restart();
  return room;
}

/** `count` events, `stepMs` apart, the last one at `lastMs`. */
export function insertEvents(room: SourceRoom, count: number, lastMs: number, stepMs: number): void {
  const times = Array.from({ length: count }, (_, index) => lastMs - (count - 1 - index) * stepMs);
  room.platform.insert(times.map((ms) => ({ createdAt: new Date(ms).toISOString() })));
}
