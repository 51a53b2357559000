import { Writable } from 'node:stream';

import { expect, it } from 'vitest';

import { writeWaiting } from '../../src/cli/standard-output.ts';

/** A reader that takes a text when it is told to. */
function slowReader(): { out: Writable; take: () => void } {
  const taken: (() => void)[] = [];
  const out = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      taken.push(done);
    },
  });
  return { out, take: () => taken.shift()?.() };
}

it('leaves a lost reader to whoever ends the process, and nothing behind it', async () => {
  const { out, take } = slowReader();
  const errors: unknown[] = [];
  out.on('error', (error) => errors.push(error)); // as ending.ts does
  const waiting = writeWaiting(out, 'a line\n');
  // A second listener is a sink on standard output, which has an answer of its own to a lost reader.
  expect(out.listenerCount('error')).toBe(1);
  take();
  await waiting;
  expect([out.listenerCount('drain'), out.listenerCount('close')]).toEqual([0, 0]);
});

it('ends its wait when the reader leaves', async () => {
  const { out } = slowReader();
  const errors: unknown[] = [];
  out.on('error', (error) => errors.push(error));
  const waiting = writeWaiting(out, 'a line\n');
  out.destroy(new Error('write EPIPE'));
  await waiting;
  expect(errors).toHaveLength(1);
});
