import { ForwardError } from '../../../src/model/errors.ts';
import { guardSink } from '../../../src/sinks/credential-guard.ts';
import { elasticsearch as bare } from '../../../src/sinks/elasticsearch.ts';
import type { GivenElasticsearchOptions } from '../../../src/sinks/elastic/options.ts';
import type { Fate, Item, Receipt, Sink } from '../../../src/sinks/sink.ts';
import { testClock } from '../../contract/clock.ts';
import type { TestClock } from '../../contract/clock.ts';
import { fakeElasticsearch } from '../../fakes/elasticsearch.ts';
import type { FakeElasticsearch, FakeElasticsearchOptions } from '../../fakes/elasticsearch.ts';
import { openFaultFront } from '../../fakes/faults.ts';
import type { FakeReceiver, FaultFront } from '../../fakes/faults.ts';

const elasticsearch = guardSink(bare);

export interface Bench {
  readonly sink: Sink;
  readonly fake: FakeElasticsearch;
  readonly front: FaultFront;
  readonly clock: TestClock;
  readonly warnings: string[];
}

/** Opens a fake cluster and a sink to it, runs, and closes both. */
export async function onBench(
  wishes: {
    readonly cluster?: FakeElasticsearchOptions;
    readonly sink?: Partial<GivenElasticsearchOptions>;
    readonly behind?: (receive: FakeReceiver) => FakeReceiver;
  },
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  const clock = testClock();
  const fake = fakeElasticsearch({ builtInTemplate: true, ...wishes.cluster });
  const front = await openFaultFront(wishes.behind?.(fake.receive) ?? fake.receive, {
    clock,
    applies: (_method, path) => path.endsWith('/_bulk'),
  });
  const warnings: string[] = [];
  const sink = openSink(front.url.href, wishes.sink ?? {}, clock, warnings);
  try {
    await run({ sink, fake, front, clock, warnings });
  } finally {
    await sink.close();
    await front.close();
  }
}

export function openSink(
  url: string,
  options: Partial<GivenElasticsearchOptions>,
  clock: TestClock,
  warnings: string[],
): Sink {
  return elasticsearch.create(
    { ...('urls' in options || 'cloud_id' in options ? {} : { url }), ...options },
    { name: 'elastic', warn: (line) => void warnings.push(line), clock, forwarderVersion: '0.0.0-test' },
  );
}

export const never = new AbortController().signal;

export function send(sink: Sink, items: readonly Item[], attempt = 1): Promise<Receipt> {
  return sink.send({ items, attempt }, never);
}

export function outcomes(receipt: Receipt): readonly Fate['outcome'][] {
  return receipt.fates.map((fate) => fate.outcome);
}

export function reasonOf(fate: Fate | undefined): string {
  return fate !== undefined && 'reason' in fate ? fate.reason : '';
}

export function idsOf(items: readonly Item[]): readonly string[] {
  return items.map((item) => item.canonical.id);
}

export async function failureOf(work: Promise<unknown>): Promise<ForwardError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForwardError)) throw new Error('no ForwardError was thrown', { cause: error });
  return error;
}

export function bulks(front: FaultFront) {
  return front.requests.filter((request) => request.path.endsWith('/_bulk'));
}
