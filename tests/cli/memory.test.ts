import { expect, test } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { relieving } from '../../src/cli/memory.ts';

const did: string[] = [];
const journal = {
  append: async (source: string) => {
    did.push(`append ${source}`);
    return { appended: 1 };
  },
  moveCursor: async (sink: string) => void did.push(`moveCursor ${sink}`),
  size: async () => ({ events: 7 }),
} as unknown as Journal;

test('memory is looked after only where a container has little', () => {
  expect(relieving(journal, 0)).toBe(journal);
  expect(relieving(journal, 2 ** 30)).toBe(journal);
  expect(relieving(journal, 2 ** 27)).not.toBe(journal);
});

test('a journal whose process is short of memory does what it did', async () => {
  const relieved = relieving(journal, 1);
  await expect(relieved.append('platform', {} as never)).resolves.toEqual({ appended: 1 });
  await relieved.moveCursor('splunk', 1n, []);
  await expect(relieved.size()).resolves.toEqual({ events: 7 });
  expect(did).toEqual(['append platform', 'moveCursor splunk']);
});
