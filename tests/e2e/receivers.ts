import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { wallClock } from '../../src/model/clock.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import type { FakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FaultFront } from '../fakes/faults.ts';
import { SPLUNK_TOKEN, splunkFake } from '../fakes/splunk.ts';
import type { SplunkFake } from '../fakes/splunk.ts';
import { openFakeSyslog } from '../fakes/syslog.ts';
import type { FakeSyslog } from '../fakes/syslog.ts';
import type { Folder } from './program.ts';

/** One receiver of each kind, and the configuration that reaches all of them. */
export interface Receivers {
  readonly elastic: FakeElasticsearch;
  readonly elasticFront: FaultFront;
  readonly splunk: SplunkFake;
  readonly splunkFront: FaultFront;
  readonly syslog: FakeSyslog;
  /** The `sinks:` section; `batch` and `rotate` as the configuration takes them. */
  sinks(options?: { readonly batch?: string; readonly rotate?: string }): string;
  /** Whether a request or a message may still be on its way in. */
  busy(): boolean;
  /** Ids as each receiver holds them, copies apart. */
  ids(): Readonly<Record<'file' | 'elastic' | 'splunk' | 'syslog', readonly string[]>>;
  close(): Promise<void>;
}

export async function openReceivers(folder: Folder): Promise<Receivers> {
  const elastic = fakeElasticsearch({ builtInTemplate: true });
  const elasticFront = await openFaultFront(elastic.receive, { clock: wallClock });
  const splunk = splunkFake({ ack: false });
  const splunkFront = await openFaultFront(splunk.receive, { clock: wallClock });
  const syslog = await openFakeSyslog();
  const file = join(folder.path, 'out', 'audit.ndjson');
  return {
    elastic,
    elasticFront,
    splunk,
    splunkFront,
    syslog,
    sinks: ({ batch = '{}', rotate = '{}' } = {}) => `
sinks:
  file: { type: file, path: ./out/audit.ndjson, format: raw, batch: ${batch}, rotate: ${rotate} }
  elastic: { type: elasticsearch, url: "${elasticFront.url.href}", format: ecs, batch: ${batch} }
  splunk: { type: splunk_hec, url: "${splunkFront.url.href}", token: "\${SPLUNK_TOKEN}", index: audit, format: cim, batch: ${batch} }
  syslog: { type: syslog, address: "tcp://127.0.0.1:${syslog.port}", format: raw, max_message_bytes: 65536, batch: ${batch} }
`,
    busy: () => elasticFront.open() + splunkFront.open() + syslog.open() > 0,
    ids: () => ({
      file: readNdjsonIds(file),
      elastic: elastic.ids(),
      splunk: splunk.indexed.map((event) => event.id),
      syslog: syslog.messages.map(idOfMessage),
    }),
    async close() {
      await Promise.all([elasticFront.close(), splunkFront.close(), syslog.close()]);
    },
  };
}

export const RECEIVER_ENVIRONMENT = { SPLUNK_TOKEN, PLATFORM_KEY: 'demo-key' };

/**
 * Ids in a file sink's file and the ones it rotated, in no particular order, whatever moment its writer was killed at: a file that is
 * there compressed as well counts once, and a line without an end not at all.
 */
export function readNdjsonIds(path: string): string[] {
  if (!existsSync(dirname(path))) return [];
  return filesOf(path).flatMap(idsOfFile);
}

/** Those of the same files that end within a line: none, once the program has gone on after a crash. */
export function tornFiles(path: string): string[] {
  return filesOf(path).filter((file) => !/^$|\n$/.test(textOf(file).slice(-1)));
}

function filesOf(path: string): string[] {
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
  return names
    .filter((name) => !name.endsWith('.tmp') && !names.includes(`${name}.gz`))
    .map((name) => join(dirname(path), name));
}

function textOf(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** Compressed files do not change. */
const compressedIds = new Map<string, readonly string[]>();

function idsOfFile(path: string): readonly string[] {
  const known = compressedIds.get(path);
  if (known !== undefined) return known;
  const lines = textOf(path).split('\n').slice(0, -1);
  const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
  if (path.endsWith('.gz')) compressedIds.set(path, ids);
  return ids;
}

function idOfMessage(message: Buffer): string {
  const text = message.toString('utf8');
  return (JSON.parse(text.slice(text.indexOf('{'))) as { id: string }).id;
}

export interface Tally {
  readonly lost: number;
  readonly repeated: number;
  readonly strange: number;
}

/** What is missing of `wanted`, what came twice, and what came from nowhere: is not among `all`. */
export function tally(
  wanted: readonly string[],
  got: readonly string[],
  all: readonly string[] = wanted,
): Tally {
  const have = new Set(got);
  const known = new Set(all);
  return {
    lost: [...new Set(wanted)].filter((id) => !have.has(id)).length,
    repeated: got.length - have.size,
    strange: [...have].filter((id) => !known.has(id)).length,
  };
}
