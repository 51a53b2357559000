/** Work that one replica at a time does: reading a source, serving a sink, a job, or the upkeep of the journal. */
export type Duty = `source:${string}` | `sink:${string}` | `job:${string}` | 'upkeep';

/** The right of this process to a duty, until it is released or lost. */
export interface Lease {
  readonly duty: Duty;
  /** Grows with each new holder. A write with an older epoch changes nothing. */
  readonly epoch: bigint;
  /** Aborts with a `lease_lost` error once another replica may hold the duty: stop at once. */
  readonly lost: AbortSignal;
  /** Aborts when another replica should take over: finish what was begun, begin nothing new, then release. */
  readonly wanted: AbortSignal;
  /**
   * Gives the duty back at once. After `wanted`, a replica with less than its share has precedence, so that this process does not take the
   * duty again; `leaving`: any replica may have it. Never throws: a lease that cannot be released expires.
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
  /** SHA-256 in hex of its effective configuration: all replicas should have the same. */
  readonly fingerprint: string;
  /** The duties that it holds. */
  readonly duties: readonly Duty[];
}

/** How several processes share a journal. A journal that belongs to one process grants every lease at once. */
export interface Sharing<Journal> {
  /**
   * Waits until this process holds the duty. `waiting` is called with the holder while another process has it, or null if it is unknown.
   * Rejects when `signal` aborts.
   */
  claim(duty: Duty, signal: AbortSignal, waiting?: (holder: string | null) => void): Promise<Lease>;
  /** The same without waiting: null if another process holds it. */
  tryClaim(duty: Duty): Promise<Lease | null>;
  /**
   * The journal for the holder of these leases. Each write checks them in the same transaction, and throws `lease_lost` if another
   * process holds one of them now.
   */
  under(...leases: readonly Lease[]): Journal;
  /** All processes that share the journal; none if it cannot be shared. */
  replicas(): Promise<readonly Replica[]>;
}
