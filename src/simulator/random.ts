/** Seeded chance for the simulator: the same seed gives the same draws on every machine and after every restart. */
export interface Random {
  /** A whole number in [0, 2^32). */
  uint32(): number;
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
}

/** Draws that are thrown away so that neighbouring seeds no longer resemble one another. */
const WARM_UP_ROUNDS = 12;

/** A small fast counting generator (the sfc32 scheme of the PractRand suite) over up to three 32-bit seed words. */
export function randomFrom(first: number, second = 0, third = 0): Random {
  let a = first | 0;
  let b = second | 0;
  let c = third | 0;
  let counter = 1;
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) uint32();
  return {
    uint32,
    unit: () => uint32() / 0x1_0000_0000,
    below: (limit) => Math.floor((uint32() / 0x1_0000_0000) * limit),
  };
}

/** The two 32-bit halves of a whole number up to 2^53, as seed words. */
export function words(value: number): [low: number, high: number] {
  return [value >>> 0, Math.floor(value / 0x1_0000_0000) | 0];
}

/** Shuffles part of the list in place: [from, to). */
export function shuffle<T>(list: T[], from: number, to: number, random: Random): void {
  for (let last = to - 1; last > from; last -= 1) {
    const other = from + random.below(last - from + 1);
    const kept = list[last] as T;
    list[last] = list[other] as T;
    list[other] = kept;
  }
}
