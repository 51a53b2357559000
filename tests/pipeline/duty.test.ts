import { beforeEach, describe, expect, it } from 'vitest';

import type { Journal, Lease } from '../../src/checkpoint/journal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { onDuty } from '../../src/pipeline/duty.ts';
import type { OnDuty } from '../../src/pipeline/duty.ts';
import { loopStatus } from '../../src/pipeline/status.ts';
import type { LoopStatus } from '../../src/pipeline/status.ts';
import { manualClock } from '../contract/journal.ts';
import type { ManualClock } from '../contract/journal.ts';
import { listLog } from './pieces.ts';

const LOST = new ForwardError('lease_lost', 'another replica holds it');

/** A lease that a test takes away. */
interface Granted extends Lease {
  readonly take: AbortController;
  readonly want: AbortController;
  released: number;
  /** As it was said when it was let go of. */
  leaving: boolean;
}

let clock: ManualClock;
let status: LoopStatus;
let granted: Granted[];
let held: Journal[];
let told: number;
/** Asked for each claim: how many times it is told to wait first. */
let busy: number;
let ending: AbortController;
let stopping: AbortController;

const journal = {
  claim: async (duty: Lease['duty'], signal: AbortSignal, waiting?: (holder: string | null) => void) => {
    for (; busy > 0; busy -= 1) {
      waiting?.('replica-2');
      await clock.sleep(1000, signal);
    }
    const [take, want] = [new AbortController(), new AbortController()];
    const lease: Granted = {
      duty,
      epoch: BigInt(granted.length + 1),
      lost: take.signal,
      wanted: want.signal,
      take,
      want,
      released: 0,
      leaving: false,
      release: async (leaving = false) => {
        lease.released += 1;
        lease.leaving = leaving;
      },
    };
    granted.push(lease);
    return lease;
  },
  tellNews: async () => void (told += 1),
  under: (lease: Lease) => {
    const leased = { epoch: lease.epoch } as unknown as Journal;
    held.push(leased);
    return leased;
  },
} as unknown as Journal;

beforeEach(() => {
  clock = manualClock();
  status = loopStatus(clock.now());
  [granted, held, busy, told] = [[], [], 0, 0];
  [ending, stopping] = [new AbortController(), new AbortController()];
});

function run(loop: (its: OnDuty) => Promise<void>, patienceMs: number | null = null): Promise<void> {
  const context = { journal, clock, log: listLog([]), status, patienceMs, ending: ending.signal };
  return onDuty(context, 'sink:splunk', stopping.signal, loop);
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe('a duty', () => {
  it('is done under its lease, which is let go of at the end', async () => {
    await run(async (its) => void expect(its.journal).toBe(held[0]));
    expect(granted).toMatchObject([{ duty: 'sink:splunk', released: 1 }]);
  });

  it.each([
    ['a write finds it out', async () => Promise.reject(LOST)],
    [
      'it runs out',
      async ({ signal }: OnDuty) => {
        granted[0]?.take.abort(LOST);
        expect(signal.aborted).toBe(true);
      },
    ],
  ])('is claimed again when %s', async (_, first) => {
    let rounds = 0;
    await run(async (its) => {
      rounds += 1;
      if (rounds === 1) return first(its);
    });
    expect(granted.map(({ epoch, released }) => [epoch, released])).toEqual([
      [1n, 1],
      [2n, 1],
    ]);
  });

  it('is handed over in good order, and at once when that takes too long', async () => {
    let rounds = 0;
    const done = run(async ({ wanted, signal }) => {
      rounds += 1;
      if (rounds === 1) {
        granted[0]?.want.abort(LOST);
        expect([wanted.aborted, signal.aborted]).toEqual([true, false]);
      }
      if (rounds === 2) {
        granted[1]?.want.abort(LOST);
        await untilAborted(signal);
      }
    });
    await turns();
    expect(rounds).toBe(2);
    clock.advance(5_000);
    await done;
    expect([rounds, told]).toEqual([3, 2]);
    expect(clock.sleeping()).toBe(0);
  });

  it.each([true, false])('says whether it leaves for good as it lets go: %s', async (leaves) => {
    let rounds = 0;
    await run(async () => {
      rounds += 1;
      if (rounds > 1) return;
      granted[0]?.want.abort(LOST);
      if (leaves) ending.abort(new Error('stopped'));
    });
    expect(granted[0]?.leaving).toBe(leaves);
  });

  it('is waited for while another replica does it, which is a state of its own', async () => {
    busy = 2;
    const done = run(async () => {});
    await turns();
    expect(status).toMatchObject({ state: 'standby', reason: 'replica-2 does this', progressedMs: 0 });
    clock.advance(1000);
    await turns();
    expect(status.progressedMs).toBe(1000);
    clock.advance(1000);
    await done;
    expect(granted).toHaveLength(1);
  });

  it('is not waited for once the end has come', async () => {
    busy = 99;
    const done = run(async () => {});
    await turns();
    ending.abort(new Error('stopped'));
    await done;
    expect(granted).toEqual([]);
    expect(status.state).toBe('stopped');
  });

  it('is waited for only as long as a single run has patience', async () => {
    busy = 99;
    const done = run(async () => {}, 1500);
    const failed = expect(done).rejects.toMatchObject({ kind: 'transient', message: /replica-2 does this/ });
    for (let second = 0; second < 3; second += 1) {
      await turns();
      clock.advance(1000);
    }
    await failed;
  });

  it('that fails is the caller’s to react to', async () => {
    await expect(run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(granted).toMatchObject([{ released: 1 }]);
  });
});
