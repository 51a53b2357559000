import { createHash } from 'node:crypto';

import type { Random } from '../../src/simulator/random.ts';
import type { Limit } from '../../src/net/rate-limit.ts';
import type { Batch, Fate, Item, Receipt, Sink } from '../../src/sinks/sink.ts';
import type { Secret } from '../../src/model/secret.ts';
import type { Calls } from './calls.ts';
import type { Life } from './life.ts';
import type { Product } from './life.ts';
import type { SinkScenario } from './scenario.ts';

/** What a sink throws that nobody foresaw. */
export const ODD_ERROR = 'key values mismatch';

/** What the checkers see of a send, in the order of time. */
export interface Watch {
  sendStarted(sink: string, batch: Batch): void;
  /** The receiver has put an event into its store; `copies` counts this one. */
  stored(sink: string, id: string, copies: number): void;
  /** The daemon's send has ended: with fates, or with an error and what the receiver stored of it. */
  sendEnded(sink: string, batch: Batch, how: string, storedUnheard: readonly string[]): void;
}

/** The far side: what an operator would find in the SIEM. It outlives every crash of the daemon. */
export interface Receiver {
  readonly scenario: SinkScenario;
  /** Copies by event id. */
  readonly store: ReadonlyMap<string, number>;
  /** What arrived, heartbeats and copies included, in the order of arrival. */
  readonly records: readonly string[];
  key: string;
  down: boolean;
  /** Refuses everything for one reason, as after a wrong change of its configuration. */
  refusesAll: boolean;
  /** Poison is no poison any more: somebody fixed the receiver. */
  takesPoison: boolean;
  /** Off: the faults by chance are over. */
  faulty: boolean;
  isPoison(id: string): boolean;
  /** Called after a batch is stored and before it is answered. */
  afterStore: (() => void) | null;
}

interface Insides extends Receiver {
  readonly store: Map<string, number>;
  readonly records: string[];
}

export function createReceiver(scenario: SinkScenario): Receiver {
  const receiver: Insides = {
    scenario,
    store: new Map(),
    records: [],
    key: 'sink-key-0',
    down: false,
    refusesAll: false,
    takesPoison: false,
    faulty: true,
    afterStore: null,
    isPoison: (id) => !receiver.takesPoison && isAmong(id, scenario.poison),
  };
  return receiver;
}

/** A share of the ids, picked by the id itself: the same ones at every try. */
export function isAmong(id: string, share: number): boolean {
  return share > 0 && Number.parseInt(id.replaceAll(/[^0-9a-f]/g, '').slice(0, 6), 16) / 0x100_0000 < share;
}

/** The near side: a sink of the contract over the receiver, with a wire between that loses requests and answers. */
export function createReceiverSink(
  receiver: Receiver,
  product: Product,
  secret: Secret,
  life: Life,
  calls: Calls,
  random: Random,
  watch: Watch,
): Sink {
  const { name } = receiver.scenario;
  const far = receiver as Insides;
  const { rateLimit } = receiver.scenario;
  const limit: Limit =
    rateLimit === null ? (work) => work() : product.createLimit({ requestsPerSecond: rateLimit }, life.clock);
  return {
    delivery: 'confirmed',
    async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
      await life.alive();
      signal.throwIfAborted();
      if (batch.items.length === 0) return { fates: [] };
      watch.sendStarted(name, batch);
      const unheard: string[] = [];
      let how = 'aborted';
      try {
        const receipt = await limit(() => exchange(batch, signal, unheard), signal);
        how = receipt.fates.map(({ outcome }) => outcome.charAt(0)).join('');
        return receipt;
      } catch (error) {
        how = error instanceof product.ForwardError ? `${error.kind} ${error.message}` : how;
        throw error;
      } finally {
        if (!life.dead()) watch.sendEnded(name, batch, how, unheard);
      }
    },
    check: async () => ({ items: [] }),
    credentialReplaced: () => secret.replaced(),
    close: async () => {},
  };

  async function exchange(batch: Batch, signal: AbortSignal, unheard: string[]): Promise<Receipt> {
    const { scenario } = far;
    const chance = (share: number): boolean => random.unit() < share && far.faulty;
    await life.sleep(random.unit() * scenario.latencyMs, signal);
    const failing = calls.next('send');
    if (failing === 'refused' || far.down || chance(scenario.loseRequest))
      throw transient('the connection was refused');
    if (failing === 'odd error' || chance(scenario.oddError)) throw new TypeError(ODD_ERROR);
    if (!(await isLetIn())) throw new product.ForwardError('denied', `${name} answered 401`);
    if (chance(scenario.tooMany))
      throw transient(`${name} answered 429`, { retryAfterMs: 1000 * random.below(20) });
    if (chance(scenario.serverError)) throw transient(`${name} answered 503`);
    const taken = chance(scenario.partial) ? random.below(batch.items.length) : batch.items.length;
    const fates = batch.items.map((item, index): Fate =>
      index < taken ? take(item) : { outcome: 'retry', reason: 'the queue is full' },
    );
    unheard.push(
      ...batch.items
        .filter((item, index) => fates[index]?.outcome === 'delivered' && item.heartbeat === undefined)
        .map(idOf),
    );
    if (failing === 'crash') life.crash('between store and cursor');
    far.afterStore?.();
    await life.alive();
    await life.sleep(random.unit() * scenario.latencyMs, signal);
    if (failing === 'lost answer' || chance(scenario.loseResponse))
      throw transient('the connection was reset', { ambiguous: true });
    unheard.length = 0;
    return { fates, ...(taken < fates.length ? { slowDown: true, retryAfterMs: 2000 } : {}) };
  }

  async function isLetIn(): Promise<boolean> {
    for (;;) {
      const { value, version } = await secret.get();
      if (value === far.key) return true;
      if (!secret.refused(version)) return false;
    }
  }

  function take(item: Item): Fate {
    const id = idOf(item);
    if (far.refusesAll) return { outcome: 'rejected', reason: 'field mapping 17 is not valid' };
    if (item.heartbeat !== undefined) {
      far.records.push(item.body);
      return { outcome: 'delivered' };
    }
    if (far.isPoison(id))
      return { outcome: 'rejected', reason: `document ${id} has a value that cannot be parsed` };
    const copies = far.store.get(id) ?? 0;
    if (copies > 0 && far.scenario.idempotent) return { outcome: 'duplicate' };
    far.store.set(id, copies + 1);
    far.records.push(item.body);
    watch.stored(name, id, copies + 1);
    return { outcome: 'delivered' };
  }

  function transient(message: string, options: { retryAfterMs?: number; ambiguous?: boolean } = {}): Error {
    return new product.ForwardError('transient', `${name}: ${message}`, options);
  }
}

/** By what arrives, not by what the item says of itself. */
function idOf(item: Item): string {
  const body = JSON.parse(item.body) as { id?: unknown; auditferry_event_id_hash?: unknown };
  const { id, auditferry_event_id_hash: mark } = body;
  if (typeof mark === 'string') {
    const own = `sha256:${createHash('sha256').update(item.canonical.id).digest('hex')}`;
    return mark === own ? item.canonical.id : mark;
  }
  return typeof id === 'string' && /[1-9a-z]/i.test(id) ? id : item.canonical.id;
}
