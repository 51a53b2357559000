import type { Clock } from '../model/clock.ts';
import { cron } from '../model/cron.ts';

/** When the next poll starts: a fixed interval or a cron expression. */
export type PollSchedule = { readonly everyMs: number } | { readonly cron: string };

/** Pods that started together must not poll together. */
const JITTER_SHARE = 0.1;

/** Milliseconds from now until the next poll; an interval is spread by up to a tenth. Cron expressions are in UTC. */
export function untilNextPollMs(schedule: PollSchedule, clock: Clock): number {
  if ('everyMs' in schedule) return Math.round(schedule.everyMs * (1 - JITTER_SHARE * clock.random()));
  const next = new (cron().CronTime)(schedule.cron, 'UTC').getNextDateFrom(new Date(clock.now()), 'UTC');
  return Math.max(next.toMillis() - clock.now(), 0);
}

/** How long one poll follows the other, in milliseconds: of a cron expression, the distance between its next two times. */
export function pollEveryMs(schedule: PollSchedule, clock: Clock): number {
  if ('everyMs' in schedule) return schedule.everyMs;
  const times = new (cron().CronTime)(schedule.cron, 'UTC');
  const next = times.getNextDateFrom(new Date(clock.now()), 'UTC');
  return times.getNextDateFrom(next.toJSDate(), 'UTC').toMillis() - next.toMillis();
}
