import type { Origin, OriginConstants, Product } from '../formats/format.ts';
import type { SourceOrigin } from '../sources/source.ts';

/** Where an event of a source comes from. */
export type OriginOf = (source: string) => Origin;

/**
 * Combines what a source knows of its installation with the labels and constants of the configuration. It returns the same object until the
 * source knows something new, because formats cache what they make of an origin.
 */
export function createOriginOf(
  sources: ReadonlyMap<string, { readonly source: { origin(): SourceOrigin } }>,
  constants: OriginConstants,
): OriginOf {
  const made = new Map<string, { readonly known: SourceOrigin | null; readonly origin: Origin }>();
  return (source) => {
    // A source that has left the configuration may still have events in the journal.
    const known = sources.get(source)?.source.origin() ?? null;
    const last = made.get(source);
    if (last !== undefined && last.known === known) return last.origin;
    const origin = wellFormed({
      ...(known ?? { product: productOf(sources), instance: source, apiVersion: 'v2' }),
      ...constants,
    });
    made.set(source, { known, origin });
    return origin;
  };
}

/** The product of a source that left the configuration: that of the others. */
function productOf(sources: ReadonlyMap<string, { readonly source: { origin(): SourceOrigin } }>): Product {
  const [first] = sources.values();
  if (first === undefined) throw new Error('an event without any source');
  return first.source.origin().product;
}

/** The Platform's version and the operator's labels may hold any text: half a surrogate pair would spoil every event. */
function wellFormed(origin: Origin): Origin {
  const { platformVersion, tenantId } = origin;
  const labels = Object.entries(origin.labels).map(([name, value]) => [name, value.toWellFormed()] as const);
  return {
    ...origin,
    ...(platformVersion !== undefined && { platformVersion: platformVersion.toWellFormed() }),
    ...(tenantId !== undefined && { tenantId: tenantId.toWellFormed() }),
    labels: Object.fromEntries(labels),
  };
}
