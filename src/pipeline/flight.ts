import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { span } from '../model/trace.ts';
import type { Outlet } from './outlet.ts';
import type { Landed } from './segment.ts';
import { enterState } from './status.ts';
import type { SinkStatus } from './status.ts';

/** A span of the journal, or dead letters that are retried, on its way through one lane. */
export interface Flight {
  readonly kind: 'events' | 'letters' | 'heartbeats';
  /** Where the cursor may be once this and all before it have landed. */
  readonly upTo: bigint;
  done: boolean;
  /** It waited for another try when the halt came: it is not settled. */
  left: boolean;
  rejected: readonly RejectedEvent[];
  /** What a heartbeat will tell of it. */
  told: (() => Landed) | null;
  /** How many tries there had been when the oldest flight beside it began. */
  readonly since: number;
  readonly landed: Promise<void>;
}

/** What it needs of the loop that fills lanes. */
interface Lanes {
  readonly name: string;
  readonly clock: Clock;
  readonly status: SinkStatus;
  readonly outlet: Pick<Outlet, 'isHalt'>;
}

/** While it stays the same nothing was sent a second time, and so nothing overtook anything. */
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
      await Promise.resolve(); // `flight` is there before anything lands
      try {
        await land(flight);
        flight.done = true;
      } catch (error) {
        if (!context.outlet.isHalt(error)) throw error;
        flight.left = true;
      }
    }),
  };
  flight.landed.catch(() => {}); // the loop looks at it when its turn comes; until then it must not count as unhandled
  return flight;
}
