import type { Fate } from '../sinks/sink.ts';

/** More refusals in a row than this for one reason, with nothing accepted between them, have a common cause. */
const ROW_LIMIT = 5;
/** In a smaller batch, the share of refusals says nothing. */
const SHARE_BATCH_MIN = 10;

/**
 * Tells single events that a receiver refuses from a receiver that refuses everything for one reason. That is a fault of the
 * configuration: the sink holds, and nothing becomes a dead letter.
 */
export interface MassGuard {
  /** The reason, when these fates look like a fault of the configuration; null when the refusals may stand. */
  judge(fates: readonly Fate[]): string | null;
}

export function createMassGuard(): MassGuard {
  let reason: string | null = null;
  let row = 0;
  return {
    judge(fates) {
      const kinds = new Map<string, { readonly first: string; count: number }>();
      for (const fate of fates) {
        if (fate.outcome === 'delivered' || fate.outcome === 'duplicate') row = 0;
        if (fate.outcome !== 'rejected') continue;
        const kind = kindOf(fate.reason);
        const alike = kinds.get(kind) ?? { first: fate.reason, count: 0 };
        alike.count += 1;
        kinds.set(kind, alike);
        row = kind === reason ? row + 1 : 1;
        reason = kind;
        if (row > ROW_LIMIT) return fate.reason;
      }
      if (fates.length < SHARE_BATCH_MIN) return null;
      for (const { first, count } of kinds.values()) if (count * 2 > fates.length) return first;
      return null;
    },
  };
}

/** The reason without digits and quoted parts, which may be positions, ids and sizes: equal for equal faults. */
function kindOf(reason: string): string {
  return reason.replace(/"[^"]*"|'[^']*'|\[[^[\]]*\]/g, '…').replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/gi, '#');
}
