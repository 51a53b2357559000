/** Exit codes: a contract with scripts and orchestrators. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Finished, but with dead letters or with something missing. */
  incomplete: 3,
} as const;
