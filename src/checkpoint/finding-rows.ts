import type { Finding } from '../model/event.ts';
import { count, integer, json, text, textOrNull, type Row } from './columns.ts';
import type { StoredFinding } from './journal.ts';

/** What tells a finding from others of its source and kind. */
export function subjectOf({ subject, eventId, window }: Finding): string {
  return (
    subject ??
    JSON.stringify([eventId ?? '', window?.startNs.toString() ?? '', window?.endNs.toString() ?? ''])
  );
}

/** A row of `findings`. */
export function findingOf(row: Row): StoredFinding {
  const eventId = textOrNull(row, 'event_id');
  return {
    id: integer(row, 'id'),
    source: text(row, 'source'),
    kind: text(row, 'kind'),
    ...(row['start_ns'] === null
      ? {}
      : { window: { startNs: integer(row, 'start_ns'), endNs: integer(row, 'end_ns') } }),
    ...(eventId === null ? {} : { eventId }),
    summary: text(row, 'summary'),
    ...(row['detail'] === null ? {} : { detail: json(row, 'detail') }),
    firstAt: text(row, 'first_at'),
    lastAt: text(row, 'last_at'),
    seen: count(row, 'seen'),
    acknowledgedAt: textOrNull(row, 'acknowledged_at'),
    acknowledgement: textOrNull(row, 'acknowledgement'),
  };
}
