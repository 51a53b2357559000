import type { DeadLetterFilter, DeadLetterGlimpse, Journal } from './journal.ts';

const PAGE_LETTERS = 1_000;

/** The dead letters that a filter means, in the order of their ids, in pages, without what they hold. */
export async function* letterPages(
  journal: Pick<Journal, 'glanceAtDeadLetters'>,
  filter: Omit<DeadLetterFilter, 'after' | 'limit'>,
  from = 0n,
): AsyncGenerator<readonly DeadLetterGlimpse[], undefined> {
  for (let after = from; ;) {
    const page = await journal.glanceAtDeadLetters({ ...filter, after, limit: PAGE_LETTERS }, 0);
    const last = page.at(-1);
    if (last === undefined) return undefined;
    yield page;
    after = last.id;
  }
}
