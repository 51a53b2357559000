import { expect, it } from 'vitest';

import { verifyProgress } from '../../src/cli/verify/progress.ts';
import { testClock } from '../contract/clock.ts';

it('tells how far each comparison is, some seconds apart, and nothing when it is done at once', () => {
  const clock = testClock();
  let text = '';
  const tell = verifyProgress({ clock, err: { write: (more) => (text += more) } });
  tell({ name: 'journal', done: 500, of: 1_000 });
  expect(text).toBe('');
  clock.advance(2_000);
  tell({ name: 'sink archive', done: 0, of: 1_000_000 });
  clock.advance(10_000);
  tell({ name: 'sink archive', done: 250_000, of: 1_000_000 });
  tell({ name: 'sink archive', done: 250_500, of: 1_000_000 });
  expect(text).toBe('sink archive: 25 %, 250,000 events, 25,000 a second, about 30s left\n');
});
