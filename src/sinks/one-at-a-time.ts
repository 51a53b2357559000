/** A queue of one: runs the work of each call after that of the call before, whether that succeeded or not. */
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
