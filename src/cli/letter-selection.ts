import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import type { DeadLetter, Journal } from '../checkpoint/journal.ts';
import { ForwardError } from '../model/errors.ts';

/** Which dead letters a command means. */
export interface Selection {
  readonly sink?: string;
  readonly source?: string;
  readonly all?: true;
}

const PAGE_LETTERS = 500;
/** Ids on one command line, at most. */
const IDS_MOST = 10_000;

export function withSelection(command: Command, all: string): Command {
  return command
    .addOption(new Option('--sink <name>', 'only those of this sink').conflicts('source'))
    .option('--source <name>', 'only items of this source that could not be read as an event')
    .option('--all', all);
}

/** An id on the command line, for commander: collects into a list. */
export function parseId(text: string, held: readonly bigint[] = []): readonly bigint[] {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('An id is a number, as "list" shows it.');
  if (held.length >= IDS_MOST) throw new InvalidArgumentError(`At most ${IDS_MOST} ids at once; use --all.`);
  return [...held, BigInt(text)];
}

/** Retry and discard change something: they take either ids, or --all said on purpose. */
export function assertMeant(ids: readonly bigint[], selection: Selection): void {
  if (ids.length > 0 === (selection.all !== undefined)) {
    throw new ForwardError('config', 'which dead letters are meant? name their ids, or say --all', {
      mend: 'auditferry dead-letters list shows the ids; --all may be narrowed with --sink or --source',
    });
  }
}

/** The letters that are meant, in pages, by id; memory holds one page. */
export async function* matching(
  journal: Journal,
  ids: readonly bigint[],
  selection: Selection,
  states: readonly DeadLetter['state'][],
): AsyncGenerator<readonly DeadLetter[]> {
  const owner = selection.sink ?? selection.source;
  const side = selection.sink !== undefined ? 'sink' : selection.source !== undefined ? 'source' : null;
  let after = 0n;
  for (;;) {
    const page = await journal.deadLetters({
      ...(owner === undefined ? {} : { owner }),
      ...(ids.length === 0 ? {} : { ids }),
      states,
      after,
      limit: PAGE_LETTERS,
    });
    const last = page.at(-1);
    if (last === undefined) return;
    yield side === null ? page : page.filter((letter) => letter.side === side);
    after = last.id;
  }
}
