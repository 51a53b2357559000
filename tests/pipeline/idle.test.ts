import { expect, it } from 'vitest';

import { idleLook } from '../../src/pipeline/idle.ts';

it('gives memory back once after each spell of work, and never while it lasts or for a few events', () => {
  let moved = 0;
  let given = 0;
  const look = idleLook(
    () => moved,
    () => void (given += 1),
  );
  const after = (events: number): number => {
    moved += events;
    look();
    return given;
  };
  expect([after(0), after(300), after(300), after(1)]).toEqual([0, 0, 0, 0]);
  expect([after(0), after(0)]).toEqual([1, 1]);
  expect([after(499), after(0), after(1), after(0), after(0)]).toEqual([1, 1, 1, 2, 2]);
});
