import type { Journal, KnownId } from '../../checkpoint/journal.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import type { AuditEvent, Window } from '../../model/event.ts';
import { parseTime } from '../../model/time.ts';
import { IDS_AT_ONCE } from '../../sinks/sink.ts';
import type { Sink } from '../../sinks/sink.ts';
import { PRUNED_BEFORE_DELIVERY, letterPages } from '../../checkpoint/journal.ts';
import { everyFinding, prunedSpan } from '../open-findings.ts';
import { withPatience } from './patience.ts';
import type { Patience } from './patience.ts';
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
  /** Told how many more events of the range were looked at. */
  readonly advance: (events: number) => void;
}

const PAGE_EVENTS = 500;
const PAGE_IDS = 5_000;
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
        await findPruned(context, source, bucket, gone, proof, receiver.pruned);
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
  for await (const page of letterPages(journal, { owner: name })) {
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
  }
  return keys;
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
    context.advance(page.length);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}

/** Something that is asked for by its id. */
interface Asked {
  readonly id: string;
}

/** A pruned event, and whether the sink never had it by our account. */
interface PrunedId extends Asked {
  readonly wasGone: boolean;
}

/** Questions to a receiver, each as full as it may be: one may read all that the receiver has. */
interface Questions<Its extends Asked> {
  add(its: Its): Promise<void>;
  /** Asks for what is left. */
  finish(): Promise<void>;
}

/** `answered` gets what was asked for, and how many copies there are of each; null where the receiver cannot be asked (any more). */
function questions<Its extends Asked>(
  most: number,
  copies: (ids: readonly string[]) => Promise<ReadonlyMap<string, number> | null>,
  answered: (asked: readonly Its[], held: ReadonlyMap<string, number> | null) => void,
): Questions<Its> {
  let waiting: Its[] = [];
  const finish = async (): Promise<void> => {
    const asked = waiting;
    waiting = [];
    if (asked.length > 0) answered(asked, await copies(asked.map(({ id }) => id)));
  };
  return {
    add: async (its) => {
      waiting.push(its);
      if (waiting.length >= most) await finish();
    },
    finish,
  };
}

/**
 * Collects events until one question is full. What the receiver does not show is asked for once more at the end, and named
 * missing when it is not there then. A receiver that fails is asked no more: what is left is unconfirmed.
 */
function createQuestions(
  context: ReceiverContext,
  range: Window,
  proof: SinkProof,
  signal: AbortSignal,
): {
  expect: (event: AuditEvent) => Promise<void>;
  pruned: (its: PrunedId) => Promise<void>;
  finish: () => Promise<void>;
} {
  const { sink } = context;
  const most = sink.idsAtOnce ?? IDS_AT_ONCE;

  const copies = async (ids: readonly string[]): Promise<ReadonlyMap<string, number> | null> => {
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

  /** Counts what is found and what is repeated; what is not there goes to `absent`. Nothing when nobody could be asked. */
  const expected = (absent: (event: NamedEvent) => void): Questions<NamedEvent> =>
    questions(most, copies, (asked, held) => {
      if (held === null) return;
      for (const event of asked) {
        const count = held.get(event.id) ?? 0;
        if (count === 0) absent(event);
        else proof.found += 1;
        if (count > 1) addName(proof.repeated, { ...event, copies: count });
      }
    });
  const doubtful: NamedEvent[] = [];
  const first = expected((event) => doubtful.push(event));
  const again = expected((event) => addName(proof.missing, event));
  const pruned = questions<PrunedId>(most, copies, (asked, held) => {
    for (const { id, wasGone } of asked) {
      if ((held?.get(id) ?? 0) > 0) proof.prunedFound += 1;
      else if (wasGone) proof.prunedBeforeDelivery += 1;
    }
  });

  return {
    pruned: (its) => pruned.add(its),
    expect: async ({ source, id, createdAt }) => {
      if (proof.canBeAsked && proof.failure === null) await first.add({ source, id, createdAt });
    },
    finish: async () => {
      await pruned.finish();
      await first.finish();
      if (doubtful.length === 0 || proof.failure !== null) return;
      await context.clock.sleep(ASK_AGAIN_MS, signal);
      for (const event of doubtful) await again.add(event);
      await again.finish();
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
async function findPruned(
  { journal, advance }: ReceiverContext,
  source: string,
  bucket: Window,
  gone: readonly Gone[],
  proof: SinkProof,
  ask: (its: PrunedId) => Promise<void>,
): Promise<void> {
  const firstKept = await firstKeptSeq(journal);
  if (firstKept <= 1n) return;
  for (let last: KnownId | null = null; ;) {
    const page: readonly KnownId[] = await journal.idsInWindow(source, bucket, last, PAGE_IDS);
    for (const { id, seq } of page) {
      if (seq === null || seq >= firstKept) continue;
      proof.pruned += 1;
      advance(1);
      await ask({ id, wasGone: gone.some((span) => seq >= span.fromSeq && seq <= span.toSeq) });
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
