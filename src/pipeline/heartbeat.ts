import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto';

import { eventsAfter } from '../checkpoint/journal.ts';
import type { Beginning, Journal, Passed } from '../checkpoint/journal.ts';
import type { Format, Origin } from '../formats/format.ts';
import {
  heartbeatEvent,
  heartbeatHash,
  renderHeartbeat,
  signedText,
  unansweredText,
} from '../formats/heartbeat.ts';
import type { Heartbeat } from '../formats/heartbeat.ts';
import { createSeal, streamOf } from '../formats/seal.ts';
import type { Seal } from '../formats/seal.ts';
import type { Clock } from '../model/clock.ts';
import { describe } from '../model/errors.ts';
import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { Log } from '../model/log.ts';
import type { Secret } from '../model/secret.ts';
import { formatTime, msToNs } from '../model/time.ts';
import type { Item } from '../sinks/sink.ts';
import type { Source } from '../sources/source.ts';
import { extend, isLate, openSegment, runsText } from './segment.ts';
import type { Landed, Segment } from './segment.ts';

/** The `heartbeat:` section. */
export interface HeartbeatConfig {
  readonly everyMs: number;
  /** An Ed25519 private key in PEM; null: heartbeats are not signed. */
  readonly signingKey: Secret | null;
}

export interface HeartbeatContext extends HeartbeatConfig {
  readonly sink: string;
  readonly journal: Journal;
  readonly format: Pick<Format, 'name' | 'kind'>;
  readonly origin: () => Origin;
  readonly sources: () => Promise<Heartbeat['sources']>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The heartbeats of one sink, as its deliver loop sends them. Whatever asks the journal goes through the loop's `ask`, which repeats it. */
export interface Heartbeats {
  /** The seal that every event carries. Null: no heartbeats are configured. */
  readonly seal: Seal | null;
  /** Adds what the cursor moved over without this sink sending it sealed: for the transaction in which a loop begins. */
  readonly passed: Passed;
  begin(beginning: Beginning, ask: Ask): Promise<void>;
  /** Adds what landed to the segment, which `write` keeps in the same transaction as the cursor, for example. A job may do so before `begin`. */
  record(landed: () => Landed, write: (segment?: Json) => Promise<void>, ask: Ask): Promise<void>;
  /**
   * Closes the segment, which makes a heartbeat of it, once the interval is over and no heartbeat is unsent. A late segment (`isLate`) does
   * not wait for the interval, nor, with `ending`, does one that has anything to tell.
   */
  close(ending: boolean, ask: Ask): Promise<void>;
  /** The heartbeats to be sent now; none while some are in flight. */
  takeOff(limit: { readonly maxEvents: number; readonly maxBytes: number }): readonly Item[];
  /** Reports back what `takeOff` gave. Refused heartbeats are due again after an interval. */
  sent(items: readonly Item[], refused: readonly Item[], ask: Ask): Promise<void>;
  /** How many heartbeats are to be sent now. */
  unsent(): number;
  /** How long until the next one is due. */
  waitMs(): number;
}

/** Without a `heartbeat:` section: nothing is computed, nothing is kept. */
export const NO_HEARTBEATS: Heartbeats = {
  seal: null,
  passed: () => null,
  begin: async () => {},
  record: (_landed, write) => write(),
  close: async () => {},
  takeOff: () => [],
  sent: async () => {},
  unsent: () => 0,
  waitMs: () => Infinity,
};

/** Repeats a call of the journal until it succeeds. */
export type Ask = <T>(work: () => Promise<T>) => Promise<T>;

/** What the journal keeps for the sink. */
type Kept = {
  /** Of the next heartbeat. */
  readonly number: number;
  readonly previous: string | null;
  readonly segment: Segment;
  /** Not known to be delivered: after a crash they are sent again, byte for byte. */
  readonly pending: readonly Heartbeat[];
  readonly closedAt: string | null;
};

/** A receiver that takes events but refuses heartbeats must not fill the journal: the oldest are dropped, and the next one's number shows it. */
const PENDING_LIMIT = 30;

/** The heartbeats of a sink, as the configuration asks for. */
export function heartbeatsOf(
  parts: {
    readonly heartbeat?: HeartbeatConfig | null;
    readonly journal: Journal;
    readonly sources: Parameters<typeof sourcesRead>[1];
    readonly originOf: (source: string) => Origin;
    readonly clock: Clock;
  },
  sink: string,
  format: HeartbeatContext['format'],
  log: Log,
): Heartbeats {
  const { heartbeat, journal, clock } = parts;
  if (heartbeat == null) return NO_HEARTBEATS;
  const sources = sourcesRead(journal, parts.sources, clock);
  const origin = () => parts.originOf('auditferry');
  return createHeartbeats({ ...heartbeat, sink, journal, format, origin, sources, clock, log });
}

/** Adds events that were sent without a seal, and events that were pruned: once the cursor is past them, only this tells why no heartbeat has them. */
const passed: Passed = ({ seq, isNew, pruned }, stored) => {
  const kept = readKept(stored);
  const cursor = Number(seq);
  if (kept === null || cursor <= kept.segment.lastSeq) return null;
  const { segment } = kept;
  const lost = pruned !== null && !isNew ? Number(pruned.fromSeq) - 1 : cursor;
  const unsealed = lost > segment.lastSeq ? [[segment.lastSeq + 1, lost] as const] : [];
  const gone = cursor > lost ? [[lost + 1, cursor] as const] : [];
  const gaps = { unsealed: [...segment.unsealed, ...unsealed], pruned: [...segment.pruned, ...gone] };
  return { ...kept, segment: { ...segment, ...gaps, lastSeq: cursor } };
};

export function createHeartbeats(context: HeartbeatContext): Heartbeats {
  const { sink, journal, everyMs, clock, log } = context;
  const stream = streamOf(journal.installationId, sink);
  let kept: Kept = { number: 1, previous: null, segment: openSegment(0), pending: [], closedAt: null };
  let dueMs = 0;
  let onTheWay = false;
  let isRead = false;
  /** After a refusal, no heartbeat is sent before this. */
  let againMs = 0;
  let turn: Promise<unknown> = Promise.resolve();

  /** Makes changes one after the other: each builds on what the one before wrote. */
  const change = (next: () => Promise<Kept>, write: (segment: Json) => Promise<void>): Promise<void> => {
    const result = turn.then(async () => {
      const fresh = await next();
      await write(fresh);
      kept = fresh;
    });
    turn = result.catch(() => {});
    return result;
  };

  /** Makes heartbeats of full segments. The journal is read first, so that nothing interrupts the numbering and signing. */
  const closed = async (full: readonly Segment[], open: Segment, ask: Ask): Promise<Kept> => {
    if (full.length === 0) return { ...kept, segment: open };
    const standing = await ask(() => standingOf(context, open.lastSeq));
    const closedAt = new Date(clock.now()).toISOString();
    let { number, previous } = kept;
    const pending = [...kept.pending];
    for (const segment of full) {
      const heartbeat = signed({ ...told(segment), ...standing, number, previous, closed_at: closedAt });
      pending.push(heartbeat);
      previous = heartbeatHash(heartbeat);
      number += 1;
    }
    dueMs = clock.monotonic() + everyMs;
    return { number, previous, segment: open, pending: pending.slice(-PENDING_LIMIT), closedAt };
  };

  const told = ({ firstSeq, lastSeq, runs, events, digest, filtered, deadLetters, ...rest }: Segment) => ({
    version: 1 as const,
    installation_id: journal.installationId,
    sink,
    stream,
    every_seconds: Math.round(everyMs / 1000),
    first_seq: firstSeq,
    last_seq: lastSeq,
    events,
    seqs: runsText(runs),
    digest,
    filtered,
    dead_letters: deadLetters,
    ...(rest.unanswered.length === 0 ? {} : { unanswered: rest.unanswered.map(unansweredText).join(',') }),
    pruned: runsText(rest.pruned),
    unsealed: runsText(rest.unsealed),
    ordered: rest.ordered,
  });

  /** An unusable key must not hold up heartbeats, let alone events: the heartbeat goes unsigned, which `verify` reports. */
  const signed = (heartbeat: Heartbeat): Heartbeat => {
    if (context.signingKey === null) return heartbeat;
    try {
      return signHeartbeat(heartbeat, context.signingKey.reveal());
    } catch (error) {
      log.warn(
        { error: describe(error), hint: 'heartbeat.signing_key takes an Ed25519 private key in PEM' },
        'a heartbeat goes out unsigned',
      );
      return heartbeat;
    }
  };

  const dueInMs = (): number => (isLate(kept.segment) ? 0 : Math.max(dueMs - clock.monotonic(), 0));
  const unsent = (): number => (clock.monotonic() < againMs ? 0 : kept.pending.length);

  return {
    seal: createSeal(context.format, stream),

    passed,

    async begin({ seq }, ask) {
      await turn; // a loop that ended may still be writing
      const found = readKept(await ask(() => journal.segment(sink)));
      isRead = true;
      const cursor = Number(seq);
      kept = found ?? { ...kept, segment: openSegment(cursor) };
      const { closedAt } = kept;
      const agoMs = closedAt === null ? 0 : clock.now() - Date.parse(closedAt);
      dueMs = clock.monotonic() + Math.min(Math.max(everyMs - agoMs, 0), everyMs);
      onTheWay = false;
      againMs = 0;
    },

    record: (landed, write, ask) =>
      change(async () => {
        if (!isRead) kept = readKept(await ask(() => journal.segment(sink))) ?? kept;
        const { full, open } = extend(kept.segment, landed());
        return closed(full, open, ask);
      }, write),

    async close(ending, ask) {
      const { events, deadLetters, unanswered } = kept.segment;
      const something = events + deadLetters + unanswered.length > 0 || kept.closedAt === null;
      if (kept.pending.length > 0 || (dueInMs() > 0 && !(ending && something))) return;
      await change(
        () => closed([kept.segment], openSegment(kept.segment.lastSeq), ask),
        (segment) => ask(() => journal.keepSegment(sink, segment)),
      );
    },

    takeOff({ maxEvents, maxBytes }) {
      if (onTheWay || unsent() === 0) return [];
      onTheWay = true;
      const items = kept.pending.slice(0, maxEvents).map((heartbeat) => itemOf(heartbeat, context));
      let bytes = 0;
      return items.filter(({ body }, index) => (bytes += Buffer.byteLength(body)) <= maxBytes || index === 0);
    },

    async sent(items, refused, ask) {
      const left = new Set(refused);
      const numbers = new Set(
        items.filter((item) => !left.has(item)).map(({ heartbeat }) => heartbeat?.number),
      );
      if (refused.length > 0) againMs = clock.monotonic() + everyMs;
      await change(
        async () => ({ ...kept, pending: kept.pending.filter(({ number }) => !numbers.has(number)) }),
        (segment) => ask(() => journal.keepSegment(sink, segment)),
      );
      onTheWay = false;
    },

    unsent,
    waitMs: () => (kept.pending.length > 0 ? Math.max(againMs - clock.monotonic(), 0) : dueInMs()),
  };
}

function itemOf(heartbeat: Heartbeat, { format, origin }: HeartbeatContext): Item {
  const from = origin();
  const body = renderHeartbeat(heartbeat, format, from);
  return { canonical: heartbeatEvent(heartbeat), origin: from, body, kind: format.kind, heartbeat };
}

type Standing = Pick<
  Heartbeat,
  'waiting' | 'open_dead_letters' | 'journal_seq' | 'journal_sha256' | 'sources'
>;

async function standingOf({ journal, sink, sources }: HeartbeatContext, cursor: number): Promise<Standing> {
  const [head, size, letters, read] = await Promise.all([
    journal.head(),
    journal.size(),
    journal.deadLetterCounts('sink'),
    sources(),
  ]);
  return {
    waiting: eventsAfter(size, BigInt(cursor)),
    open_dead_letters: letters.get(sink) ?? 0,
    journal_seq: Number(head.seq),
    journal_sha256: head.hash,
    sources: read,
  };
}

/** Throws what `node:crypto` throws for a key that is none. */
export function signHeartbeat(heartbeat: Heartbeat, pem: string): Heartbeat {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`the key is ${key.asymmetricKeyType ?? 'of no kind'}, not ed25519`);
  const named = { ...heartbeat, key: keyName(createPublicKey(key).export({ type: 'spki', format: 'der' })) };
  return { ...named, signature: sign(null, Buffer.from(signedText(named)), key).toString('base64') };
}

/** Digits in the name of a key. */
const KEY_DIGITS = 16;

function keyName(spki: Buffer): string {
  return hash('sha256', spki).slice(0, KEY_DIGITS);
}

function readKept(json: Json | null): Kept | null {
  if (!isObject(json ?? undefined) || !isObject((json as { segment?: Json }).segment)) return null;
  const kept = json as unknown as Kept;
  // An earlier version kept fewer members.
  return { ...kept, segment: { ...openSegment(0), ...kept.segment } };
}

/** What the journal knows of a sink's heartbeats. */
export interface HeartbeatFigures {
  /** When the newest one was closed, RFC 3339; null before the first. */
  readonly closedAt: string | null;
  /** Heartbeats not known to be delivered. */
  readonly unanswered: number;
}

/** `segment`: what the journal keeps for the sink. */
export function heartbeatFigures(segment: Json | null): HeartbeatFigures {
  const kept = readKept(segment);
  return { closedAt: kept?.closedAt ?? null, unanswered: kept?.pending.length ?? 0 };
}

/** How far each source has read, and how far a second count of everything agreed. */
export function sourcesRead(
  journal: Journal,
  sources: ReadonlyMap<string, { readonly source: Pick<Source, 'state'>; readonly auditHorizonMs: number }>,
  clock: Clock,
): () => Promise<Heartbeat['sources']> {
  return () =>
    Promise.all(
      [...sources].map(async ([name, { source, auditHorizonMs }]) => {
        const nowMs = clock.now();
        const horizon = { startNs: msToNs(nowMs - auditHorizonMs), endNs: msToNs(nowMs) };
        const spans = await journal.coverage(name, horizon);
        const open = spans.find(({ status }) => status !== 'verified');
        const verified = open?.startNs ?? spans.at(-1)?.endNs ?? null;
        const { frontierNs } = source.state();
        return {
          name,
          frontier: frontierNs === null ? null : formatTime(frontierNs),
          verified_up_to: verified === null || spans[0] === open ? null : formatTime(verified),
        };
      }),
    );
}
