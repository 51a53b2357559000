import type { Journal, RejectedEvent } from '../../../src/checkpoint/journal.ts';
import type { Batch } from '../../../src/sinks/sink.ts';
import type { Harvest } from '../../../src/sources/source.ts';

/**
 * Watches one promise. Each member is called at the moment it names; `fail` ends the run. None may change anything. What
 * a checker reads of the journal it reads past the seam, so that it costs no journal call and sees no fault.
 */
export interface Checker {
  readonly name: string;
  /** A life of the daemon begins over this journal. */
  born?(journal: Journal): Promise<void>;
  /** The source is about to be polled; `finished` says whether the poll before ran to its end. */
  pollStarted?(finished: boolean): void;
  /** Before a harvest is committed. `usedBytes` of the journal now. */
  appending?(usedBytes: number): void;
  /** After a harvest is committed. `repeated`: ids that came to stand twice in the journal. */
  appended?(harvest: Harvest, repeated: readonly string[]): void;
  /** A sink's loop has begun, and goes on after this seq. The facts still hold the cursor as it was. */
  begun?(sink: string, seq: bigint): void;
  /** Before a cursor is moved. The facts still hold the cursor as it was. */
  settling?(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): void;
  sendStarted?(sink: string, batch: Batch): void;
  stored?(sink: string, id: string, copies: number): void;
  sendEnded?(sink: string, batch: Batch, how: string, storedUnheard: readonly string[]): void;
  logged?(line: string): void;
  /** The world is healed and everything has drained. */
  atRest?(journal: Journal): Promise<void>;
  /** The daemon has ended in order; `timers` are still set. */
  stopped?(timers: number): void;
}

export type Fail = (what: string) => void;
