import fc from 'fast-check';

/**
 * Properties are tried with the same examples every time, so that a run says something about the change and not about luck. .ci/run sets
 * another seed each day, and prints it: AUDITFERRY_FUZZ_SEED=20260102 AUDITFERRY_FUZZ_RUNS=3 npm run test:fuzz repeats that day's.
 */
const USUAL_SEED = 20_260_102;

/** How many times the usual number of examples. */
export const FUZZ_RUNS = Number(process.env['AUDITFERRY_FUZZ_RUNS'] ?? 1);

export const FUZZ_TIMEOUT_MS = 60_000 * FUZZ_RUNS;

fc.configureGlobal({ seed: Number(process.env['AUDITFERRY_FUZZ_SEED'] ?? USUAL_SEED) });
