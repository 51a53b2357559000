import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** The sinks' own writes may fill a journal a little further after the collect loop has looked. */
const SLACK_BYTES = 128 * 1024;

/** Promise 4: a full journal takes no more; the Platform is the buffer. */
export function backpressure(facts: Facts, fail: Fail): Checker {
  return {
    name: 'backpressure',
    appending(usedBytes) {
      const limit = facts.scenario.maxBytes;
      if (usedBytes >= limit + SLACK_BYTES)
        fail(`a harvest is committed into ${usedBytes} of ${limit} bytes`);
    },
  };
}
