import type { Coverage, Window } from '../../model/event.ts';
import type { HeldEvents } from '../source.ts';
import { mayAskForLess, quick } from './client.ts';
import type { Client } from './client.ts';
import type { Progress } from './progress.ts';
import { compareLength } from './totals.ts';
import type { Totals } from './totals.ts';

/** What a poll has to read of its live window: null where it lists just what the journal holds. */
export interface Fresh {
  readonly window: Window | null;
  /** What needs no reading: its list is as long as it should be. */
  readonly coverage: readonly Coverage[];
}

/** Counts before anything is read, so that a poll does not fetch again and again what lies in the overlap. */
export interface Overlap {
  /** `progress`: before the live window was added. `held`: by the times that the Platform lists by. */
  look(live: Window, progress: Progress, held: HeldEvents, signal: AbortSignal): Promise<Fresh>;
}

export function createOverlap(client: Client, totals: Totals): Overlap {
  /** False once the Platform gave no total: then the overlap is read, as nothing but its list tells what is in it. */
  let counts = true;

  /** Null where the list is longer or shorter than what we hold, or nobody can tell. */
  async function agreeing(window: Window, held: HeldEvents, signal: AbortSignal): Promise<Coverage | null> {
    const ours = await held.count(window);
    try {
      const { is, counted } = await compareLength(quick(client), window, ours, totals, signal);
      if (is !== 'unknown' && counted === null) counts = false;
      return is === 'exactly' && counted === ours
        ? { ...window, status: 'verified', serverCount: ours }
        : null;
    } catch (error) {
      if (!mayAskForLess(error)) throw error;
      return null; // reading asks for less, and says what fails
    }
  }

  return {
    async look(live, { endNs: readToNs, open }, held, signal) {
      const beside = open.every(({ startNs, endNs }) => endNs < live.startNs || startNs > live.endNs);
      if (readToNs === null || !beside || !counts || !totals.credible())
        return { window: live, coverage: [] };
      const whole = await agreeing(live, held, signal);
      if (whole !== null) return { window: null, coverage: [whole] };
      // Most often only what came since differs.
      const isWithin = readToNs > live.startNs && readToNs < live.endNs;
      const before = isWithin && counts ? await agreeing({ ...live, endNs: readToNs }, held, signal) : null;
      return before === null
        ? { window: live, coverage: [] }
        : { window: { ...live, startNs: readToNs }, coverage: [before] };
    },
  };
}
