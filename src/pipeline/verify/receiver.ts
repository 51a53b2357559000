import type { Journal } from '../../checkpoint/journal.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import type { AuditEvent, Window } from '../../model/event.ts';
import type { Sink } from '../../sinks/sink.ts';
import { withPatience } from '../patience.ts';
import type { Patience } from '../patience.ts';
import type { Prepare } from '../prepare.ts';
import { bucketsOf } from './buckets.ts';
import { addName, nameList } from './result.ts';
import type { NamedEvent, SinkProof } from './result.ts';

export interface ReceiverContext extends Patience {
  readonly name: string;
  readonly sink: Sink;
  readonly prepare: Prepare;
  readonly journal: Journal;
  /** Whose events. */
  readonly sources: readonly string[];
}

/** The contract's limit of ids in one question. */
const ASK_IDS = 1_000;
const PAGE_EVENTS = 500;
const PAGE_IDS = 5_000;
const PAGE_LETTERS = 200;
/** What a receiver does not show is asked for once more after this: a search engine shows new documents a little later. */
const ASK_AGAIN_MS = 5_000;

/** Asks a receiver for every event of the range that it must hold. Never throws for one that cannot be asked. */
export async function proveReceiver(
  context: ReceiverContext,
  range: Window,
  signal: AbortSignal,
): Promise<SinkProof> {
  const { name, sink, journal } = context;
  const proof = emptyProof(name, sink);
  const cursor = await journal.cursor(name);
  const letters = await deadLettersOf(context);
  const doubtful: NamedEvent[] = [];
  const questions = createQuestions(context, proof, doubtful, signal);
  try {
    for (const source of context.sources) {
      for (const bucket of bucketsOf(range)) {
        await expectEvents(context, source, bucket, cursor, letters, proof, questions.add, signal);
        if (sink.holds !== undefined) await askForPruned(context, source, bucket, proof, signal);
      }
    }
    await questions.flush();
    if (doubtful.length > 0) await askAgain(context, proof, doubtful, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ForwardError) || error.kind === 'corrupt') throw error;
    proof.failure = describe(error);
  }
  return proof;
}

function emptyProof(name: string, sink: Sink): SinkProof {
  return {
    name,
    delivery: sink.delivery,
    canBeAsked: sink.holds !== undefined,
    failure: null,
    expected: 0,
    found: 0,
    missing: nameList(),
    repeated: nameList(),
    deadLetters: 0,
    filtered: 0,
    pending: 0,
    pruned: 0,
    prunedFound: 0,
  };
}

/** Dead letters in any state: a discarded one is evidence that the event was looked at. */
async function deadLettersOf({ journal, name }: ReceiverContext): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (let after = 0n; ;) {
    const page = await journal.glanceAtDeadLetters({ owner: name, after, limit: PAGE_LETTERS }, 0);
    for (const { event } of page) if (event !== null) keys.add(keyOf(event.source, event.id));
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
  letters: ReadonlySet<string>,
  proof: SinkProof,
  expect: (event: AuditEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let after = 0n; ;) {
    signal.throwIfAborted();
    const page = await context.journal.readWindow(source, bucket, after, PAGE_EVENTS);
    for (const event of page) {
      if (event.seq > cursor) proof.pending += 1;
      else if (letters.has(keyOf(source, event.id))) proof.deadLetters += 1;
      else if (context.prepare(event).kind === 'filtered') proof.filtered += 1;
      else {
        proof.expected += 1;
        await expect(event);
      }
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}

/** Collects events until one question is full. What the receiver does not show goes to `doubtful`. */
function createQuestions(
  context: ReceiverContext,
  proof: SinkProof,
  doubtful: NamedEvent[],
  signal: AbortSignal,
): { add: (event: AuditEvent) => Promise<void>; flush: () => Promise<void> } {
  let waiting: NamedEvent[] = [];
  const flush = async (): Promise<void> => {
    const asked = waiting;
    waiting = [];
    if (asked.length === 0 || !proof.canBeAsked) return;
    doubtful.push(...(await ask(context, proof, asked, signal)));
  };
  return {
    flush,
    add: async ({ source, id, createdAt }) => {
      waiting.push({ source, id, createdAt });
      if (waiting.length >= ASK_IDS) await flush();
    },
  };
}

/** Counts what is found and what is repeated; returns the rest. */
async function ask(
  context: ReceiverContext,
  proof: SinkProof,
  events: readonly NamedEvent[],
  signal: AbortSignal,
): Promise<NamedEvent[]> {
  const copies = await copiesOf(
    context,
    events.map((event) => event.id),
    signal,
  );
  const absent: NamedEvent[] = [];
  for (const event of events) {
    const count = copies.get(event.id) ?? 0;
    if (count === 0) absent.push(event);
    else proof.found += 1;
    if (count > 1) addName(proof.repeated, { ...event, copies: count });
  }
  return absent;
}

async function askAgain(
  context: ReceiverContext,
  proof: SinkProof,
  doubtful: readonly NamedEvent[],
  signal: AbortSignal,
): Promise<void> {
  await context.clock.sleep(ASK_AGAIN_MS, signal);
  for (let at = 0; at < doubtful.length; at += ASK_IDS) {
    const absent = await ask(context, proof, doubtful.slice(at, at + ASK_IDS), signal);
    for (const event of absent) addName(proof.missing, event);
  }
}

/** Without the event nobody can look at `where`: what is not found proves nothing, and is only counted. */
async function askForPruned(
  context: ReceiverContext,
  source: string,
  bucket: Window,
  proof: SinkProof,
  signal: AbortSignal,
): Promise<void> {
  const { oldestSeq, headSeq } = await context.journal.size();
  const firstKept = oldestSeq === 0n ? headSeq + 1n : oldestSeq;
  for (let after = ''; ;) {
    const page = await context.journal.idsInWindow(source, bucket, after, PAGE_IDS);
    const pruned = page.filter(({ seq }) => seq !== null && seq < firstKept).map(({ id }) => id);
    proof.pruned += pruned.length;
    for (let at = 0; at < pruned.length; at += ASK_IDS) {
      const copies = await copiesOf(context, pruned.slice(at, at + ASK_IDS), signal);
      proof.prunedFound += [...copies.values()].filter((count) => count > 0).length;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_IDS) return;
    after = last.id;
  }
}

async function copiesOf(
  context: ReceiverContext,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const { sink } = context;
  return withPatience(
    context,
    signal,
    async () => (await sink.holds?.(ids, signal)) ?? new Map<string, number>(),
  );
}

function keyOf(source: string, id: string): string {
  return `${source}\n${id}`;
}
