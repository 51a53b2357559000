import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { unansweredText } from '../../src/formats/heartbeat.ts';
import {
  again,
  chained,
  extend,
  isLate,
  openSegment,
  runsText,
  together,
} from '../../src/pipeline/segment.ts';
import type { Landed, Segment } from '../../src/pipeline/segment.ts';

const taken = (...seqs: readonly number[]): Landed['taken'] =>
  seqs.map((seq) => ({ seq, digest: `d${seq}` }));

function landed(upTo: number, seqs: readonly number[], more: Partial<Landed> = {}): Landed {
  const what = { filtered: 0, deadLetters: 0, unanswered: [], pruned: [], ordered: true };
  return { upTo, taken: taken(...seqs), ...what, ...more };
}

const digestOf = (seqs: readonly number[]): string =>
  seqs.reduce((digest, seq) => chained(digest, `d${seq}`), '');

describe('a segment', () => {
  it('holds what was taken, counts what was not, and ends where the cursor is', () => {
    const first = extend(openSegment(0), landed(5, [1, 2, 4], { filtered: 1, deadLetters: 1 }));
    const { open } = extend(first.open, landed(8, [6, 7, 8]));
    expect(first.full).toEqual([]);
    expect(open).toMatchObject({
      firstSeq: 1,
      lastSeq: 8,
      events: 6,
      filtered: 1,
      deadLetters: 1,
      ordered: true,
    });
    expect(runsText(open.runs)).toBe('1-2,4,6-8');
    expect(open.digest).toBe(digestOf([1, 2, 4, 6, 7, 8]));
  });

  it('takes a dead letter that was sent at last, and leaves the cursor where it is', () => {
    const { open } = extend(extend(openSegment(0), landed(4, [1, 3, 4])).open, again(taken(2), []));
    expect(runsText(open.runs)).toBe('1,3-4,2');
    expect(open).toMatchObject({ lastSeq: 4, events: 4, ordered: false, digest: digestOf([1, 3, 4, 2]) });
  });

  it('ends early where it has too many holes, and loses nothing by it', () => {
    const property = fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 3000 }), { maxLength: 1200 }),
      (drawn) => {
        const seqs = drawn.toSorted((a, b) => a - b);
        const { full, open } = extend(openSegment(0), landed(3000, seqs));
        const all: Segment[] = [...full, open];
        expect(
          all.flatMap(({ runs }) =>
            runs.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)),
          ),
        ).toEqual(seqs);
        expect(all.reduce((sum, { events }) => sum + events, 0)).toBe(seqs.length);
        for (const [index, { runs, firstSeq, lastSeq }] of all.entries()) {
          expect(runs.length).toBeLessThanOrEqual(200);
          expect(firstSeq).toBe((all[index - 1]?.lastSeq ?? 0) + 1);
          expect(runsText(runs).length).toBeLessThan(4000);
          expect(lastSeq).toBeGreaterThanOrEqual(runs.at(-1)?.[1] ?? firstSeq - 1);
        }
        expect(open.lastSeq).toBe(3000);
      },
    );
    fc.assert(property, { numRuns: 50 });
  });

  it('names what may be there, ends early where that is much, and stays small', () => {
    const sent = Array.from({ length: 250 }, (_, index) => ({ seq: index + 1, digest: 'd'.repeat(43) }));
    const { full, open } = extend(openSegment(0), landed(250, [], { deadLetters: 250, unanswered: sent }));
    const all = [...full, open];
    expect(all.flatMap(({ unanswered }) => unanswered)).toEqual(sent);
    expect(all.map(({ unanswered }) => unanswered.length)).toEqual([100, 100, 50]);
    expect(full[0]?.unanswered.map(unansweredText).join().length).toBeLessThan(4000);
    expect(open).toMatchObject({ lastSeq: 250, deadLetters: 250, events: 0 });
  });

  it('is late with what an earlier one covers', () => {
    expect(isLate(extend(openSegment(4), landed(6, [5, 6])).open)).toBe(false);
    expect(isLate(extend(openSegment(4), again(taken(4), [])).open)).toBe(true);
    expect(isLate(extend(openSegment(4), again([], taken(4))).open)).toBe(true);
  });

  it('tells of several batches as of one', () => {
    const gap = [3, 4] as const;
    const both = together([
      landed(2, [1, 2], { filtered: 1 }),
      landed(6, [5, 6], { pruned: [gap], ordered: false }),
    ]);
    expect(both).toEqual(landed(6, [1, 2, 5, 6], { filtered: 1, pruned: [gap], ordered: false }));
    expect(extend(openSegment(0), both).open.pruned).toEqual([gap]);
  });
});
