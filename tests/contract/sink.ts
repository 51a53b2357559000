import { inspect } from 'node:util';

import { afterAll, describe, expect, it } from 'vitest';

import type { ForwardError } from '../../src/model/errors.ts';
import type { Limit } from '../../src/net/rate-limit.ts';
import type { Batch, Item, Receipt, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { FAULTS, RETRY_AFTER_SECONDS } from '../fakes/faults.ts';
import type { Fault } from '../fakes/faults.ts';
import { testClock } from './clock.ts';
import type { TestClock } from './clock.ts';
import { deliverLoop } from './deliver-loop.ts';
import type { Delivery } from './deliver-loop.ts';
import { writeMatrix } from './fault-matrix.ts';
import type { CountedRow, MatrixRow, MatrixScenario } from './fault-matrix.ts';
import { BODY_MARK, hostileItems, makeHeartbeat, makeItems } from './items.ts';

/** A sink with its receiver, made anew for every test. */
export interface SinkHarness {
  readonly sink: Sink;
  /** The event ids that the receiver holds, in order of arrival, repeats included. */
  readonly delivered: () => readonly string[] | Promise<readonly string[]>;
  /** The document of an event as the receiver read it; absent where the receiver does not keep it apart. */
  readonly receivedBody?: (id: string) => string | undefined;
  /** Makes the receiver misbehave at the next request (see Fault). Only called for faults that are supported. */
  readonly arm?: (fault: Fault) => void | Promise<void>;
  /** From now on the receiver refuses everything with this status, and quotes the credentials of the request. Absent: it is sent none. */
  readonly echo?: (status: number) => void;
  readonly heal?: () => void | Promise<void>;
  /** How many requests met a fault so far. */
  readonly hits?: () => number;
  /** From now on the receiver refuses these ids for good. Absent: `poison` has to be declared unsupported. */
  readonly poison?: (ids: readonly string[]) => void;
  /** The receiver takes these ids only from the second time on, and the rest at once. Absent: see `poison`. */
  readonly postpone?: (ids: readonly string[]) => void;
  /** Credentials that no error may show. */
  readonly secretTexts: readonly string[];
  readonly close: () => Promise<void>;
}

/** What `send` must do when a fault strikes: throw with this kind, or settle every item inside one call. */
export type Reaction = 'transient' | 'denied' | 'settled';

export interface SinkContractOptions {
  /** The sink's type: a column of the fault matrix. */
  readonly name: string;
  open(context: SinkContext, clock: TestClock): Promise<SinkHarness>;
  /** Scenarios that this sink cannot have, each with the reason that the matrix shows. */
  readonly unsupported?: Partial<Record<MatrixScenario, string>>;
  /** Where a fault asks for another reaction than `REACTIONS` says. */
  readonly reactions?: Partial<Record<Fault, readonly Reaction[]>>;
  /** Events per scenario. */
  readonly events?: number;
  /** The receiver drops repeats by event id, so that it never holds an event twice. */
  readonly neverRepeats?: boolean;
}

const EVENTS = 25;

const REACTIONS: Readonly<Record<Fault, readonly Reaction[]>> = {
  unauthorized: ['denied'],
  too_large: ['settled'],
  throttled_seconds: ['transient'],
  throttled_date: ['transient'],
  server_error: ['transient'],
  accept_and_close: ['transient'],
  reset_before_body: ['transient'],
  reset_after_body: ['transient'],
  truncated_answer: ['transient'],
  html_answer: ['transient', 'denied'],
  hang: [], // the sender's signal ends it, see its own test
};

/** Faults after which the receiver may hold everything: the sink has to say so. */
const AMBIGUOUS: readonly Fault[] = ['reset_after_body', 'truncated_answer'];

/**
 * The contract of every sink, as tests. Registers a `describe` block; the rows of the fault matrix are filled while the
 * tests run, and written when FAULT_MATRIX is set (see fault-matrix.ts).
 */
export function sinkContract(options: SinkContractOptions): readonly MatrixRow[] {
  const rows: MatrixRow[] = [];
  describe(`sink contract: ${options.name}`, () => {
    const scenario = (name: MatrixScenario, title: string, run: (bench: Bench) => Promise<Outcome>) => {
      const reason = options.unsupported?.[name];
      if (reason !== undefined) {
        rows.push({ sink: options.name, scenario: name, unsupported: reason });
        return;
      }
      it(title, async () => {
        const bench = await openBench(options);
        try {
          const outcome = await run(bench);
          const row = await account(options.name, name, bench, outcome);
          rows.push(row);
          expect(row.lost, `${name} lost events`).toBe(0);
          if (options.neverRepeats === true) expect(row.repeated, `${name} repeated events`).toBe(0);
          expectNoSecrets(bench, outcome.delivery);
        } finally {
          await bench.close();
        }
      });
    };
    registerGood(scenario, options);
    registerPartly(scenario, options);
    for (const fault of FAULTS.filter((name) => name !== 'hang')) registerFault(scenario, options, fault);
    registerHang(scenario, options);
    registerPlain(options);
    afterAll(() => writeMatrix(options.name, rows));
  });
  return rows;
}

type Scenario = (name: MatrixScenario, title: string, run: (bench: Bench) => Promise<Outcome>) => void;

interface Outcome {
  readonly items: readonly Item[];
  readonly delivery: Delivery;
}

interface Bench {
  readonly harness: SinkHarness;
  readonly clock: TestClock;
  readonly warnings: readonly string[];
  /** Requests that passed the rate limit. */
  readonly asked: () => number;
  readonly close: () => Promise<void>;
}

async function openBench(options: SinkContractOptions): Promise<Bench> {
  const clock = testClock();
  const warnings: string[] = [];
  const warn = (line: string): void => void warnings.push(line);
  let asked = 0;
  const limit: Limit = (work) => {
    asked += 1;
    return work();
  };
  const context: SinkContext = { name: 'bench', warn, clock, forwarderVersion: '0.0.0-test', limit };
  const harness = await options.open(context, clock);
  let closed = false;
  return {
    harness,
    clock,
    warnings,
    asked: () => asked,
    close: async () => {
      if (closed) return;
      closed = true;
      await harness.close();
    },
  };
}

function registerGood(scenario: Scenario, options: SinkContractOptions): void {
  scenario('good', 'delivers every event once', async (bench) => {
    const items = makeItems(options.events ?? EVENTS);
    const delivery = await deliver(bench, items);
    expect(delivery.errors).toEqual([]);
    expect(await bench.harness.delivered()).toHaveLength(items.length);
    expect(bench.asked(), 'nothing of it passed the rate limit').toBeGreaterThanOrEqual(delivery.calls);
    return { items, delivery };
  });

  scenario('hostile', 'carries hostile strings and large numbers unharmed', async (bench) => {
    const items = hostileItems();
    const delivery = await deliver(bench, items);
    if (bench.harness.receivedBody !== undefined) {
      for (const item of items) expect(bench.harness.receivedBody(item.canonical.id)).toBe(item.body);
    }
    expect(delivery.deadLetters).toEqual([]);
    return { items, delivery };
  });
}

function registerPartly(scenario: Scenario, options: SinkContractOptions): void {
  scenario('partial', 'sends again only what the receiver did not take', async (bench) => {
    const items = makeItems(options.events ?? EVENTS);
    demand(bench.harness.postpone, 'postpone')(pick(items, [2, 3, 11]));
    const delivery = await deliver(bench, items);
    expect(delivery.deadLetters).toEqual([]);
    expect(await bench.harness.delivered()).toHaveLength(items.length);
    return { items, delivery };
  });

  scenario('poison', 'isolates the events that the receiver refuses for good', async (bench) => {
    const items = makeItems(options.events ?? EVENTS);
    const refused = pick(items, [0, 7, 16]);
    demand(bench.harness.poison, 'poison')(refused);
    const delivery = await deliver(bench, items);
    expect(delivery.deadLetters.map((letter) => letter.id).sort()).toEqual([...refused].sort());
    expect(await bench.harness.delivered()).toHaveLength(items.length - refused.length);
    for (const letter of delivery.deadLetters) expect(letter.reason).not.toBe('');
    return { items, delivery };
  });
}

function registerFault(scenario: Scenario, options: SinkContractOptions, fault: Fault): void {
  const wanted = options.reactions?.[fault] ?? REACTIONS[fault];
  scenario(fault, `loses nothing to ${fault} and reacts by being ${wanted.join(' or ')}`, async (bench) => {
    const items = makeItems(options.events ?? EVENTS);
    await demand(bench.harness.arm, 'arm')(fault);
    const delivery = await deliver(bench, items, async () => {
      if (fault === 'unauthorized') await bench.harness.heal?.();
    });
    expect(bench.harness.hits?.() ?? 1, 'the fault never struck').toBeGreaterThan(0);
    expect(wanted).toContain(reactionOf(delivery));
    if (reactionOf(delivery) !== 'settled') expectFirstFailure(fault, delivery);
    return { items, delivery };
  });
}

function registerHang(scenario: Scenario, options: SinkContractOptions): void {
  scenario('hang', 'gives up on a receiver that hangs as soon as the signal aborts', async (bench) => {
    const items = makeItems(options.events ?? EVENTS);
    await demand(bench.harness.arm, 'arm')('hang');
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const sending = bench.harness.sink.send({ items, attempt: 1 }, stop.signal);
    const outcome = sending.then(
      () => 'resolved',
      (error: unknown) => error,
    );
    await until(() => (bench.harness.hits?.() ?? 1) > 0);
    stop.abort(reason);
    expect(await withDeadline(outcome, 2000)).toBe(reason);
    await bench.harness.heal?.();
    return { items, delivery: await deliver(bench, items) };
  });
}

function registerPlain(options: SinkContractOptions): void {
  const plainly = (title: string, run: (bench: Bench) => Promise<void>) =>
    it(title, async () => {
      const bench = await openBench(options);
      try {
        await run(bench);
      } finally {
        await bench.close();
      }
    });

  plainly('takes a heartbeat among events, and once more after a crash', async (bench) => {
    const { sink, delivered, receivedBody } = bench.harness;
    const heartbeat = makeHeartbeat();
    const { signal } = new AbortController();
    const first = await sink.send({ items: [...makeItems(2), heartbeat], attempt: 1 }, signal);
    expect(first.fates).toEqual([1, 2, 3].map(() => ({ outcome: 'delivered' })));
    const again = await sink.send({ items: [heartbeat], attempt: 1 }, signal);
    expect(['delivered', 'duplicate']).toContain(again.fates[0]?.outcome);
    const ids = await delivered();
    const copies = ids.filter((id) => id === heartbeat.canonical.id).length;
    expect(copies).toBe(options.neverRepeats === true ? 1 : 2);
    if (receivedBody !== undefined) expect(receivedBody(heartbeat.canonical.id)).toBe(heartbeat.body);
  });

  plainly('resolves an empty batch with no fates and leaves the receiver alone', async (bench) => {
    const receipt = await bench.harness.sink.send({ items: [], attempt: 1 }, new AbortController().signal);
    expect(receipt.fates).toEqual([]);
    expect(await bench.harness.delivered()).toEqual([]);
  });

  plainly('sends nothing when the signal is aborted already', async (bench) => {
    const reason = new Error('stopped before it began');
    const sending = bench.harness.sink.send({ items: makeItems(2), attempt: 1 }, AbortSignal.abort(reason));
    await expect(sending).rejects.toBe(reason);
    expect(await bench.harness.delivered()).toEqual([]);
  });

  plainly('checks without sending an event, and shows no secret', async (bench) => {
    const report = await bench.harness.sink.check(new AbortController().signal);
    expect(report.items.length).toBeGreaterThan(0);
    expect(report.items.filter((item) => item.outcome === 'fail')).toEqual([]);
    expect(await bench.harness.delivered()).toEqual([]);
    for (const secret of bench.harness.secretTexts)
      expect(inspect(report, { depth: 9 })).not.toContain(secret);
    for (const secret of bench.harness.secretTexts)
      expect(inspect(bench.harness.sink, { depth: 9 })).not.toContain(secret);
  });

  for (const status of [400, 401, 403, 500]) {
    plainly(`shows no secret that a refusal with ${status} quotes`, async (bench) => {
      const { echo, sink, secretTexts } = bench.harness;
      if (echo === undefined) return expect(secretTexts, 'a sink with secrets needs echo').toEqual([]);
      echo(status);
      const { signal } = new AbortController();
      const outcome = (work: Promise<unknown> | undefined) => work?.catch((error: unknown) => error);
      const told = [
        await outcome(sink.send({ items: makeItems(1), attempt: 1 }, signal)),
        await outcome(sink.send({ items: makeItems(3), attempt: 2 }, signal)),
        await outcome(sink.check(signal)),
        await outcome(sink.holds?.(['any'], signal)),
        ...bench.warnings,
      ];
      const shown = inspect(told, { depth: 9, maxStringLength: Infinity });
      for (const secret of secretTexts) expect(readable(shown, secret)).toBeUndefined();
      expect(shown).toMatch(/refused|answered|status/);
    });
  }

  plainly('closes twice, also without having sent', async (bench) => {
    await bench.harness.sink.close();
    await bench.harness.sink.close();
  });
}

/** Six characters of a secret in a row that can still be read, in whatever writing a receiver quotes it. */
function readable(shown: string, secret: string): string | undefined {
  const text = shown.replaceAll('[secret]', '').toLowerCase();
  const bare = secret.replace(/^Bearer /, '').toLowerCase();
  const runs = [...bare.slice(5)].map((_, at) => bare.slice(at, at + 6));
  const separated = text.replaceAll(/[^a-z0-9]/g, '');
  return runs.find((run) => text.includes(run) || separated.includes(Buffer.from(run).toString('hex')));
}

/** As the deliver loop does it, with a receipt that is checked before it is believed. */
function deliver(
  bench: Bench,
  items: readonly Item[],
  onFailure: (error: ForwardError) => Promise<void> = async () => undefined,
): Promise<Delivery> {
  const send = async (batch: Batch, signal: AbortSignal): Promise<Receipt> => {
    const receipt = await bench.harness.sink.send(batch, signal);
    expect(receipt.fates, 'one fate per item').toHaveLength(batch.items.length);
    return receipt;
  };
  return deliverLoop(send, items, bench.clock, onFailure);
}

function reactionOf(delivery: Delivery): Reaction {
  const [first] = delivery.errors;
  if (first !== undefined) return first.kind === 'denied' ? 'denied' : 'transient';
  return delivery.retried > 0 ? 'transient' : 'settled';
}

function expectFirstFailure(fault: Fault, delivery: Delivery): void {
  const [first] = delivery.errors;
  if (AMBIGUOUS.includes(fault) && first !== undefined) expect(first.ambiguous).toBe(true);
  if (fault !== 'throttled_seconds' && fault !== 'throttled_date') return;
  const floorMs = first?.retryAfterMs ?? delivery.retryAfterMs;
  expect(floorMs, 'Retry-After').toBeGreaterThanOrEqual((RETRY_AFTER_SECONDS - 1) * 1000);
  expect(floorMs, 'Retry-After').toBeLessThanOrEqual(RETRY_AFTER_SECONDS * 1000);
}

/** Whatever a person may get to see: errors with their causes, warnings, reasons and notices. */
function expectNoSecrets(bench: Bench, delivery: Delivery): void {
  const reasons = delivery.deadLetters.map((letter) => letter.reason);
  const shown = [
    ...delivery.errors.map((error) => inspect(error, { depth: 9 })),
    ...bench.warnings,
    ...reasons,
  ];
  const told = [...shown, ...delivery.notices].join('\n');
  for (const secret of bench.harness.secretTexts) expect(told).not.toContain(secret);
  const messages = delivery.errors.map((error) => `${error.message} ${error.hint ?? ''}`).join('\n');
  expect(messages).not.toContain(BODY_MARK);
  for (const error of delivery.errors) expect(error.message).not.toMatch(/[\u0000-\u001f]/);
}

async function account(
  sink: string,
  scenario: MatrixScenario,
  bench: Bench,
  outcome: Outcome,
): Promise<CountedRow> {
  await bench.harness.sink.close(); // a file or a stream may settle its last bytes only now
  const held = await bench.harness.delivered();
  const unique = new Set(held);
  const dead = new Set(outcome.delivery.deadLetters.map((letter) => letter.id));
  const lost = outcome.items.filter(
    (item) => !unique.has(item.canonical.id) && !dead.has(item.canonical.id),
  ).length;
  return { sink, scenario, lost, repeated: held.length - unique.size, deadLetters: dead.size };
}

function pick(items: readonly Item[], places: readonly number[]): readonly string[] {
  return items.filter((_, index) => places.includes(index)).map((item) => item.canonical.id);
}

function demand<T>(control: T | undefined, name: string): T {
  if (control === undefined) throw new Error(`the harness has no ${name}: give the reason in "unsupported"`);
  return control;
}

/** Waits for a condition, on real time because the receiver is a real server. */
export async function until(condition: () => boolean, limitMs = 5000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('the condition was never met');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function withDeadline<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
