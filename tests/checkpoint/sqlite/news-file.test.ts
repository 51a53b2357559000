import { rmSync, statSync } from 'node:fs';
import { expect, it, vi } from 'vitest';

import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { byWord, leaveWord } from '../../../src/checkpoint/sqlite/news-file.ts';
import { manualClock } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const signal = new AbortController().signal;
const freshDirectory = stateDirectories();
const SECOND = 1_000;
const RARELY = 10_000;

it('has a daemon hear of what a command wrote, although its clock stands still', async () => {
  const { dir } = freshDirectory();
  const options = { dir, maxBytes: 1e9, clock: manualClock() };
  const daemon = await openJournal({ ...options, access: 'writer', heedsWord: true });
  const waiting = daemon.waitForNews(0, null, 600_000, signal);
  const command = await openJournal({ ...options, access: 'guest' });
  await command.addJob('replay', null);
  await waiting;
  await command.close();
  await daemon.close();
});

it('looks every second until it has heard a word, and when there is no file any more', async () => {
  const state = freshDirectory();
  const news = byWord(state.dir, 0);
  let words = 0;
  news.onWord(() => (words += 1));
  expect(news.lookEveryMs()).toBe(SECOND);
  await vi.waitFor(() => expect(news.lookEveryMs()).toBe(RARELY));
  const before = words;
  leaveWord(state.dir, SECOND);
  await vi.waitFor(() => expect(words).toBeGreaterThan(before));
  expect(statSync(state.file('journal.news')).mode & 0o777).toBe(0o600);
  rmSync(state.file('journal.news'));
  await vi.waitFor(() => expect(news.lookEveryMs()).toBe(SECOND));
  news.close();
});

it('looks every second where there is no such directory, and nobody fails who leaves word there', () => {
  const dir = freshDirectory().file('gone');
  const news = byWord(dir, 0);
  expect(news.lookEveryMs()).toBe(SECOND);
  expect(() => leaveWord(dir, 0)).not.toThrow();
  news.close();
});
