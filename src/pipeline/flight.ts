import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { span } from '../model/trace.ts';
import type { Outlet } from './outlet.ts';
import type { Landed } from './segment.ts';
import { enterState } from './status.ts';
import type { SinkStatus } from './status.ts';

/** What one lane sends: a span of the journal, retried dead letters, or heartbeats. */
export interface Flight {
  readonly kind: 'events' | 'letters' | 'heartbeats';
  /** Where the cursor may move once this and all flights before it have landed. */
  readonly upTo: bigint;
  done: boolean;
  /** A halt ended its wait for another try: it is not settled. */
  left: boolean;
  rejected: readonly RejectedEvent[];
  /** What a heartbeat will report of it. */
  told: (() => Landed) | null;
  /** `triesOf` when the oldest of the flights that overlap with it began. */
  readonly since: number;
  readonly landed: Promise<void>;
}

/** What a flight needs of the deliver loop. */
interface Lanes {
  readonly name: string;
  readonly clock: Clock;
  readonly status: SinkStatus;
  readonly outlet: Pick<Outlet, 'isHalt'>;
}

/** Retries of the sink so far. While the number stays the same, nothing was sent twice, so nothing overtook anything. */
export function triesOf({ status: { retries } }: Pick<Lanes, 'status'>): number {
  return retries.transient + retries.denied;
}

/** Starts a lane; `land` does the work. */
export function launch(
  context: Lanes,
  kind: Flight['kind'],
  upTo: bigint,
  events: number,
  land: (flight: Flight) => Promise<void>,
  since = triesOf(context),
): Flight {
  enterState(context.status, 'working', context.clock.now());
  const flight: Flight = {
    kind,
    upTo,
    done: false,
    left: false,
    rejected: [],
    told: null,
    since,
    landed: span('batch', { sink: context.name, events }, async () => {
      await Promise.resolve(); // `flight` must exist before anything lands
      try {
        await land(flight);
        flight.done = true;
      } catch (error) {
        if (!context.outlet.isHalt(error)) throw error;
        flight.left = true;
      }
    }),
  };
  flight.landed.catch(() => {}); // the loop awaits it later; until then it must not count as unhandled
  return flight;
}
