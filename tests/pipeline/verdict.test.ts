import { describe, expect, it } from 'vitest';

import { findingClause, prunedSpan } from '../../src/pipeline/open-findings.ts';
import { NO_SHORTFALL, verdictOf } from '../../src/pipeline/verdict.ts';
import type { Evidence, Shortfall, SinkStanding } from '../../src/pipeline/verdict.ts';

const sink = (name: string, figures: Partial<SinkStanding> = {}): SinkStanding => ({
  ...NO_SHORTFALL,
  name,
  waitsFor: null,
  unasked: null,
  ...figures,
});
const evidence = (its: Partial<Evidence>): Evidence => ({
  lacks: [],
  sinks: [sink('a'), sink('b')],
  complete: 'all agree',
  journal: 'The journal has everything.',
  ...its,
});

describe('the verdict', () => {
  it('is complete only when nothing is lacking anywhere', () => {
    expect(verdictOf(evidence({}))).toEqual({
      verdict: 'complete',
      summary: 'complete: all agree.',
      reasons: [],
    });
  });

  it.each([
    ['waiting', '1 event waiting'],
    ['deadLetters', '1 dead letter'],
    ['prunedBeforeDelivery', '1 event pruned before delivery'],
    ['tooOld', '1 event too old for the receiver'],
    ['unconfirmed', '1 event unconfirmed'],
  ] as const satisfies readonly (readonly [keyof Shortfall, string])[])(
    'is undelivered for one %s',
    (figure, words) => {
      expect(verdictOf(evidence({ sinks: [sink('a'), sink('b', { [figure]: 1 })] }))).toEqual({
        verdict: 'undelivered',
        summary: `undelivered: sink b: ${words}. The journal has everything.`,
        reasons: [`sink b: ${words}`],
      });
    },
  );

  it('is undelivered when a receiver could not be asked', () => {
    const { verdict, summary } = verdictOf(evidence({ sinks: [sink('a', { unasked: 'no route' })] }));
    expect([verdict, summary]).toEqual([
      'undelivered',
      'undelivered: sink a: the receiver could not be asked about all of it: no route. The journal has everything.',
    ]);
  });

  it('is incomplete when a receiver lost what it had, or the journal lacks something, and says the rest too', () => {
    const sinks = [sink('a', { missing: 2, waiting: 3 })];
    expect(verdictOf(evidence({ sinks }))).toMatchObject({
      verdict: 'incomplete',
      summary: 'incomplete: sink a: missing at the receiver: 2 events; sink a: 3 events waiting.',
    });
    expect(verdictOf(evidence({ lacks: ['a gap'] }))).toMatchObject({
      verdict: 'incomplete',
      summary: 'incomplete: a gap.',
    });
  });

  it('tells a few reasons in its sentence and keeps all of them', () => {
    const lacks = Array.from({ length: 30 }, (_, at) => `reason ${at}`);
    const { summary, reasons } = verdictOf(evidence({ lacks }));
    expect(summary).toMatch(/^incomplete: reason 0; .*; reason 4; and 25 more reasons\.$/);
    expect(reasons).toHaveLength(30);
  });

  it('says how many of those that wait are held', () => {
    const held = (count: number): string =>
      verdictOf(
        evidence({ sinks: [sink('a', { waiting: 1200, held: count, waitsFor: '403' })] }),
      ).reasons.join();
    expect(held(1200)).toBe('sink a: 1,200 events waiting, held (403)');
    expect(held(7)).toBe('sink a: 1,200 events waiting, 7 of them held (403)');
  });
});

describe('open findings', () => {
  it('are one clause with the kinds', () => {
    const counts = [
      { kind: 'gap', count: 1 },
      { kind: 'altered_event', count: 12_000 },
      { kind: 'gap', count: 2 },
    ];
    expect(findingClause(counts)).toEqual([
      '12,003 findings that nobody has acknowledged (3 gap, 12,000 altered_event)',
    ]);
    expect(findingClause([])).toEqual([]);
  });

  it.each([
    [
      { from_seq: 3, to_seq: 9, events: 5 },
      { fromSeq: 3n, toSeq: 9n, events: 5 },
    ],
    [
      { from_seq: '3', to_seq: '9' },
      { fromSeq: 3n, toSeq: 9n, events: 7 },
    ],
    [{ from_seq: 9, to_seq: 3 }, null],
    [{ from_seq: -1, to_seq: 1.5 }, null],
    [null, null],
  ])('say which span of the journal a sink never had: %j', (detail, span) => {
    expect(prunedSpan({ kind: 'pruned_before_delivery', summary: '', detail })).toEqual(span);
  });
});
