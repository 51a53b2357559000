import { expect, it } from 'vitest';

import { FAILURES } from './calls.ts';
import type { CallKind } from './calls.ts';
import { report } from './report.ts';
import { countCalls, everyFailure, sweep } from './sweep.ts';

/** So many a day; `npm run test:sweep` takes every one. */
const PER_DAY = 240;
/** What the scenario must come to, or the sweep says nothing about it. */
const COVERED = [
  'events pruned from the journal',
  'orderly restart',
  'poison became a dead letter',
  'dead letter retried and delivered',
];
const DAY_MS = 86_400_000;

it('keeps every promise whichever call that leaves the process fails', async () => {
  const { counts, seen } = await countCalls();
  expect(seen).toEqual(expect.arrayContaining(COVERED));
  report(`calls: ${[...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ')}`);
  expect([...counts.keys()].toSorted()).toEqual(Object.keys(FAILURES).toSorted());
  const all = everyFailure(counts);
  const [kind, nth, how] = (process.env['SWEEP'] ?? '').split(' ', 3);
  if (kind !== undefined && kind !== '')
    return expect(
      await sweep([{ kind: kind as CallKind, nth: Number(nth), how: how?.replaceAll('_', ' ') ?? '' }]),
    ).toEqual([]);
  const step = Number(process.env['SWEEP_EVERY'] ?? Math.ceil(all.length / PER_DAY));
  const first = Math.floor(Date.now() / DAY_MS) % step;
  const chosen = all.filter((_, index) => index % step === first);
  report(`${chosen.length} of ${all.length} failures, every ${step}th from ${first}`);
  expect(
    await sweep(chosen),
    'repeat one with: SWEEP="statement 12 disk_is_full" npm run test:sweep',
  ).toEqual([]);
});
