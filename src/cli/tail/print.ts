import { plainFormat } from '../../formats/registry.ts';
import { onWhat } from '../../formats/title.ts';
import type { BuiltParts } from '../build-parts.ts';
import type { Paint } from '../colour.ts';
import { actorNames, eventLine, shortTime } from '../event-line.ts';
import { escaped, jsonText, shown } from '../report.ts';
import type { Terminal } from '../terminal.ts';
import type { Found } from './reader.ts';

/** The name of what is no format: a line for a person. */
export const LINE = 'line';

interface PrintOptions {
  readonly sink?: string;
  readonly format: string;
  readonly json?: true;
}

/** Makes the line of an event. A format that is the followed sink's own has the options of that sink. */
export function createPrint(
  parts: BuiltParts,
  { sink, format: name, json }: PrintOptions,
  paint: Paint,
  { out, clock }: Terminal,
): (found: Found) => string {
  if (json === true) return (found) => jsonText(documentOf(found, sink ?? null));
  if (name === LINE) {
    const screen = out.isTTY === true ? { width: out.columns, time: shortTime } : null;
    return ({ canonical, refused }) =>
      eventLine(canonical, paint, {
        ...(screen === null ? {} : { width: screen.width, time: screen.time(clock.now()) }),
        also: refused === null ? [] : [`refused: ${shown(refused, 200)}`],
      });
  }
  const own = sink === undefined ? undefined : parts.sinks.get(sink)?.format;
  const format = own?.name === name ? own : plainFormat(name);
  return ({ event, canonical }) => escaped(format.render(canonical, parts.originOf(event.source)));
}

/** What a line says, for programs. */
function documentOf({ event, canonical, refused }: Found, sink: string | null): object {
  return {
    seq: event.seq,
    source: event.source,
    id: event.id,
    created_at: event.createdAt,
    received_at: event.receivedAt,
    event_type: canonical.classification.eventType,
    user: actorNames(canonical)[0] ?? null,
    target: onWhat(canonical) ?? null,
    outcome: canonical.outcome,
    severity: canonical.severity,
    address: canonical.address ?? null,
    ...(sink === null ? {} : { sink, refused }),
  };
}
