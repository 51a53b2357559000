import type { Checker, Fail } from './checker.ts';

/** What was started is over once the daemon has ended. */
export function timers(fail: Fail): Checker {
  return {
    name: 'timers',
    stopped(left) {
      if (left > 0) fail(`${left} timers are still set after the daemon has ended`);
    },
  };
}
