/** Work that one replica at a time does: reading a source, serving a sink, a job, or the upkeep of the journal. */
export type Duty = `source:${string}` | `sink:${string}` | `job:${string}` | 'upkeep';

/** The right of this process to a duty, until it is released or lost. */
export interface Lease {
  readonly duty: Duty;
  /** Grows with each new holder: a write that carries an older one changes nothing. */
  readonly epoch: bigint;
  /** Aborts with a `lease_lost` error once another replica may hold the duty: whatever is under way ends at once. */
  readonly lost: AbortSignal;
  /** Aborts when another replica should take over: finish what is under way, begin nothing new, and release. */
  readonly wanted: AbortSignal;
  /**
   * Lets another replica have it at once. After `wanted` one comes first that has less than its share, or this process would have it again;
   * one that is `leaving` lets anybody have it. Never throws: a lease that cannot be released runs out.
   */
  release(leaving?: boolean): Promise<void>;
}

/** A process that shares the journal. Times are RFC 3339, by the journal's own clock. */
export interface Replica {
  /** Its host and process, for people. */
  readonly name: string;
  /** True for this process. */
  readonly self: boolean;
  readonly startedAt: string;
  readonly seenAt: string;
  /** False once it was not seen for the length of a lease. */
  readonly alive: boolean;
  readonly version: string;
  /** SHA-256 in hex of its effective configuration: replicas that differ in it do not do the same. */
  readonly fingerprint: string;
  /** What it holds. */
  readonly duties: readonly Duty[];
}

/** How several processes share a journal. One in one process's hands grants every lease at once. */
export interface Sharing<Journal> {
  /**
   * Waits until this process holds the duty. `waiting` is told whenever somebody else holds it: who, as far as that is known.
   * Rejects when `signal` aborts.
   */
  claim(duty: Duty, signal: AbortSignal, waiting?: (holder: string | null) => void): Promise<Lease>;
  /** The same for what can wait for another time: null when somebody else holds it. */
  tryClaim(duty: Duty): Promise<Lease | null>;
  /**
   * The journal as the holder of these leases uses it: each of its writes checks them first, in the same transaction, and throws
   * `lease_lost` where one has another holder by now.
   */
  under(...leases: readonly Lease[]): Journal;
  /** Those that share the journal; none where it cannot be shared. */
  replicas(): Promise<readonly Replica[]>;
}
