import { eventsAfter } from '../checkpoint/journal.ts';
import type { Journal } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { createPace } from './pace.ts';
import type { Pace } from './pace.ts';
import type { SinkStatus } from './status.ts';
import { untilDone } from './until-done.ts';

interface Telling {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SinkStatus;
  readonly patienceMs: number | null;
}

/** A smaller backlog is delivered too soon to be worth a line. */
const BACKLOG_EVENTS = 1_000;

/** Logs progress now and then while a sink works off a backlog, until it is `over`. */
export function backlogTeller(context: Telling): { tell(signal: AbortSignal): Promise<void>; over(): void } {
  const { journal, clock, log, status } = context;
  let work: { readonly pace: Pace; readonly from: bigint } | null = null;
  return {
    async tell(signal) {
      work ??= { pace: createPace(clock), from: status.cursor };
      const done = Number(status.cursor - work.from);
      if (!work.pace.isDue(done)) return;
      const left = eventsAfter(await untilDone(context, () => journal.size(), signal), status.cursor);
      const going = work.pace.say(done, done / (done + left));
      if (left >= BACKLOG_EVENTS) log.info({ events_left: left, ...going }, 'catching up');
    },
    over: () => void (work = null),
  };
}
