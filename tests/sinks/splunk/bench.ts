import { afterEach } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Batch, Item, Receipt, Sink } from '../../../src/sinks/sink.ts';
import { guardSink } from '../../../src/sinks/credential-guard.ts';
import { splunkHecSink as bare } from '../../../src/sinks/splunk-hec.ts';
import type { SplunkOptions } from '../../../src/sinks/splunk/options.ts';
import { testClock } from '../../contract/clock.ts';
import type { TestClock } from '../../contract/clock.ts';
import { makeItems } from '../../contract/items.ts';
import { openFaultFront } from '../../fakes/faults.ts';
import type { FaultFront } from '../../fakes/faults.ts';
import { SPLUNK_TOKEN, splunkFake } from '../../fakes/splunk.ts';
import type { SplunkFake } from '../../fakes/splunk.ts';

const splunkHecSink = guardSink(bare);

export const EVENT_PATH = '/services/collector/event';
export const ACK_PATH = '/services/collector/ack';

/** Undone after each test. */
export const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

export interface Bench {
  readonly sink: Sink;
  readonly front: FaultFront;
  readonly fake: SplunkFake;
  readonly clock: TestClock;
}

export async function openBench(
  wishes: Partial<SplunkOptions> = {},
  applies?: (method: string, path: string) => boolean,
): Promise<Bench> {
  const clock = testClock();
  const fake = splunkFake();
  const front = await openFaultFront(fake.receive, { clock, ...(applies === undefined ? {} : { applies }) });
  closers.push(front.close);
  return { sink: open(front.url, wishes, clock), front, fake, clock };
}

export function open(
  address: URL | string | readonly URL[],
  wishes: Partial<SplunkOptions> = {},
  clock: TestClock = testClock(),
): Sink {
  const context = { name: 'splunk', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  const sink = splunkHecSink.create({ ...optionsFor(address), ...wishes }, context);
  closers.push(() => sink.close());
  return sink;
}

export function optionsFor(address: URL | string | readonly URL[]): SplunkOptions {
  return {
    ...(Array.isArray(address) ? { urls: address.map(String) } : { url: String(address) }),
    token: Secret.of(SPLUNK_TOKEN),
    index: 'audit',
    sourcetype: 'cloudquery:platform:audit',
    ack: 'auto',
    ack_timeout: 300_000,
    ack_poll: 10_000,
    compress: 'gzip',
    max_event_size: 5_000_000,
    request_timeout: 5000,
  };
}

export function posts(fake: SplunkFake) {
  return fake.requests.filter((request) => request.path === EVENT_PATH);
}

export function channelOf(request: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): string {
  return String(request.headers['x-splunk-request-channel']);
}

export function outcomes(receipt: Receipt): readonly string[] {
  return receipt.fates.map((fate) => fate.outcome);
}

export function idAt(items: readonly Item[], place: number): string {
  return items[place]?.canonical.id ?? '';
}

export function batch(count: number): Batch {
  return { items: makeItems(count), attempt: 1 };
}

export function signal(): AbortSignal {
  return new AbortController().signal;
}

export async function failureOf(work: Promise<unknown>): Promise<ForwardError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForwardError)) throw error;
  return error;
}
