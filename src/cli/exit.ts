/** Exit codes: a contract with scripts and orchestrators. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Finished, but with dead letters or with something missing. */
  incomplete: 3,
  /** The reader of standard output left: what a shell says of a program that SIGPIPE ended. Never 0: nobody saw the result. */
  unread: 141,
} as const;
