import type { CheckItem } from '../../model/check.ts';
import type { Clock } from '../../model/clock.ts';
import type { TlsFiles } from '../../net/tls-files.ts';
import type { DeliveryClass, Fate } from '../sink.ts';
import type { Address } from './address.ts';
import type { Framing } from './framing.ts';

/** A way to carry rendered messages to one receiver. */
export interface Transport {
  readonly delivery: DeliveryClass;
  /**
   * Resolves with one fate per message. Throws a PeerClosedError when the receiver broke the connection before any fate
   * was known, another ForwardError when it could not be reached or refuses us. Rejects promptly when `signal` aborts.
   */
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<readonly Fate[]>;
  /** How many bytes of messages the next `send` should carry at most; a lone message may be larger. Absent: all there are. */
  roomBytes?(): number;
  /** Looks at what `send` will need; sends no message. */
  check(signal: AbortSignal): Promise<readonly CheckItem[]>;
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly address: Address;
  /** Present for tls and relp+tls. */
  readonly tls: TlsFiles | undefined;
  readonly framing: Framing;
  readonly connectTimeoutMs: number;
  /** Longest silence while writing, or while a RELP answer is due. */
  readonly timeoutMs: number;
  /** How long to wait for the receiver to close its side after we closed ours. */
  readonly closeTimeoutMs: number;
  /** True: a receiver that does not close its side in time has not taken the batch. */
  readonly requireClose: boolean;
  readonly keepAliveMs: number;
  /** RELP messages under way without an answer. */
  readonly window: number;
  readonly clock: Clock;
  readonly forwarderVersion: string;
  warn(message: string): void;
}
