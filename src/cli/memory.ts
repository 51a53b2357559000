import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Keeps the space where new objects are made at the 2 MB that V8 begins with. It would grow to over 100 MB while much is read, and save a
 * twentieth of the processor time by it. Later than at the start only its further growth is stopped.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Has all garbage collected at once and its memory given back. V8 does so by itself only when memory is short, and keeps many times
 * what an idle process needs. `gc` is there for code that begins while the flag is set, and the flag is set for that moment only.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
