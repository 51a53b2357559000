import { SpanStatusCode, trace } from '@opentelemetry/api';

import { ForwardError } from './errors.ts';

/** What a span may say: names from the configuration, fixed words and figures. Never what an event says, never a secret. */
type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is under way. */
interface OpenSpan {
  /** Adds what is known only later: how many events, which status. */
  note(attributes: SpanAttributes): void;
}

/**
 * Does the work inside a span; spans begun within it become its children. Costs next to nothing while no SDK is loaded.
 * A failure is noted by its kind alone: its text may quote what a receiver said.
 */
export async function span<T>(
  name: string,
  attributes: SpanAttributes,
  work: (open: OpenSpan) => Promise<T>,
): Promise<T> {
  return trace.getTracer('auditferry').startActiveSpan(name, { attributes }, async (active) => {
    try {
      return await work({ note: (more) => void active.setAttributes(more) });
    } catch (error) {
      active.setAttribute('error.type', error instanceof ForwardError ? error.kind : nameOf(error));
      active.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      active.end();
    }
  });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
