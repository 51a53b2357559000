import { expect, it } from 'vitest';

import { shareOfDuties } from '../../../src/checkpoint/postgres/shares.ts';

const sharesOf = (duties: number, replicas: number, offset: number): number[] =>
  Array.from({ length: replicas }, (_, place) => shareOfDuties(duties, replicas, place, offset));

it.each([
  [1, 3, 0, [1, 0, 0]],
  [4, 3, 1, [1, 2, 1]],
  [1, 3, 2, [0, 0, 1]],
  [5, 4, 1, [1, 2, 1, 1]],
  [200, 4, 0, [50, 50, 50, 50]],
  [7, 4, 2, [2, 1, 2, 2]],
  [1, 1, 2, [1]],
  [1, 2, 2, [1, 0]],
  [0, 3, 1, [0, 0, 0]],
])('%i duties over %i replicas, from place %i on: %j', (duties, replicas, offset, shares) => {
  expect(sharesOf(duties, replicas, offset)).toEqual(shares);
  expect(shares.reduce((sum, one) => sum + one, 0)).toBe(duties);
});

it('a replica that the others have not heard of yet takes what would be fair', () => {
  expect(shareOfDuties(4, 3, -1, 1)).toBe(2);
  expect(shareOfDuties(4, 0, -1, 1)).toBe(4);
});
