/** What `auditferry check` prints: one line per item, with the finding and, where it is not good, the hint. */
export interface CheckItem {
  /** What was looked at: "reachable", "token", "index". */
  readonly name: string;
  readonly outcome: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly hint?: string;
}

/** The hint of what only a test event can prove: no advice to whoever is sending one. */
export const BY_SENDING = 'run check with --send to send one marked test event';

export interface CheckReport {
  readonly items: readonly CheckItem[];
}
