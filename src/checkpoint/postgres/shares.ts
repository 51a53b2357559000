/** Kinds of duties that replicas share evenly. */
export const KINDS: readonly string[] = ['source', 'sink', 'upkeep'];

/**
 * How many of `duties` of a kind the replica at `place` takes: as many as every other one, and where that leaves some, one more for those
 * from `offset` on, so that what is left of one kind is not with those that have what is left of another. Together all of them.
 */
export function shareOfDuties(duties: number, replicas: number, place: number, offset: number): number {
  if (place < 0) return Math.ceil(duties / Math.max(replicas, 1)); // the others have not heard of this one
  const isAmongFirst = (place - (offset % replicas) + replicas) % replicas < duties % replicas;
  return Math.floor(duties / replicas) + (isAmongFirst ? 1 : 0);
}
