import type { SinkRendering } from '../admin/options.ts';
import { wallClock } from '../model/clock.ts';
import type { AuditEvent } from '../model/event.ts';
import { createPrepare } from '../pipeline/prepare.ts';
import type { BuiltParts } from './build-parts.ts';

interface RenderingOptions {
  /** What `where` leaves out is rendered all the same. */
  readonly evenFiltered?: boolean;
  /** What the sink would not send for its age or size is told so. */
  readonly withinLimits?: boolean;
}

/** An event as a sink would send it now, without the seal that only a real delivery has. Null where no sink has this name. */
export function renderFor(
  parts: Pick<BuiltParts, 'sinks' | 'canonicalize' | 'originOf'>,
  name: string,
  event: AuditEvent,
  { evenFiltered = false, withinLimits = false }: RenderingOptions = {},
): SinkRendering | null {
  const part = parts.sinks.get(name);
  if (part === undefined) return null;
  const terms = withinLimits ? { limits: part.limits, clock: wallClock } : {};
  const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf, terms);
  const prepared = prepare(event, { evenFiltered });
  if (prepared.kind !== 'item') return prepared;
  const { body, kind } = prepared.item;
  return { kind: 'sent', format: part.format.name, rendered: { text: body, kind } };
}
