import { expect, it } from 'vitest';

import { FAILURES } from './calls.ts';
import type { CallKind, Failing } from './calls.ts';
import { report } from './report.ts';
import { countCalls, everyFailure, sweep } from './sweep.ts';

/** So many a day; `npm run test:sweep` takes every one. */
const PER_DAY = 240;
/** So many in one test, which has to end in its time. */
const PER_TEST = 500;
/** What the scenario must come to, or the sweep says nothing about it. */
const COVERED = [
  'events pruned from the journal',
  'orderly restart',
  'poison became a dead letter',
  'dead letter retried and delivered',
];
const DAY_MS = 86_400_000;

/** Tests half of the failures that are chosen: two files, so that two cores have their share. */
export async function sweepHalf(half: 0 | 1): Promise<void> {
  const { counts, seen } = await countCalls();
  it('the scenario makes every kind of call', () => {
    expect(seen).toEqual(expect.arrayContaining(COVERED));
    expect([...counts.keys()].toSorted()).toEqual(Object.keys(FAILURES).toSorted());
  });
  const chosen = chosenOf(everyFailure(counts));
  report(`calls: ${[...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ')}`);
  const ours = chosen.filter((_, index) => index % 2 === half);
  for (let at = 0; at < ours.length; at += PER_TEST) {
    const these = ours.slice(at, at + PER_TEST);
    it(`keeps every promise whichever call that leaves the process fails: ${these.length} failures from ${at}`, async () => {
      const repeat = 'repeat one with: SWEEP="statement 12 disk_is_full" npm run test:sweep';
      expect(await sweep(these), repeat).toEqual([]);
    });
  }
}

/** The one that is to be repeated, or every so many-th, others each day. */
function chosenOf(all: readonly Failing[]): readonly Failing[] {
  const [kind = '', nth, how] = (process.env['SWEEP'] ?? '').split(' ', 3);
  if (kind !== '')
    return [{ kind: kind as CallKind, nth: Number(nth), how: how?.replaceAll('_', ' ') ?? '' }];
  const step = Number(process.env['SWEEP_EVERY'] ?? Math.ceil(all.length / PER_DAY));
  const first = Math.floor(Date.now() / DAY_MS) % step;
  report(`every ${step}th of ${all.length} failures, from ${first}`);
  return all.filter((_, index) => index % step === first);
}
