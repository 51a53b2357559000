import type { CanonicalEvent, Canonicalize } from '../formats/format.ts';
import { sizeOf } from '../model/event.ts';

/** Originals, in UTF-16 units, whose readings are kept: a batch of every sink. Their trees take some seven times as much. */
const KEPT_UNITS = 1024 * 1024;

/** Reads an event once for all sinks, as long as they are not far apart: the one that lags reads anew. */
export function createReadOnce(canonicalize: Canonicalize): Canonicalize {
  const kept = new Map<bigint, { readonly canonical: CanonicalEvent; readonly units: number }>();
  let units = 0;
  return (event) => {
    const known = kept.get(event.seq);
    if (known !== undefined) return known.canonical;
    const canonical = canonicalize(event);
    const its = sizeOf(event);
    kept.set(event.seq, { canonical, units: its });
    units += its;
    for (const [seq, oldest] of kept) {
      if (units <= KEPT_UNITS) break;
      kept.delete(seq);
      units -= oldest.units;
    }
    return canonical;
  };
}
