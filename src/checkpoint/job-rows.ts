import { integer, json, text, word, type Row } from './columns.ts';
import type { Job } from './journal.ts';

/** Finished jobs kept for `status`; older ones go when a new job comes. */
export const FINISHED_JOBS_KEPT = 500;

const STATES: readonly Job['state'][] = ['queued', 'running', 'done', 'failed', 'cancelled'];

/** A row of `jobs`. */
export function jobOf(row: Row): Job {
  return {
    id: integer(row, 'id'),
    kind: text(row, 'kind'),
    params: json(row, 'params'),
    state: word(row, 'state', STATES),
    progress: json(row, 'progress'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  };
}
