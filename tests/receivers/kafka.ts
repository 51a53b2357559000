import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Admin, Consumer } from '@platformatic/kafka';

import { bundle } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import type { Running } from './processes.ts';
import { findProgram, KAFKA_FOLDER, RECEIVERS_FOLDER } from './receivers.ts';

const START_LIMIT_MS = 90_000;
const FORMAT_LIMIT_MS = 60_000;

/** A user of the secured listener. The listener without credentials lets everybody do everything. */
export const WRITER = { name: 'writer', password: 'wr1ter-s3cret' } as const;

export interface KafkaOptions {
  /** Nodes, each a broker and a controller. */
  readonly nodes?: number;
  /** Opens a listener with SASL over TLS as well, and looks at rights there. */
  readonly certificates?: Certificates;
  /** Of every node, beside what they need. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Kafka {
  /** host:port of each node, without credentials. */
  readonly brokers: readonly string[];
  /** The same over TLS with SASL; empty without `certificates`. */
  readonly secured: readonly string[];
  readonly nodes: readonly KafkaNode[];
  stop(): Promise<void>;
}

export interface KafkaNode {
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  start(): Promise<void>;
}

/** Apache Kafka itself, by KRaft, on loopback. */
export async function startKafka({
  nodes: count = 1,
  certificates,
  settings,
}: KafkaOptions = {}): Promise<Kafka> {
  const folder = runFolder('kafka');
  const names = Array.from({ length: count }, (_, index) => index + 1);
  const ports = await Promise.all(names.map(() => freePorts('plain', 'secured', 'controller')));
  const voters = ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`).join(',');
  const cluster = randomBytes(16).toString('base64url');
  const nodes = names.map((id, index) => {
    const own = ports[index];
    if (own === undefined) throw new Error('a node without ports');
    const home = join(folder, String(id));
    mkdirSync(home);
    const plain = `PLAIN://127.0.0.1:${own.plain}`;
    const secured = `SECURED://localhost:${own.secured}`;
    const listeners = certificates === undefined ? plain : `${plain},${secured}`;
    const properties: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(id),
      'controller.quorum.voters': voters,
      listeners: `${listeners},CONTROLLER://127.0.0.1:${own.controller}`,
      'advertised.listeners': listeners,
      'listener.security.protocol.map': 'PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAIN',
      'log.dirs': join(home, 'data'),
      'auto.create.topics.enable': 'false',
      'offsets.topic.replication.factor': '1',
      'group.initial.rebalance.delay.ms': '0',
      'broker.heartbeat.interval.ms': '500',
      'broker.session.timeout.ms': '3000',
      ...(certificates === undefined ? {} : securedListener(certificates, home)),
      ...settings,
    };
    const file = join(home, 'server.properties');
    const lines = Object.entries(properties).map(
      ([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}`,
    );
    writeFileSync(file, `${lines.join('\n')}\n`);
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map(
      (mechanism) => `${mechanism}=[name=${WRITER.name},password=${WRITER.password}]`,
    );
    const users = certificates === undefined ? [] : scram.flatMap((user) => ['--add-scram', user]);
    java(['kafka.tools.StorageTool', 'format', '-t', cluster, '-c', file, ...users]);
    return openNode(home, file, own.plain);
  });
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill()));
    throw error;
  }
  return {
    brokers: ports.map(({ plain }) => `127.0.0.1:${plain}`),
    secured: certificates === undefined ? [] : ports.map(({ secured }) => `localhost:${secured}`),
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      removeFolder(folder);
    },
  };
}

function securedListener(certificates: Certificates, home: string): Record<string, string> {
  const keystore = join(home, 'server.pem');
  writeFileSync(keystore, bundle(certificates.server));
  const of = (mechanism: string, key: string): string => `listener.name.secured.${mechanism}.${key}`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [of('plain', 'sasl.jaas.config')]:
      `org.apache.kafka.common.security.plain.PlainLoginModule required user_${WRITER.name}="${WRITER.password}";`,
    [of('scram-sha-256', 'sasl.jaas.config')]: scram,
    [of('scram-sha-512', 'sasl.jaas.config')]: scram,
    // Takes tokens without a signature: what a token says is believed, its times are looked at.
    [of('oauthbearer', 'sasl.jaas.config')]:
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'false',
  };
}

function openNode(home: string, file: string, port: number): KafkaNode {
  let running: Running | null = null;
  const signal = (name: NodeJS.Signals): void => {
    if (running !== null) process.kill(-running.pid, name);
  };
  return {
    async start() {
      running = await startProgram({
        command: findProgram('java') ?? 'java',
        args: ['-Xmx320m', '-cp', CLASSES, 'kafka.Kafka', file],
        folder: home,
        readyWithinMs: START_LIMIT_MS,
        ready: async () => (await accepts(port)) && (await answers(port)),
      });
    },
    async kill() {
      signal('SIGKILL');
      await running?.stop();
      running = null;
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}

const CLASSES = join(RECEIVERS_FOLDER, KAFKA_FOLDER, '*');

function java(args: readonly string[]): void {
  execFileSync(findProgram('java') ?? 'java', ['-cp', CLASSES, ...args], {
    stdio: 'pipe',
    timeout: FORMAT_LIMIT_MS,
  });
}

async function answers(port: number): Promise<boolean> {
  const admin = adminOf([`127.0.0.1:${port}`]);
  try {
    return (await admin.metadata({ topics: [] })).brokers.size > 0;
  } finally {
    await admin.close();
  }
}

/** Through the listener without credentials. */
export function adminOf(brokers: readonly string[]): Admin {
  return new Admin({ clientId: 'tests', bootstrapBrokers: [...brokers], retries: 20, retryDelay: 250 });
}

export interface StoredRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
}

/** Everything that a topic holds now. */
export async function readTopic(brokers: readonly string[], topic: string): Promise<readonly StoredRecord[]> {
  const consumer = new Consumer({
    clientId: 'tests',
    groupId: `tests-${randomBytes(4).toString('hex')}`,
    bootstrapBrokers: [...brokers],
    maxWaitTime: 250,
    retries: 20,
    retryDelay: 250,
  });
  try {
    const ends = await consumer.listOffsets({ topics: [topic] });
    const total = (ends.get(topic) ?? []).reduce((sum, end) => sum + Number(end), 0);
    const records: StoredRecord[] = [];
    if (total === 0) return records;
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    for await (const { key, value, headers, partition } of stream) {
      const named = [...headers].map(([name, text]) => [name.toString(), text.toString()] as const);
      records.push({
        key: key.toString(),
        value: value.toString(),
        headers: Object.fromEntries(named),
        partition,
      });
      if (records.length >= total) break;
    }
    return records;
  } finally {
    await consumer.close(true);
  }
}
