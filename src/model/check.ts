/** What `auditferry check` prints: one line per item, with the finding and, where it is not good, the mend. */
export interface CheckItem {
  /** What was looked at: "reachable", "token", "index". */
  readonly name: string;
  readonly outcome: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly mend?: string;
}

export interface CheckReport {
  readonly items: readonly CheckItem[];
}
