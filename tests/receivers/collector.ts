import { join } from 'node:path';

import type { Certificates } from './certificates.ts';
import {
  accepts,
  fillTemplate,
  freePorts,
  removeFolder,
  runFolder,
  startProgram,
  until,
} from './processes.ts';
import type { Running } from './processes.ts';
import { RECEIVERS_FOLDER } from './receivers.ts';
import { readLines } from './syslog-receivers.ts';

/**
 * Inputs of the collector: `hec` acknowledges, `hec_plain` does not, `hec_tls` acknowledges and demands a client certificate;
 * `otlp` and `otlp_tls` take OTLP over HTTP. No HEC token is checked by any of them.
 */
export type CollectorInput = 'hec' | 'hec_plain' | 'hec_tls' | 'otlp' | 'otlp_tls';

/** One log entry that the collector's file exporter wrote. */
export interface StoredEntry {
  readonly timeUnixNano: string;
  readonly severityText: string | undefined;
  /** The body as plain JSON: HEC's `event`, OTLP's body. Integers come as text, as OTLP's JSON writes them. */
  readonly body: unknown;
  /** Attributes of the entry: HEC's `fields`. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Attributes of the resource: HEC's host, source, sourcetype, index. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Collector {
  readonly ports: Readonly<Record<CollectorInput, number>>;
  stored(input: CollectorInput): readonly StoredEntry[];
  /** Waits until the input holds at least `count` entries. */
  waitFor(input: CollectorInput, count: number): Promise<readonly StoredEntry[]>;
  readonly running: Running;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 30_000;
const STORED_WITHIN_MS = 20_000;

/** The OpenTelemetry Collector with its HEC receiver, acknowledgement extension and OTLP receiver. */
export async function startCollector(certificates: Certificates): Promise<Collector> {
  const folder = runFolder('collector');
  const ports = await freePorts('hec', 'hec_plain', 'hec_tls', 'otlp', 'otlp_tls');
  const config = join(folder, 'config.yaml');
  const { certFile, keyFile } = certificates.server;
  fillTemplate('collector/config.yaml', config, {
    ...ports,
    folder,
    certFile,
    keyFile,
    caFile: certificates.caFile,
  });
  const running = await startProgram({
    command: join(RECEIVERS_FOLDER, 'collector/hec-receiver'),
    args: ['--config', config],
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: async () => (await Promise.all(Object.values(ports).map((port) => accepts(port)))).every(Boolean),
  });
  const stored = (input: CollectorInput) =>
    readLines(join(folder, `${input}.jsonl`)).flatMap((line) => entriesOf(JSON.parse(line) as ExportedLogs));
  return {
    ports,
    running,
    stored,
    waitFor: async (input, count) => {
      await until(`${count} entries in ${input}`, STORED_WITHIN_MS, () => stored(input).length >= count);
      return stored(input);
    },
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** The part of OTLP's JSON that is read here. Source: opentelemetry-proto, logs.proto. */
interface ExportedLogs {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] };
    readonly scopeLogs?: readonly { readonly logRecords?: readonly ExportedEntry[] }[];
  }[];
}

interface ExportedEntry {
  readonly timeUnixNano?: string;
  readonly severityText?: string;
  readonly body?: AnyValue;
  readonly attributes?: readonly Attribute[];
}

interface Attribute {
  readonly key: string;
  readonly value?: AnyValue;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly Attribute[] };
}

function entriesOf(logs: ExportedLogs): readonly StoredEntry[] {
  return (logs.resourceLogs ?? []).flatMap((group) =>
    (group.scopeLogs ?? [])
      .flatMap((scope) => scope.logRecords ?? [])
      .map((entry) => ({
        timeUnixNano: entry.timeUnixNano ?? '0',
        severityText: entry.severityText,
        body: plain(entry.body),
        attributes: plainAttributes(entry.attributes),
        resource: plainAttributes(group.resource?.attributes),
      })),
  );
}

function plain(value: AnyValue | undefined): unknown {
  if (value === undefined) return null;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue !== undefined) return plainAttributes(value.kvlistValue.values);
  return value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue ?? null;
}

function plainAttributes(list: readonly Attribute[] | undefined): Record<string, unknown> {
  return Object.fromEntries((list ?? []).map(({ key, value }) => [key, plain(value)]));
}
