import type { Clock } from '../model/clock.ts';
import { describe, UnexpectedError } from '../model/errors.ts';
import type { ErrorKind, ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { formatDuration } from '../model/units.ts';

const REMIND_AFTER_MS = 300_000;

/** Logs a failure once, then every five minutes at most while it lasts, and one line when it is over. */
export interface FaultLog {
  failed(error: ForwardError, nextTryMs: number): void;
  recovered(): void;
  /** Milliseconds since the first failure in a row; 0 when there is none. */
  failingForMs(): number;
}

export function createFaultLog(log: Log, clock: Clock, whatNext: (kind: ErrorKind) => string): FaultLog {
  let text = '';
  let firstMs: number | null = null;
  let saidMs = 0;
  let failures = 0;
  return {
    failed(error, nextTryMs) {
      const now = clock.monotonic();
      firstMs ??= now;
      failures += 1;
      const said = describe(error);
      if (said === text && now - saidMs < REMIND_AFTER_MS) return;
      const fields = {
        kind: error.kind,
        error: said,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...(error instanceof UnexpectedError ? { stack: stackOf(error.cause) } : {}),
        ...(said === text ? { failures, for: formatDuration(Math.round(now - firstMs)) } : {}),
        next: `${whatNext(error.kind)} in ${formatDuration(Math.max(Math.round(nextTryMs / 1000), 1) * 1000)}`,
      };
      log.warn(fields, said === text ? 'still failing' : error.kind === 'denied' ? 'held' : 'failing');
      text = said;
      saidMs = now;
    },
    recovered() {
      if (firstMs === null) return;
      log.info({ failures, after: formatDuration(Math.round(clock.monotonic() - firstMs)) }, 'works again');
      text = '';
      firstMs = null;
      failures = 0;
    },
    failingForMs: () => (firstMs === null ? 0 : clock.monotonic() - firstMs),
  };
}

/** Where an unexpected error came from: a report without it helps nobody. */
function stackOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.stack : undefined;
}
