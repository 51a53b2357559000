/** What a span may say: names from the configuration, fixed words and figures. Never what an event says, never a secret. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is under way. */
export interface OpenSpan {
  /** Adds what is known only later: how many events, which status. */
  note(attributes: SpanAttributes): void;
}

/** Does the work inside a span; spans begun within it become its children. */
export type Trace = <T>(
  name: string,
  attributes: SpanAttributes,
  work: (open: OpenSpan) => Promise<T>,
) => Promise<T>;

let tracing: Trace | null = null;

/** From now on every span goes through `trace`; null: none is made. */
export function traceWith(trace: Trace | null): void {
  tracing = trace;
}

const UNTRACED: OpenSpan = { note: () => {} };

/** Does the work inside a span where somebody asked for traces. Costs nothing, and loads nothing, where nobody did. */
export async function span<T>(
  name: string,
  attributes: SpanAttributes,
  work: (open: OpenSpan) => Promise<T>,
): Promise<T> {
  return tracing === null ? work(UNTRACED) : tracing(name, attributes, work);
}
