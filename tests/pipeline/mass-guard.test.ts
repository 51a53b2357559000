import { expect, it } from 'vitest';

import { createMassGuard } from '../../src/pipeline/mass-guard.ts';
import type { Fate } from '../../src/sinks/sink.ts';

const ok: Fate = { outcome: 'delivered' };
const again: Fate = { outcome: 'retry', reason: 'busy' };
const no = (reason = 'bad index'): Fate => ({ outcome: 'rejected', reason });
const times = (count: number, fate: Fate): Fate[] => Array.from({ length: count }, () => fate);

it('lets a lone refusal stand', () => {
  const guard = createMassGuard();
  for (let round = 0; round < 50; round += 1) expect(guard.judge([...times(20, ok), no()])).toBeNull();
  expect(guard.judge([no()])).toBeNull();
});

it('lets five in a row stand, not the sixth, also over batches of one', () => {
  const guard = createMassGuard();
  for (let round = 0; round < 5; round += 1)
    expect(guard.judge([no(`bad index, event ${round}`)])).toBeNull();
  expect(guard.judge([no('bad index, event 6')])).toBe('bad index, event 6');
  expect(guard.judge([no('bad index, event 6')])).not.toBeNull(); // and stays so until something is taken
  guard.judge([ok]);
  expect(guard.judge([no()])).toBeNull();
});

it('does not take retries for acceptance', () => {
  const guard = createMassGuard();
  guard.judge([...times(5, no()), ...times(20, again)]);
  expect(guard.judge([no()])).not.toBeNull();
});

it('holds when more than half of a batch is refused for one reason, and not at half', () => {
  const alternating = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? no() : ok));
  expect(createMassGuard().judge(alternating)).toBeNull();
  const most = Array.from({ length: 20 }, (_, index) => (index % 3 === 0 ? ok : no()));
  expect(createMassGuard().judge(most)).toContain('bad index');
  const quoting = Array.from({ length: 10 }, (_, index) => (index % 3 === 0 ? ok : no('no field "user"')));
  expect(createMassGuard().judge(quoting)).toBe('no field "user"'); // the receiver's own words
  expect(createMassGuard().judge([ok, no(), no(), no()])).toBeNull(); // too small to tell
});

it('counts reasons that differ in figures, ids and quoted parts as one, and others apart', () => {
  const same = Array.from({ length: 6 }, (_, n) =>
    no(`field [a${n}] of "x${n}" at ${n} in 0b8f6c52-3e1d-4a77-8f0e-00000000000${n}`),
  );
  expect(createMassGuard().judge(same)).not.toBeNull();
  const words = ['date', 'size', 'type', 'name', 'user', 'team', 'path', 'role'];
  expect(createMassGuard().judge(words.map((word) => no(`no ${word}`)))).toBeNull();
});

it('reads a reason of any length once', () => {
  const begun = performance.now();
  createMassGuard().judge([no('['.repeat(1_000_000)), no('"'.repeat(1_000_001))]);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
