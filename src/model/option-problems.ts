import { ForwardError } from './errors.ts';

/** What is wrong with one option of a part although its schema is content. */
export interface OptionProblem {
  /** A key of the part's options, dotted where it is nested: `tls.ca_file`, `urls.0`. Empty for the part as a whole. */
  readonly path: string;
  /** What is wrong and what was expected, the sentence that follows the path. Never quotes a secret. */
  readonly problem: string;
}

/**
 * Reads each option as the part will when it is built, and tells the ones that throw `config`. So what the configuration
 * refuses and what a part cannot be built with are one piece of code, and every fault has its place in the file.
 */
export function problemsOf(
  reads: readonly (readonly [path: string, read: () => unknown])[],
): readonly OptionProblem[] {
  return reads.flatMap(([path, read]) => {
    try {
      read();
      return [];
    } catch (error) {
      if (!(error instanceof ForwardError) || error.kind !== 'config') throw error;
      return [
        { path, problem: error.hint === undefined ? error.message : `${error.message}; ${error.hint}` },
      ];
    }
  });
}
