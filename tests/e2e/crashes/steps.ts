/** Where the program can be killed: see crash-at.ts. */
export const STEPS = [
  'read: answered',
  ...transaction('harvest'),
  'send: before',
  'send: half of it',
  'send: answered',
  'file: before the write',
  'file: half of it',
  'file: synced',
  ...transaction('cursor'),
  'rotation: before the rename',
  'rotation: after the rename',
  'rotation: before the copy is in place',
  'rotation: before the plain file goes',
  ...transaction('pruning'),
  'pruning: before the vacuum',
  ...transaction('migration'),
  ...transaction('letters'),
  ...transaction('backfill'),
  ...transaction('replay'),
] as const;

export type Step = (typeof STEPS)[number];

/** What a transaction is for, and the three moments of it. */
export type Moment = 'in the transaction' | 'before the commit' | 'after the commit';

function transaction<const Name extends string>(
  name: Name,
): readonly [`${Name}: in the transaction`, `${Name}: before the commit`, `${Name}: after the commit`] {
  return [`${name}: in the transaction`, `${name}: before the commit`, `${name}: after the commit`];
}
