import { describe, ForwardError } from './errors.ts';

/** What `auditferry check` prints: one line per item, with the finding and, where it is not good, the hint. */
export interface CheckItem {
  /** What was looked at: "reachable", "token", "index". */
  readonly name: string;
  readonly outcome: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly hint?: string;
}

/** The hint where only a test event gives proof. It is left out when one is being sent. */
export const BY_SENDING = 'run check with --send to send one marked test event';

/** What went wrong while something was looked at, with the hint of the error where it has one. */
export function failedItem(name: string, error: unknown, outcome: 'warn' | 'fail' = 'fail'): CheckItem {
  const hint = error instanceof ForwardError ? error.hint : undefined;
  return { name, outcome, finding: describe(error), ...(hint === undefined ? {} : { hint }) };
}

export interface CheckReport {
  readonly items: readonly CheckItem[];
}
