/** Runs works one at a time, in the order of the calls, whatever becomes of those before. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let turn: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = turn.then(work);
    // Not the result itself, which may be large.
    turn = result.then(
      () => {},
      () => {},
    );
    return result;
  };
}
