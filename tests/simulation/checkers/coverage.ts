import type { Window } from '../../../src/model/event.ts';
import type { Harvest } from '../../../src/sources/source.ts';
import type { Facts } from '../facts.ts';
import { visibleRows } from '../facts.ts';
import type { VisibleRow } from '../facts.ts';
import type { Product } from '../life.ts';
import type { Checker, Fail } from './checker.ts';

/** Looking at all rows of the Platform is dear: every poll in the beginning, then now and then. */
const EAGER_POLLS = 6;
/** The server's Date has whole seconds and takes its time: the live window may end this long before our reckoning. */
const CLOCK_SLACK_MS = 20_000;

/**
 * Promise 1 at each commit. A window that is said to be read holds what the Platform showed when the poll began; the
 * progress never calls a span finished that no window covers; and a poll that ran to its end has its whole overlap.
 */
export function coverage(facts: Facts, product: Product, fail: Fail): Checker {
  let polls = 0;
  let snapshot: { atMs: number; rows: VisibleRow[] } | null = null;
  let finished: Window[] = [];
  let liveEndNs = 0n;

  function checkRows(window: Window, what: string): void {
    for (const { item, listedNs } of snapshot?.rows ?? []) {
      // What could not be read is a dead letter, its bytes kept: until it is read, that is where it is.
      if (!isIn(listedNs, window) || facts.known.has(item) || facts.setAside.has(item)) continue;
      if (!stillThere(item)) continue;
      fail(
        `${what}, and ${item.slice(0, 60)} of ${listedNs} in it, visible when the poll began, is not in the journal`,
      );
      return;
    }
  }

  /** A row that the Platform purged meanwhile could not be read. */
  function stillThere(item: string): boolean {
    return visibleRows(facts).some((row) => row.item === item);
  }

  function checkProgress(harvest: Harvest): void {
    if (harvest.progress === null) return;
    const { progress } = product.readProgress(harvest.progress);
    if (progress.startNs === null || progress.endNs === null) return;
    liveEndNs = progress.endNs;
    const done = minus({ startNs: progress.startNs, endNs: progress.endNs }, progress.open);
    for (const span of done) {
      const bare = minus(span, finished)[0];
      if (bare !== undefined) {
        fail(`the progress calls ${bare.startNs} to ${bare.endNs} finished, and no window there was read`);
        return;
      }
    }
  }

  return {
    name: 'coverage',
    pollStarted(whole) {
      const before = snapshot;
      const now = facts.platform.now();
      if (whole && before !== null) {
        const startNs = BigInt(before.atMs - facts.scenario.overlapMs + CLOCK_SLACK_MS) * 1_000_000n;
        // A clock that was set back makes the poll end early: what it did not reach is the next one's.
        const endNs = BigInt(before.atMs - CLOCK_SLACK_MS) * 1_000_000n;
        const whole = { startNs, endNs: endNs < liveEndNs ? endNs : liveEndNs - 1_000_000_000n };
        // What fails is still open, and says so; its edges are shared with what was read.
        for (const { startNs: from, endNs: to } of minus(whole, facts.open))
          checkRows({ startNs: from + 1n, endNs: to - 1n }, 'a poll ran to its end with its overlap');
      }
      polls += 1;
      const look = polls <= EAGER_POLLS || polls % facts.scenario.lookEveryPolls === 0;
      snapshot = look ? { atMs: now, rows: visibleRows(facts) } : null;
    },
    appended(harvest) {
      for (const window of harvest.coverage) {
        if (window.status === 'suspect') {
          finished = joined([...finished, window]);
          continue;
        }
        checkRows(window, `a window is ${window.status} (${harvest.purpose})`);
        finished = joined([...finished, window]);
      }
      checkProgress(harvest);
    },
  };
}

function isIn(ns: bigint, window: Window): boolean {
  return ns >= window.startNs && ns <= window.endNs;
}

/** Spans sorted and joined where they touch. */
function joined(spans: readonly Window[]): Window[] {
  const result: Window[] = [];
  for (const span of spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0))) {
    const last = result.at(-1);
    if (last !== undefined && span.startNs <= last.endNs) {
      result[result.length - 1] = {
        startNs: last.startNs,
        endNs: span.endNs > last.endNs ? span.endNs : last.endNs,
      };
    } else result.push({ startNs: span.startNs, endNs: span.endNs });
  }
  return result;
}

/** What is left of a span without the others; edges are shared, so a span of no length is none. */
function minus(span: Window, others: readonly Window[]): Window[] {
  let left = [span];
  for (const other of others) {
    left = left.flatMap(({ startNs, endNs }) => {
      if (other.endNs <= startNs || other.startNs >= endNs) return [{ startNs, endNs }];
      const parts: Window[] = [];
      if (startNs < other.startNs) parts.push({ startNs, endNs: other.startNs });
      if (other.endNs < endNs) parts.push({ startNs: other.endNs, endNs });
      return parts;
    });
  }
  return left;
}
