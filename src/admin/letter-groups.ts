import { setImmediate as nextTurn } from 'node:timers/promises';

import { letterPages } from '../checkpoint/journal.ts';
import type { DeadLetter, DeadLetterGlimpse, Journal } from '../checkpoint/journal.ts';
import { sharedReason } from '../model/reason.ts';

/** Dead letters of one owner that have one reason. */
export interface LetterGroup {
  readonly owner: string;
  readonly side: 'sink' | 'source';
  /** The reason with what differs from letter to letter left out: it names the group in requests. */
  readonly reason_group: string;
  /** One of them in the receiver's own words. */
  readonly example: string;
  readonly count: number;
  readonly retrying: number;
  readonly first_at: string;
  readonly last_at: string;
  /** Of the newest EVENTS_SAMPLED ones, how many of which type. */
  readonly event_types: Readonly<Record<string, number>>;
}

export interface LetterGroups {
  /** Largest first. */
  readonly groups: readonly LetterGroup[];
  /** False where there are more letters than were looked at. */
  readonly whole: boolean;
}

const PAGES_MOST = 20;
const GROUPS_MOST = 200;
const EVENTS_SAMPLED = 20;
/** Of a letter, to find its type. Bytes. */
const SAMPLE_BYTES = 4_096;

const WAITING: readonly DeadLetter['state'][] = ['open', 'retrying'];

/** The letters that a request may look through: at most PAGES_MOST pages. `whole`: there are no others. */
export async function* lettersInReach(
  journal: Pick<Journal, 'glanceAtDeadLetters'>,
  filter: Parameters<typeof letterPages>[1],
): AsyncGenerator<readonly DeadLetterGlimpse[], { readonly whole: boolean }> {
  let pages = 0;
  for await (const page of letterPages(journal, filter)) {
    if (pages === PAGES_MOST) return { whole: false };
    pages += 1;
    yield page;
    await nextTurn();
  }
  return { whole: true };
}

type Collected = { -readonly [key in keyof LetterGroup]: LetterGroup[key] } & { newest: bigint[] };

export async function groupLetters(journal: Pick<Journal, 'glanceAtDeadLetters'>): Promise<LetterGroups> {
  const groups = new Map<string, Collected>();
  const pages = lettersInReach(journal, { states: WAITING });
  let step = await pages.next();
  for (; step.done !== true; step = await pages.next()) for (const letter of step.value) add(groups, letter);
  const largest = [...groups.values()].toSorted((a, b) => b.count - a.count).slice(0, GROUPS_MOST);
  const shown: LetterGroup[] = [];
  for (const { newest, ...group } of largest)
    shown.push({ ...group, event_types: group.side === 'sink' ? await typesOf(journal, newest) : {} });
  return { groups: shown, whole: step.value.whole && groups.size <= GROUPS_MOST };
}

function add(groups: Map<string, Collected>, letter: DeadLetterGlimpse): void {
  const { owner, side, id, state, firstAt, lastAt } = letter;
  const reason = sharedReason(letter.reason);
  const key = JSON.stringify([side, owner, reason]);
  const group = groups.get(key) ?? {
    owner,
    side,
    reason_group: reason,
    example: letter.reason,
    count: 0,
    retrying: 0,
    first_at: firstAt,
    last_at: lastAt,
    event_types: {},
    newest: [],
  };
  group.count += 1;
  if (state === 'retrying') group.retrying += 1;
  if (firstAt < group.first_at) group.first_at = firstAt;
  if (lastAt > group.last_at) group.last_at = lastAt;
  group.newest = [...group.newest.slice(1 - EVENTS_SAMPLED), id];
  groups.set(key, group);
}

async function typesOf(
  journal: Pick<Journal, 'glanceAtDeadLetters'>,
  ids: readonly bigint[],
): Promise<Readonly<Record<string, number>>> {
  const counts = new Map<string, number>();
  for (const { content } of await journal.glanceAtDeadLetters({ ids, limit: ids.length }, SAMPLE_BYTES)) {
    const type = /"event_type"\s*:\s*"([^"\\]{1,200})"/.exec(content.toString('utf8'))?.[1];
    if (type !== undefined) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
}

/** Ids of the open letters of an owner that have this reason, at most `most`. `whole`: there are no others. */
export async function lettersOf(
  journal: Pick<Journal, 'glanceAtDeadLetters'>,
  owner: string,
  reason: string,
  most: number,
): Promise<{ readonly ids: readonly bigint[]; readonly whole: boolean }> {
  const ids: bigint[] = [];
  const pages = lettersInReach(journal, { owner, states: WAITING });
  let step = await pages.next();
  for (; step.done !== true; step = await pages.next()) {
    for (const letter of step.value) {
      if (sharedReason(letter.reason) !== reason) continue;
      if (ids.length >= most) return { ids, whole: false };
      ids.push(letter.id);
    }
  }
  return { ids, whole: step.value.whole };
}
