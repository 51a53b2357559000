import { expect, it } from 'vitest';

import { roomForAnswer, roomForIds } from '../../src/model/memory.ts';

const MIB = 2 ** 20;

it.each([
  ['a container of 512 MiB', 1, { heapBytes: 4096 * MIB, processBytes: 512 * MIB }, 96],
  ['a small heap', 1, { heapBytes: 264 * MIB, processBytes: 8192 * MIB }, 50],
  ['several lanes', 4, { heapBytes: 4096 * MIB, processBytes: 1152 * MIB }, 64],
  ['less than there is beside', 1, { heapBytes: 50 * MIB, processBytes: 64 * MIB }, 1],
])('%s has room for an answer of so many lanes: %d', (_name, lanes, limits, mib) => {
  expect(roomForAnswer(lanes, limits)).toBe(mib * MIB);
});

it.each([
  ['a large machine', { heapBytes: 4096 * MIB, processBytes: 8192 * MIB }, 1_000_000],
  ['a container of 256 MiB', { heapBytes: 4096 * MIB, processBytes: 256 * MIB }, 167_772],
  ['less than there is beside', { heapBytes: 50 * MIB, processBytes: 64 * MIB }, 1_000],
])('%s has room for so many ids', (_name, limits, ids) => {
  expect(roomForIds(limits)).toBe(ids);
});

it('this process has some', () => {
  expect(roomForAnswer(1)).toBeGreaterThan(MIB);
  expect(Number.isFinite(roomForAnswer(1))).toBe(true);
});
