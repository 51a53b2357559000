import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { wallClock } from '../../src/model/clock.ts';
import { elasticsearch } from '../../src/sinks/elasticsearch.ts';
import type { GivenElasticsearchOptions } from '../../src/sinks/elastic/options.ts';
import { kafka } from '../../src/sinks/kafka.ts';
import type { KafkaOptions } from '../../src/sinks/kafka/options.ts';
import { otlp } from '../../src/sinks/otlp.ts';
import type { OtlpOptions } from '../../src/sinks/otlp/options.ts';
import { s3 } from '../../src/sinks/s3.ts';
import type { S3Options } from '../../src/sinks/s3/options.ts';
import type { Item, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { splunkHecSink } from '../../src/sinks/splunk-hec.ts';
import type { SplunkOptions } from '../../src/sinks/splunk/options.ts';
import { syslogSink } from '../../src/sinks/syslog.ts';
import type { GivenSyslogOptions } from '../../src/sinks/syslog/schema.ts';
import { deliverLoop } from '../contract/deliver-loop.ts';
import type { Delivery } from '../contract/deliver-loop.ts';
import { hostileItems, makeItem } from '../contract/items.ts';
import type { Certificate, Certificates } from './certificates.ts';

/** Our sinks with the options that the configuration would give them, shortened where a test would wait. */
export function openSplunk(url: string, options: Partial<SplunkOptions> = {}): Sink {
  const settings: SplunkOptions = {
    url,
    token: Secret.of(TOKEN),
    sourcetype: 'cloudquery:platform:audit',
    ack: 'auto',
    ack_timeout: 20_000,
    ack_poll: 500,
    compress: 'gzip',
    max_event_size: 5_000_000,
    request_timeout: PATIENCE_MS,
    ...options,
  };
  return splunkHecSink.create(settings, contextOf('splunk'));
}

export function openElasticsearch(
  url: string,
  options: Partial<GivenElasticsearchOptions> = {},
  warn: SinkContext['warn'] = () => undefined,
): Sink {
  const settings = { url, compress: 'gzip', request_timeout: PATIENCE_MS, ...options } as const;
  return elasticsearch.create(settings, { ...contextOf('elastic'), warn });
}

export function openSyslog(address: string, options: Partial<GivenSyslogOptions> = {}): Sink {
  const settings = { address, timeout: PATIENCE_MS, close_timeout: PATIENCE_MS, ...options };
  return syslogSink.create(settings, contextOf('soc'));
}

export function openOtlp(url: string, options: Partial<OtlpOptions> = {}): Sink {
  const settings: OtlpOptions = {
    url,
    encoding: 'protobuf',
    headers: {},
    compress: 'gzip',
    request_timeout: PATIENCE_MS,
    resource: {},
    include_original: true,
    ...options,
  };
  return otlp.create(settings, contextOf('otlp'));
}

export function openS3(endpoint: string, options: Partial<S3Options> = {}): Sink {
  const settings: S3Options = {
    endpoint,
    bucket: 'audit',
    prefix: '',
    region: 'us-east-1',
    encoding: 'ndjson_gzip',
    parquet: { compression: 'zstd', row_group_events: 2000 },
    access_key_id: 'AKIDEXAMPLE',
    secret_access_key: Secret.of(TOKEN),
    if_none_match: true,
    request_timeout: PATIENCE_MS,
    ...options,
  };
  return s3.create(settings, contextOf('lake'));
}

export function openKafka(brokers: readonly string[], options: Partial<KafkaOptions> = {}): Sink {
  const settings: KafkaOptions = {
    brokers,
    topic: 'audit',
    compress: 'gzip',
    client_id: 'auditferry',
    request_timeout: 10_000,
    ...options,
  };
  return kafka.create(settings, contextOf('bus'));
}

/** The `tls` block of a sink. */
export function tlsOf(certificates: Certificates, client?: Certificate) {
  return {
    ca_file: certificates.caFile,
    ...(client === undefined ? {} : { cert_file: client.certFile, key_file: client.keyFile }),
  };
}

/** Long enough for a loaded machine, short enough for a fault that never answers. */
const PATIENCE_MS = 5_000;
export const TOKEN = '5e0f2a61-6a1e-4a55-9d5b-0e3c1c2d7f10';

/** What the loop waits at most between two tries; the floors that receivers ask for are looked at, not sat out. */
const LONGEST_PAUSE_MS = 250;

/** Delivers as the program would, with shorter pauses; `onFailure` may heal what is broken. */
export function deliver(
  sink: Sink,
  items: readonly Item[],
  onFailure: (error: ForwardError) => void | Promise<void> = (error) => {
    throw error;
  },
): Promise<Delivery> {
  return deliverLoop(
    (batch, signal) => sink.send(batch, signal),
    items,
    { ...wallClock, sleep: (ms, signal) => wallClock.sleep(Math.min(ms, LONGEST_PAUSE_MS), signal) },
    async (error) => onFailure(error),
  );
}

/** What one call of `send` throws; an error of the test when it throws nothing. */
export async function refusal(sink: Sink, items: readonly Item[]): Promise<ForwardError> {
  try {
    const receipt = await sink.send({ items, attempt: 1 }, new AbortController().signal);
    throw new Error(`the receiver took it: ${JSON.stringify(receipt.fates.slice(0, 3))}`);
  } catch (error) {
    if (error instanceof ForwardError) return error;
    throw error;
  }
}

/** Ids in the order of the items. */
export function idsOf(items: readonly Item[]): readonly string[] {
  return items.map((item) => item.canonical.id);
}

/** Hostile events, and two whose JSON carries halves of a character and NUL as escapes. */
export function hostile(first: number): readonly Item[] {
  const escapes = ['\\ud800', '\\udfff and \\u0000'].map((text, index) => {
    const { canonical } = makeItem(first + 500 + index);
    return makeItem(first + 500 + index, { body: `{"event_id":"${canonical.id}","text":"${text}"}` });
  });
  return [...hostileItems(first), ...escapes];
}

/** JSON read with each half of a character replaced by U+FFFD, which is what receivers that cannot keep it are given. */
export function parseWellFormed(json: string): unknown {
  return JSON.parse(json, (_key, part: unknown) =>
    typeof part === 'string' ? part.toWellFormed() : part,
  ) as unknown;
}

function contextOf(name: string): SinkContext {
  return { name, warn: () => undefined, clock: wallClock, forwarderVersion: '0.0.0-test' };
}
