/**
 * Rare states that the seeds taken together must reach: a simulation that never gets there proves nothing about them.
 * Each is named at the place that sees it happen.
 */
export const STATES = [
  'crash between store and cursor',
  'crash while a batch is on its way',
  'crash before a journal write',
  'crash after a journal write, before its answer',
  'crash in the middle of a journal write',
  'connection broken',
  'resume with open windows',
  'orderly restart',
  'window split',
  'instant paged through',
  'request lost',
  'lost response, then sent again',
  'partial answer',
  'receiver asks for a pause',
  'second lane lands first',
  'sink held',
  'sink hold ended by a new secret',
  'source held',
  'source hold ended by a new secret',
  'mass guard tripped',
  'poison became a dead letter',
  'unrenderable event became a dead letter',
  'dead letter retried and delivered',
  'dead letter retried and refused again',
  'backpressure',
  'disk full at append',
  'disk full at the cursor',
  'late row by overlap',
  'late row by reconcile',
  'suspect window',
  'answer with a wrong Date',
  'counts not credible: a finding',
  'malformed item set aside',
  'event with another event’s id',
  'event that states no id',
  'window found unreadable',
  'what was unreadable is read',
  'stray row kept',
  'another time zone found',
  'source held by what it cannot read',
  'row purged on the Platform',
  'fewer on the server: a finding',
  'events pruned from the journal',
  'clock set back',
  'clock set forward',
  'overlap learned',
  'event left out by a sink',
  'event left out by the source',
  'unforeseen error held',
  'gap passed with a finding',
] as const;

export type State = (typeof STATES)[number];

export interface States {
  seen(state: State): void;
  /** How often each was seen. */
  counts(): ReadonlyMap<State, number>;
}

export function createStates(): States {
  const counts = new Map<State, number>(STATES.map((state) => [state, 0]));
  return {
    seen: (state) => void counts.set(state, (counts.get(state) ?? 0) + 1),
    counts: () => counts,
  };
}
