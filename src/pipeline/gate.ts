import type { Clock } from '../model/clock.ts';

/**
 * One gate per receiver, which every lane passes before each try. While the receiver fails, one lane tries at a time, and none before the
 * wait is over that the receiver or the backoff asks for.
 */
export interface Gate {
  /** Resolves when a try may be made. How it ends must be reported to the pass. */
  enter(signal: AbortSignal): Promise<Pass>;
  /** Ends the wait: a credential was replaced. */
  reopen(): void;
  /** Whether the receiver fails at the moment. */
  failing(): boolean;
}

/** One try. Exactly one of its methods is called, once. */
export interface Pass {
  succeeded(): void;
  /** `wait` gets the number of failures in a row, and returns for how long no lane tries. Returns that wait. Milliseconds. */
  failed(wait: (failures: number) => number): number;
  /** The try was given up without an answer. */
  left(): void;
}

/** A waiting lane looks again at least this often, so that it notices `reopen` soon. */
const LOOK_AGAIN_MS = 500;

export function createGate(clock: Clock): Gate {
  let failures = 0;
  /** Grows with each failure that counts, and with each success. */
  let epoch = 0;
  let notBeforeMs = 0;
  /** The one try that is under way while the receiver fails. */
  let probe: Pass | null = null;

  function passThrough(): Pass {
    const begun = epoch;
    const end = (): void => {
      if (probe === pass) probe = null;
    };
    const pass: Pass = {
      succeeded() {
        end();
        failures = 0;
        epoch += 1;
      },
      failed(wait) {
        end();
        // Concurrent tries that fail when the receiver begins to fail are one failure, not several in a row.
        if (failures === 0 || begun === epoch) {
          failures += 1;
          epoch += 1;
        }
        const ms = wait(failures);
        notBeforeMs = Math.max(notBeforeMs, clock.monotonic() + ms);
        return ms;
      },
      left: end,
    };
    if (failures > 0) probe = pass;
    return pass;
  }

  return {
    async enter(signal) {
      for (;;) {
        signal.throwIfAborted();
        const now = clock.monotonic();
        if (now >= notBeforeMs && (failures === 0 || probe === null)) return passThrough();
        const wait = now < notBeforeMs ? notBeforeMs - now : LOOK_AGAIN_MS;
        await clock.sleep(Math.min(wait, LOOK_AGAIN_MS), signal);
      }
    },
    failing: () => failures > 0,
    reopen() {
      notBeforeMs = 0;
    },
  };
}
