import type { CheckItem, CheckReport } from '../model/check.ts';
import { BY_SENDING, failedItem } from '../model/check.ts';
import { ForwardError } from '../model/errors.ts';
import { openBus } from './kafka/bus.ts';
import type { Bus, Client } from './kafka/bus.ts';
import { isAboutRecords, isTooLarge, partitionAnswers } from './kafka/faults.ts';
import type { Verdict } from './kafka/faults.ts';
import { isPerSource, kafkaSchema, topicOf, validateKafka } from './kafka/options.ts';
import type { KafkaOptions } from './kafka/options.ts';
import { recordOf } from './kafka/record.ts';
import type { KafkaRecord } from './kafka/record.ts';
import { OpenFates } from './open-fates.ts';
import { sendInRuns } from './send-in-runs.ts';
import { halves, SizeLimit } from './size-limit.ts';
import type { Batch, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * Apache Kafka: a record for each event, its id as key, taken when every replica in step has it. The producer is idempotent, so that what
 * the library tries again under one sequence number is stored once; what the loop sends again after that may stand twice.
 */
export const kafka: SinkDefinition<KafkaOptions> = {
  type: 'kafka',
  schema: kafkaSchema,
  defaultFormat: 'ocsf',
  defaultBatch: { maxEvents: 1000, maxBytes: 768 * 1024, maxWaitMs: 1000 },
  validate: validateKafka,
  create: createKafka,
};

/** Brokers take 1,048,588 bytes for a partition's records unless told otherwise; Event Hubs closes at 1,046,528 for a request. */
const REQUEST_LIMIT_BYTES = 1_000_000;

type Run = readonly KafkaRecord[];

function createKafka(options: KafkaOptions, context: SinkContext): Sink {
  const bus = openBus(options, context);
  const limit = new SizeLimit(REQUEST_LIMIT_BYTES, context.clock);

  /** Settles a run, or returns the parts that it has to be sent in. */
  const sendRun = async (run: Run, open: OpenFates, signal: AbortSignal): Promise<readonly Run[]> => {
    const topics = Map.groupBy(run, ({ topic }) => topic);
    const [topic, ...others] = [...topics.keys()];
    if (topic === undefined) return [];
    if (others.length > 0) return [...topics.values()];
    let partitions = new Map<number, Run>();
    let failure: ForwardError | null = null;
    try {
      await bus.ask(async (client) => {
        const count = await partitionsOf(client, topic, bus.where);
        const partitioner = await keyPartitioner();
        partitions = Map.groupBy(run, ({ key }) => partitioner(key) % count);
        await produce(client, topic, partitions);
      }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ForwardError)) throw error;
      failure = error;
    }
    const answers = failure === null ? null : partitionAnswers(failure.cause);
    const parts: Run[] = [];
    let unsettled = partitions.size === 0;
    for (const [partition, records] of partitions) {
      const verdict = answers === null ? null : answers.get(partition);
      if (verdict === null) settle(records, open);
      else if (verdict !== undefined && isAboutRecords(verdict.code))
        parts.push(...isolate(records, verdict, open));
      else unsettled = true;
    }
    if (failure !== null && unsettled) throw failure;
    return parts;
  };

  const isolate = (records: Run, { code, said }: Verdict, open: OpenFates): readonly Run[] => {
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
    if (isTooLarge(code)) limit.refused(bytes);
    if (records.length > 1) return halves(records, weigh);
    const reason = isTooLarge(code)
      ? `refused as too large: the event alone makes a record of ${bytes} bytes; max.message.bytes of the topic decides`
      : `refused with error ${code}${said === '' ? '' : `: ${said}`}`;
    for (const { place } of records) open.reject(place, reason, String(code));
    return [];
  };

  const send = async (batch: Batch, signal: AbortSignal): Promise<Receipt> => {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const records = batch.items.map((item, place) =>
      recordOf(item, place, topicOf(options.topic, item.canonical.source)),
    );
    const limits = { open, limit, weigh };
    const failure = await sendInRuns(records, limits, (run) => sendRun(run, open, signal), signal);
    if (failure !== null) return open.interrupted(failure);
    return open.receipt(`${bus.where} refuses one event after the other for the same reason`);
  };

  return {
    delivery: 'confirmed',
    send,
    check: (signal) => checkBus(bus, options, signal),
    close: () => bus.close(),
  };
}

function weigh({ bytes }: KafkaRecord): number {
  return bytes;
}

function settle(records: Run, open: OpenFates): void {
  for (const { place } of records) open.settle(place, { outcome: 'delivered' });
  open.progress();
}

/** Keys go where Java's producers put them. */
async function keyPartitioner(): Promise<(key: Buffer) => number> {
  const { compatibilityPartitioner } = await import('@platformatic/kafka');
  return (key) => compatibilityPartitioner({ topic: '' }, key);
}

async function partitionsOf(client: Client, topic: string, where: string): Promise<number> {
  const metadata = await client.metadata({ topics: [topic] });
  const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
  if (count > 0) return count;
  throw new ForwardError('transient', `${where} names no partition of the topic ${topic}`);
}

async function produce(client: Client, topic: string, partitions: ReadonlyMap<number, Run>): Promise<void> {
  const messages = [...partitions].flatMap(([partition, records]) =>
    records.map(({ key, value, headers }) => ({ topic, partition, key, value, headers })),
  );
  await client.send({ messages });
}

/** Brokers, topic, and a producer's number, which only those get who may write somewhere. */
async function checkBus(bus: Bus, options: KafkaOptions, signal: AbortSignal): Promise<CheckReport> {
  const items: CheckItem[] = [];
  /** Returns whether it went well. */
  const look = async (name: string, work: (client: Client) => Promise<CheckItem>): Promise<boolean> => {
    try {
      items.push(await bus.ask(work, signal));
      return true;
    } catch (error) {
      signal.throwIfAborted();
      items.push(failedItem(name, error));
      return false;
    }
  };
  const reached = await look('reachable', async (client) => {
    const { brokers } = await client.metadata({ topics: [] });
    const count = brokers.size === 1 ? 'one broker' : `${brokers.size} brokers`;
    return { name: 'reachable', outcome: 'ok', finding: `${bus.where} answers, ${count}` };
  });
  if (!reached) return { items };
  const { topic } = options;
  if (!isPerSource(topic)) await look('topic', (client) => topicItem(client, topic, bus.where));
  await look('writes', async (client) => {
    await client.initIdempotentProducer({});
    const which = isPerSource(topic)
      ? 'the topics of the sources show themselves'
      : 'the right to the topic shows itself';
    const finding = `the brokers take this producer; ${which} when an event is sent`;
    return { name: 'writes', outcome: 'warn', finding, hint: BY_SENDING };
  });
  if (options.sasl !== undefined && options.tls === undefined)
    items.push({
      name: 'encryption',
      outcome: 'warn',
      finding: 'credentials and events go to the brokers in the clear',
      hint: 'add tls: {} where the listener speaks TLS (SASL_SSL)',
    });
  if (options.tls?.verify === false)
    items.push({
      name: 'tls',
      outcome: 'warn',
      finding: 'tls.verify is off: any certificate is accepted',
      hint: 'name the authority of the brokers in tls.ca_file, or pin tls.fingerprint',
    });
  return { items };
}

async function topicItem(client: Client, topic: string, where: string): Promise<CheckItem> {
  const count = await partitionsOf(client, topic, where);
  const partitions = client.currentMetadata?.topics.get(topic)?.partitions ?? [];
  const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
  const finding = `${topic} has ${count} partition${count === 1 ? '' : 's'}, each on ${copies} broker${copies === 1 ? '' : 's'}`;
  if (copies > 1) return { name: 'topic', outcome: 'ok', finding };
  const hint = 'where events must outlive a broker, keep three copies and set min.insync.replicas to 2';
  return { name: 'topic', outcome: 'warn', finding, hint };
}
