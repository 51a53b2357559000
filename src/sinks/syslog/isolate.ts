import { ForwardError } from '../../model/errors.ts';
import { PeerClosedError } from '../../net/socket.ts';
import type { Fate } from '../sink.ts';

export interface Piece {
  /** The event's id. */
  readonly id: string;
  readonly message: Buffer;
}

/** A transport's send; see transport.ts. */
export type SendPieces = (messages: readonly Buffer[], signal: AbortSignal) => Promise<readonly Fate[]>;

/** So often a receiver must break the connection at the very same message before the message is blamed. */
const STRIKES = 3;
/** Likewise for a lone message while nothing else passes: minutes, in which a receiver that is at fault itself comes back. */
const STRIKES_ALONE = 20;
/** So many single messages failing in a row with none taken say that the receiver is at fault, not a message. */
const FAILURES_WITHOUT_SUCCESS = 3;
/** Strikes remembered; the oldest are forgotten. */
const REMEMBERED_LIMIT = 1000;

interface Strike {
  readonly count: number;
  /** How many groups had been taken when the first strike fell. */
  readonly takenBefore: number;
}

interface Memory {
  /** By number of messages and id of the first one. */
  readonly strikes: Map<string, Strike>;
  /** Groups that the receiver took since the program started. */
  taken: number;
  /** A lone message may be blamed without another one passing, but only once until something passes again. */
  benefit: boolean;
}

/**
 * Some receivers answer a message that they cannot read by closing the connection, and say nothing. A batch that met
 * this is sent in halves the next time, over connections of their own, until the message is found; one that meets it
 * three times while others pass is rejected, everything else goes on.
 */
export function createIsolation(
  where: string,
): (pieces: readonly Piece[], send: SendPieces, signal: AbortSignal) => Promise<readonly Fate[]> {
  const memory: Memory = { strikes: new Map(), taken: 0, benefit: true };
  return async (pieces, send, signal) => {
    const suspects = pieces.filter((piece) => memory.strikes.has(keyOf([piece])));
    if (suspects.length > 0 || memory.strikes.has(keyOf(pieces))) {
      return isolate(pieces, suspects, send, memory, where, signal);
    }
    try {
      const fates = await send(
        pieces.map(({ message }) => message),
        signal,
      );
      passed(memory, pieces);
      return fates;
    } catch (error) {
      if (error instanceof PeerClosedError) strike(memory, pieces);
      throw error;
    }
  };
}

async function isolate(
  pieces: readonly Piece[],
  suspects: readonly Piece[],
  send: SendPieces,
  memory: Memory,
  where: string,
  signal: AbortSignal,
): Promise<readonly Fate[]> {
  const fates = new Map<Piece, Fate>();
  const rest = pieces.filter((piece) => !suspects.includes(piece));
  const open: (readonly Piece[])[] = [...(rest.length > 0 ? [rest] : []), ...suspects.map((one) => [one])];
  let failures = 0;
  let last: unknown;
  for (let group = open.shift(); group !== undefined; group = open.shift()) {
    try {
      const answered = await send(
        group.map(({ message }) => message),
        signal,
      );
      group.forEach((piece, index) => fates.set(piece, answered[index] ?? retry(where)));
      passed(memory, group);
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      last = error;
      if (!(error instanceof PeerClosedError)) break;
      strike(memory, group);
      if (group.length > 1) {
        const middle = Math.ceil(group.length / 2);
        open.unshift(group.slice(0, middle), group.slice(middle));
        continue;
      }
      failures += 1;
      if (failures >= FAILURES_WITHOUT_SUCCESS) break;
    }
  }
  blame(pieces, fates, memory, where);
  if (fates.size === 0) throw last;
  if (last instanceof ForwardError && last.kind === 'denied') throw last;
  return pieces.map((piece) => fates.get(piece) ?? retry(where));
}

/** Rejects what has its strikes, where something else shows that the receiver itself is well. */
function blame(pieces: readonly Piece[], fates: Map<Piece, Fate>, memory: Memory, where: string): void {
  for (const piece of pieces) {
    const found = memory.strikes.get(keyOf([piece]));
    if (fates.has(piece) || found === undefined || found.count < STRIKES) continue;
    const othersPassed = memory.taken > found.takenBefore;
    const alone = pieces.length === 1 && memory.benefit && found.count >= STRIKES_ALONE;
    if (!othersPassed && !alone) continue;
    if (!othersPassed) memory.benefit = false;
    memory.strikes.delete(keyOf([piece]));
    const reason = `${where} closed the connection at this message ${found.count} times without a word`;
    fates.set(piece, { outcome: 'rejected', reason });
  }
}

function keyOf(pieces: readonly Piece[]): string {
  return `${pieces.length}:${pieces[0]?.id ?? ''}`;
}

function passed(memory: Memory, pieces: readonly Piece[]): void {
  memory.taken += 1;
  memory.benefit = true;
  memory.strikes.delete(keyOf(pieces));
}

function strike(memory: Memory, pieces: readonly Piece[]): void {
  const key = keyOf(pieces);
  const before = memory.strikes.get(key);
  memory.strikes.set(key, {
    count: (before?.count ?? 0) + 1,
    takenBefore: before?.takenBefore ?? memory.taken,
  });
  const oldest = memory.strikes.keys().next().value;
  if (memory.strikes.size > REMEMBERED_LIMIT && oldest !== undefined) memory.strikes.delete(oldest);
}

function retry(where: string): Fate {
  const reason = `${where} closed the connection before this message was settled`;
  return { outcome: 'retry', reason, unanswered: true };
}
