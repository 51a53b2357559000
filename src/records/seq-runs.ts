/** Seqs as runs without holes, counted all and kept up to a limit. */
export interface SeqRuns {
  readonly total: number;
  /** Ascending, as they were added. */
  readonly runs: readonly (readonly [first: number, last: number])[];
}

const KEPT_RUNS = 1000;

export interface GrowingRuns extends SeqRuns {
  add(seq: number): void;
  addRun(first: number, last: number): void;
}

export function seqRuns(): GrowingRuns {
  const runs: [number, number][] = [];
  let total = 0;
  const addRun = (first: number, last: number): void => {
    total += last - first + 1;
    const end = runs.at(-1);
    if (end !== undefined && (first === end[1] || first === end[1] + 1)) end[1] = last;
    else if (runs.length < KEPT_RUNS) runs.push([first, last]);
  };
  return {
    runs,
    get total() {
      return total;
    },
    add: (seq) => addRun(seq, seq),
    addRun,
  };
}

const RUNS_LIMIT = 100_000;

/** The runs that a heartbeat states; null where the text is none of ours. */
export function parseRuns(text: string): readonly (readonly [number, number])[] | null {
  if (text === '') return [];
  const parts = text.split(',', RUNS_LIMIT + 1);
  const runs = parts.map((part): readonly [number, number] | null => {
    const [, first, last = first] = /^(\d{1,16})(?:-(\d{1,16}))?$/.exec(part) ?? [];
    const run = [Number(first), Number(last)] as const;
    return run.every((seq) => Number.isSafeInteger(seq)) && run[0] <= run[1] ? run : null;
  });
  return parts.length > RUNS_LIMIT || runs.includes(null) ? null : (runs as (readonly [number, number])[]);
}
