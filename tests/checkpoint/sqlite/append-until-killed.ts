import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { wallClock } from '../../../src/model/clock.ts';
import { harvest, newEvents } from './rounds.ts';

/** Run as a process of its own: appends and settles round after round, says each finished one, until it is killed. */
const dir = process.argv[2] ?? '';
const journal = await openJournal({ dir, maxBytes: 1e9, clock: wallClock, access: 'writer' });
for (let round = Number((await journal.progress('platform')) ?? 0) + 1; ; round++) {
  await journal.append('platform', harvest(round, newEvents(round)));
  const [newest] = await journal.newest(1);
  if (newest === undefined) throw new Error('the event is gone');
  const event = { ...newest, original: newest.original ?? '' };
  await journal.moveCursor('splunk', event.seq, [{ event, reason: 'no', attempts: 1 }]);
  process.stdout.write(`${round}\n`);
}
