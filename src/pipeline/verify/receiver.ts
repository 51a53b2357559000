import type { Journal, KnownId } from '../../checkpoint/journal.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import type { AuditEvent, Window } from '../../model/event.ts';
import { parseTime } from '../../model/time.ts';
import type { Sink } from '../../sinks/sink.ts';
import { PRUNED_BEFORE_DELIVERY } from '../../checkpoint/journal.ts';
import { everyFinding, prunedSpan } from '../open-findings.ts';
import { withPatience } from '../patience.ts';
import type { Patience } from '../patience.ts';
import type { Prepare } from '../prepare.ts';
import { TOO_OLD } from '../verdict.ts';
import { bucketsOf } from './buckets.ts';
import { addName, nameList } from './result.ts';
import type { NamedEvent, SinkProof, Waits } from './result.ts';

export interface ReceiverContext extends Patience {
  readonly name: string;
  readonly sink: Sink;
  readonly prepare: Prepare;
  readonly journal: Journal;
  /** Whose events. */
  readonly sources: readonly string[];
  /** The newest event when the verification began: what came later is too young to be judged. */
  readonly headSeq: bigint;
  readonly waits: Waits | null;
}

/** The contract's limit of ids in one question. */
const ASK_IDS = 1_000;
const PAGE_EVENTS = 500;
const PAGE_IDS = 5_000;
const PAGE_LETTERS = 200;
/** What a receiver does not show is asked for once more after this: a search engine shows new documents a little later. */
export const ASK_AGAIN_MS = 5_000;

/** Asks a receiver for every event of the range that it must hold. Never throws for one that cannot be asked. */
export async function proveReceiver(
  context: ReceiverContext,
  range: Window,
  signal: AbortSignal,
): Promise<SinkProof> {
  const proof = emptyProof(context);
  const receiver = createQuestions(context, range, proof, signal);
  const letters = await countLetters(context, range, proof);
  const cursor = await context.journal.cursor(context.name);
  const gone = await goneSpans(context, cursor);
  for (const source of context.sources) {
    for (const bucket of bucketsOf(range)) {
      await expectEvents(context, source, bucket, cursor, letters, proof, receiver.expect, signal);
      if (proof.canBeAsked || gone.length > 0)
        await countPruned(context, source, bucket, gone, proof, receiver.copies);
    }
  }
  await receiver.finish();
  return proof;
}

function emptyProof({ name, sink, waits }: ReceiverContext): SinkProof {
  return {
    name,
    delivery: sink.delivery,
    canBeAsked: sink.holds !== undefined,
    failure: null,
    expected: 0,
    found: 0,
    missing: nameList(),
    repeated: nameList(),
    waiting: 0,
    waits,
    deadLetters: 0,
    tooOld: 0,
    discarded: 0,
    prunedBeforeDelivery: 0,
    filtered: 0,
    pending: 0,
    pruned: 0,
    prunedFound: 0,
  };
}

type Letters = ReadonlySet<string>;

/**
 * Dead letters outlive their events, so they are counted by themselves. One that was discarded is explained: somebody looked
 * at it and decided.
 */
async function countLetters(
  { journal, name, sources }: ReceiverContext,
  range: Window,
  proof: SinkProof,
): Promise<Letters> {
  const keys = new Set<string>();
  for (let after = 0n; ;) {
    const page = await journal.glanceAtDeadLetters({ owner: name, after, limit: PAGE_LETTERS }, 0);
    for (const { event, state, reason } of page) {
      if (event === null) continue;
      keys.add(keyOf(event.source, event.id));
      const createdNs = parseTime(event.createdAt) ?? range.startNs;
      const inRange = createdNs >= range.startNs && createdNs <= range.endNs;
      if (!inRange || !sources.includes(event.source)) continue;
      if (state === 'discarded') proof.discarded += 1;
      else if (reason.startsWith(TOO_OLD)) proof.tooOld += 1;
      else proof.deadLetters += 1;
    }
    const last = page.at(-1);
    if (last === undefined) return keys;
    after = last.id;
  }
}

async function expectEvents(
  context: ReceiverContext,
  source: string,
  bucket: Window,
  cursor: bigint,
  letters: Letters,
  proof: SinkProof,
  expect: (event: AuditEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let after = 0n; ;) {
    signal.throwIfAborted();
    const page = await context.journal.readWindow(source, bucket, after, PAGE_EVENTS);
    for (const event of page) {
      if (letters.has(keyOf(source, event.id))) continue;
      else if (context.prepare(event).kind === 'filtered') proof.filtered += 1;
      else if (event.seq <= cursor) {
        proof.expected += 1;
        await expect(event);
      } else if (event.seq <= context.headSeq) proof.waiting += 1;
      else proof.pending += 1;
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}

/** Asks for ids; null once the receiver could not be asked, or when it cannot be. */
type Copies = (ids: readonly string[]) => Promise<ReadonlyMap<string, number> | null>;

/**
 * Collects events until one question is full. What the receiver does not show is asked for once more at the end, and named
 * missing when it is not there then. A receiver that fails is asked no more: what is left is unconfirmed.
 */
function createQuestions(
  context: ReceiverContext,
  range: Window,
  proof: SinkProof,
  signal: AbortSignal,
): { expect: (event: AuditEvent) => Promise<void>; copies: Copies; finish: () => Promise<void> } {
  const { sink } = context;
  const doubtful: NamedEvent[] = [];
  let waiting: NamedEvent[] = [];

  const copies: Copies = async (ids) => {
    if (!proof.canBeAsked || proof.failure !== null) return null;
    try {
      const nothing = new Map<string, number>();
      return await withPatience(
        context,
        signal,
        async () => (await sink.holds?.(ids, signal, range)) ?? nothing,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ForwardError) || error.kind === 'corrupt') throw error;
      proof.failure = describe(error);
      return null;
    }
  };

  /** Counts what is found and what is repeated; returns what is not there, and nothing when nobody could be asked. */
  const ask = async (asked: readonly NamedEvent[]): Promise<NamedEvent[]> => {
    const held = await copies(asked.map(({ id }) => id));
    if (held === null) return [];
    const absent: NamedEvent[] = [];
    for (const event of asked) {
      const count = held.get(event.id) ?? 0;
      if (count === 0) absent.push(event);
      else proof.found += 1;
      if (count > 1) addName(proof.repeated, { ...event, copies: count });
    }
    return absent;
  };

  const flush = async (): Promise<void> => {
    const asked = waiting;
    waiting = [];
    if (asked.length > 0) doubtful.push(...(await ask(asked)));
  };

  return {
    copies,
    expect: async ({ source, id, createdAt }) => {
      if (!proof.canBeAsked || proof.failure !== null) return;
      waiting.push({ source, id, createdAt });
      if (waiting.length >= ASK_IDS) await flush();
    },
    finish: async () => {
      await flush();
      if (doubtful.length === 0 || proof.failure !== null) return;
      await context.clock.sleep(ASK_AGAIN_MS, signal);
      for (let at = 0; at < doubtful.length; at += ASK_IDS) {
        for (const event of await ask(doubtful.slice(at, at + ASK_IDS))) addName(proof.missing, event);
      }
    },
  };
}

/** A span of the journal that the sink never had, by seq. */
interface Gone {
  readonly fromSeq: bigint;
  readonly toSeq: bigint;
}

/** Where events were pruned that the sink is not past, or was not when it came back. Acknowledged ones are explained. */
async function goneSpans({ journal, name }: ReceiverContext, cursor: bigint): Promise<readonly Gone[]> {
  const firstKept = await firstKeptSeq(journal);
  const found = await everyFinding(journal, {
    unacknowledgedOnly: true,
    owners: [name],
    kinds: [PRUNED_BEFORE_DELIVERY],
  });
  const noted = found.map(prunedSpan).filter((span) => span !== null);
  // A sink that never had anything is new: it begins with what the journal holds.
  const isBehind = cursor > 0n && cursor + 1n < firstKept;
  return isBehind ? [...noted, { fromSeq: cursor + 1n, toSeq: firstKept - 1n }] : noted;
}

/** Without the event nobody can look at `where`: what is not found proves nothing, unless the sink never had it. */
async function countPruned(
  { journal }: ReceiverContext,
  source: string,
  bucket: Window,
  gone: readonly Gone[],
  proof: SinkProof,
  copies: Copies,
): Promise<void> {
  const firstKept = await firstKeptSeq(journal);
  for (let last: KnownId | null = null; ;) {
    const page: readonly KnownId[] = await journal.idsInWindow(source, bucket, last, PAGE_IDS);
    const pruned = page.filter(({ seq }) => seq !== null && seq < firstKept);
    proof.pruned += pruned.length;
    for (let at = 0; at < pruned.length; at += ASK_IDS) {
      const asked = pruned.slice(at, at + ASK_IDS);
      const held = await copies(asked.map(({ id }) => id));
      for (const { id, seq } of asked) {
        const wasGone = gone.some((span) => seq !== null && seq >= span.fromSeq && seq <= span.toSeq);
        if ((held?.get(id) ?? 0) > 0) proof.prunedFound += 1;
        else if (wasGone) proof.prunedBeforeDelivery += 1;
      }
    }
    last = page.at(-1) ?? null;
    if (last === null || page.length < PAGE_IDS) return;
  }
}

async function firstKeptSeq(journal: Journal): Promise<bigint> {
  const { oldestSeq, headSeq } = await journal.size();
  return oldestSeq === 0n ? headSeq + 1n : oldestSeq;
}

function keyOf(source: string, id: string): string {
  return `${source}\n${id}`;
}
