const SEEDS_PER_HALF = 250;
/** Fifty a day: every seed has its turn within five days. `npm run test:simulation:all` runs all of them. */
const SEEDS_PER_DAY = 50;
const DAY_MS = 86_400_000;

export interface SeedRange {
  readonly first: number;
  readonly count: number;
}

/** Which of a half's seeds run now; two halves, so that two cores have their share. A range of one's own (`SEEDS`, `FIRST_SEED`) is the first half's alone. */
export function seedRange(half: 0 | 1, env: NodeJS.ProcessEnv, nowMs: number): SeedRange {
  if (env['SEEDS'] !== undefined || env['FIRST_SEED'] !== undefined) {
    return { first: Number(env['FIRST_SEED'] ?? '1'), count: half === 0 ? Number(env['SEEDS'] ?? '250') : 0 };
  }
  const start = 1 + half * SEEDS_PER_HALF;
  if (env['ALL_SEEDS'] !== undefined) return { first: start, count: SEEDS_PER_HALF };
  const turn = Math.floor(nowMs / DAY_MS) % (SEEDS_PER_HALF / SEEDS_PER_DAY);
  return { first: start + turn * SEEDS_PER_DAY, count: SEEDS_PER_DAY };
}
