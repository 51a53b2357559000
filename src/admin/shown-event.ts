import type { Glimpse } from '../checkpoint/journal.ts';
import { describe } from '../model/errors.ts';
import type { AuditEvent } from '../model/event.ts';
import { formatSize } from '../model/units.ts';
import type { AdminOptions } from './options.ts';

/** An event that says more than this is named, and not rendered: a request must not take the memory or the time of others. Bytes. */
export const RENDERED_LIMIT_BYTES = 256 * 1024;
/** A rendered event longer than this is cut for showing. Characters. */
const SHOWN_LIMIT = 16_384;

/** Null where it is too large to be looked at. */
export function wholeOf(event: Glimpse): AuditEvent | null {
  const { original } = event;
  return original === null ? null : { ...event, original };
}

/** An event that its format cannot render is shown with the reason, and costs the others nothing. */
export function render(options: AdminOptions, event: Glimpse, format: string): object {
  const whole = wholeOf(event);
  if (whole === null)
    return {
      kind: 'text',
      text: `an event of ${formatSize(event.bytes)} is too large to be shown here`,
      cut: true,
    };
  try {
    const { text, kind } = options.view().preview(whole, format);
    return { kind, text: cut(text), cut: text.length > SHOWN_LIMIT };
  } catch (error) {
    return { kind: 'text', text: `cannot be rendered: ${describe(error)}`, cut: false };
  }
}

export function cut(text: string): string {
  return text.slice(0, SHOWN_LIMIT).toWellFormed();
}
