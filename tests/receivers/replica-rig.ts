import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { StatusDocument } from '../../src/admin/document-shape.ts';
import { makeFolder, start, startPlatform, until } from '../e2e/program.ts';
import type { Running, SimulatedPlatform } from '../e2e/program.ts';
import { openReceivers, readNdjsonIds, RECEIVER_ENVIRONMENT } from '../e2e/receivers.ts';
import type { Receivers } from '../e2e/receivers.ts';
import { openLine } from './breakable-line.ts';
import type { BreakableLine } from './breakable-line.ts';
import { startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { freePorts } from './processes.ts';

export const LEASE_S = 4;
/** Events in a batch: what a takeover may repeat. */
export const BATCH = 100;
export const SINKS = ['elastic', 'splunk', 'syslog', 'file'] as const;
export type SinkName = (typeof SINKS)[number];

export interface ReplicaProcess {
  readonly index: number;
  readonly port: number;
  /** Its way to the database. */
  readonly line: BreakableLine;
  running: Running;
}

export interface Claim {
  readonly holder: ReplicaProcess;
  readonly epoch: bigint;
}

/** Three replicas of the built program over one PostgreSQL, each behind a line of its own, with a Platform and four receivers. */
export interface Rig {
  readonly server: Postgresql;
  readonly platform: SimulatedPlatform;
  readonly replicas: readonly ReplicaProcess[];
  /** Starts it again once its process has ended. */
  again(replica: ReplicaProcess): Promise<void>;
  /** What it says of itself; null when it is not there, frozen, or has no database. */
  statusOf(replica: ReplicaProcess): Promise<StatusDocument | null>;
  /** Who has a duty by the database's own word; null for nobody. */
  claimOf(duty: string): Promise<Claim | null>;
  epochsOf(): Promise<ReadonlyMap<string, bigint>>;
  received(sink: SinkName): readonly string[];
  /** Grows with whatever a receiver gets; cheap to ask. */
  amount(sink: SinkName): number;
  close(): Promise<void>;
}

export async function openRig(): Promise<Rig> {
  const folder = makeFolder();
  const server = await startPostgresql(['max_connections = 60']);
  const platform = await startPlatform(['--history', '5m', '--rate', '1200', '--live-users']);
  const receivers = await openReceivers(folder);
  const replicas: ReplicaProcess[] = [];
  const ports = await freePorts('one', 'two', 'three');

  function begin({ index, port, line }: Omit<ReplicaProcess, 'running'>): Running {
    const cwd = join(folder.path, `replica-${index}`);
    mkdirSync(cwd, { recursive: true });
    const text = configuration(port, platform, receivers);
    const file = folder.write(join(`replica-${index}`, 'auditferry.yaml'), text);
    const url = `postgres://postgres@127.0.0.1:${line.port}/postgres`;
    return start(['run', '-c', file], { cwd, env: { ...RECEIVER_ENVIRONMENT, STATE_URL: url } });
  }

  const statusOf = async ({ port }: ReplicaProcess): Promise<StatusDocument | null> => {
    try {
      const limit = { signal: AbortSignal.timeout(5_000) };
      const answer = await fetch(`http://127.0.0.1:${port}/api/status`, limit);
      return answer.ok ? ((await answer.json()) as StatusDocument) : null;
    } catch {
      return null;
    }
  };
  const listens = (one: ReplicaProcess): Promise<void> =>
    until('the listener', async () => (await statusOf(one)) !== null, 120_000);

  for (const [index, port] of Object.values(ports).entries()) {
    const place = { index, port, line: await openLine(server.port) };
    replicas.push({ ...place, running: begin(place) });
  }
  for (const one of replicas) await listens(one);

  const files = replicas.map(({ index }) => join(folder.path, `replica-${index}`, 'audit.ndjson'));
  return {
    server,
    platform,
    replicas,
    async again(one) {
      await one.running.ended;
      one.running = begin(one);
      await listens(one);
    },
    statusOf,
    async claimOf(duty) {
      const [row] = await server.sql(
        `SELECT epoch::text, name FROM auditferry.claims JOIN auditferry.replicas USING (holder) WHERE duty = '${duty}' AND expires_at > clock_timestamp()`,
      );
      const holder = replicas.find(({ running }) => String(row?.['name']).endsWith(`/${running.child.pid}`));
      return holder === undefined ? null : { holder, epoch: BigInt(String(row?.['epoch'])) };
    },
    async epochsOf() {
      const rows = await server.sql('SELECT duty, epoch::text FROM auditferry.claims');
      return new Map(rows.map((row) => [String(row['duty']), BigInt(String(row['epoch']))]));
    },
    received: (sink) =>
      sink === 'file' ? files.flatMap((path) => readNdjsonIds(path)) : receivers.ids()[sink],
    amount: (sink) =>
      ({
        elastic: () => receivers.elastic.ids().length,
        splunk: () => receivers.splunk.indexed.length,
        syslog: () => receivers.syslog.messages.length,
        file: () =>
          files.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0),
      })[sink](),
    async close() {
      for (const { running, line } of replicas) {
        running.child.kill('SIGCONT');
        running.child.kill('SIGKILL');
        await running.ended;
        await line.close();
      }
      await platform.stop();
      await receivers.close();
      await server.stop();
      folder.remove();
    },
  };
}

/** The same for all but the listener. Each writes its file where it was started, as on a machine of its own. */
function configuration(port: number, platform: SimulatedPlatform, to: Receivers): string {
  const batch = `batch: { max_events: ${BATCH} }`;
  return `
state: { type: postgres, url: "\${STATE_URL}", lease: ${LEASE_S}s }
admin: { listen: "127.0.0.1:${port}" }
sources:
  platform:
    type: cloudquery
    url: ${platform.url}
    api_key: "\${PLATFORM_KEY}"
    start: 15m
    poll_interval: 1s
    rate_limit: { requests_per_second: 50, concurrent: 2 }
sinks:
  elastic: { type: elasticsearch, url: "${to.elasticFront.url.href}", format: ecs, ${batch} }
  splunk: { type: splunk_hec, url: "${to.splunkFront.url.href}", token: "\${SPLUNK_TOKEN}", index: audit, format: cim, ${batch} }
  syslog: { type: syslog, address: "tcp://127.0.0.1:${to.syslog.port}", format: raw, max_message_bytes: 65536, ${batch} }
  file: { type: file, path: /proc/self/cwd/audit.ndjson, format: raw, ${batch} }
`;
}
