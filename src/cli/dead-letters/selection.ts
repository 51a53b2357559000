import { createHash } from 'node:crypto';

import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { letterPages } from '../../checkpoint/journal.ts';
import type { DeadLetter, DeadLetterGlimpse, Journal } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import { sharedReason } from '../../model/reason.ts';

/** Which dead letters a command means. */
export interface Selection {
  readonly sink?: string;
  readonly source?: string;
  /** The key of a reason as `list` shows it, or a part of the reason itself. */
  readonly reason?: string | undefined;
  readonly all?: true;
}

export const EVERY_STATE: readonly DeadLetter['state'][] = ['open', 'retrying', 'discarded'];
/** Hex digits. */
const KEY_LENGTH = 6;
/** Ids on one command line, at most. */
const IDS_MOST = 10_000;

export function withSelection(command: Command, all: string): Command {
  return command
    .addOption(new Option('--sink <name>', 'only those of this sink').conflicts('source'))
    .option('--source <name>', 'only items of this source that could not be read as an event')
    .option('--reason <text>', 'only those refused for this reason: its key in "list", or a part of it')
    .option('--all', all);
}

/** An id on the command line, for commander: collects into a list. */
export function parseId(text: string, held: readonly bigint[] = []): readonly bigint[] {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('An id is a number, as "list" shows it.');
  if (held.length >= IDS_MOST) throw new InvalidArgumentError(`At most ${IDS_MOST} ids at once; use --all.`);
  return [...held, BigInt(text)];
}

/** Retry and discard change something: they take ids, a reason, or --all said on purpose. */
export function assertMeant(ids: readonly bigint[], { all, reason }: Selection): void {
  const isMeant = ids.length > 0 ? all === undefined : all !== undefined || reason !== undefined;
  if (isMeant) return;
  throw new ForwardError('config', 'which dead letters? give their ids, a --reason, or --all', {
    hint: 'auditferry dead-letters list shows both; --sink and --source narrow a --reason or --all',
  });
}

/** What a person types for a reason: letters that were refused for one reason share it. */
export function reasonKey(reason: string): string {
  return createHash('sha256').update(sharedReason(reason)).digest('hex').slice(0, KEY_LENGTH);
}

/** Whether a reason is meant: by its key, or by a part of it. */
export function hasReason(wanted: string): (letter: Pick<DeadLetter, 'reason'>) => boolean {
  const part = wanted.trim().toLowerCase();
  return ({ reason }) =>
    reasonKey(reason) === part ||
    sharedReason(reason).toLowerCase() === part ||
    reason.toLowerCase().includes(part);
}

/**
 * Throws `config` for an owner that nobody knows: a misspelt name must not pass for one without dead letters. Sinks and
 * sources that left the configuration are known as long as the journal has letters of theirs.
 */
export async function assertKnownOwner(
  config: Config,
  journal: Journal,
  selection: Selection,
): Promise<void> {
  const side = selection.sink !== undefined ? 'sink' : 'source';
  const name = selection[side];
  const configured = [...(side === 'sink' ? config.sinks : config.sources).keys()];
  if (name === undefined || configured.includes(name)) return;
  const ofOwner = { ...selection, reason: undefined };
  for await (const page of matching(journal, [], ofOwner, EVERY_STATE)) if (page.length > 0) return;
  const owners = new Set<string>(configured);
  for await (const page of matching(journal, [], {}, EVERY_STATE))
    for (const letter of page) if (letter.side === side) owners.add(letter.owner);
  throw new ForwardError(
    'config',
    `there is no ${side} named ${oneLine(name, 64)}, and no dead letter of one`,
    {
      hint: `known are ${[...owners].map((owner) => oneLine(owner, 64)).join(', ')}`,
    },
  );
}

/** The letters that are meant, in pages, by id, without what they hold. */
export async function* matching(
  journal: Journal,
  ids: readonly bigint[],
  selection: Selection,
  states: readonly DeadLetter['state'][],
): AsyncGenerator<readonly DeadLetterGlimpse[]> {
  const owner = selection.sink ?? selection.source;
  const side = selection.sink !== undefined ? 'sink' : selection.source !== undefined ? 'source' : null;
  const { reason } = selection;
  const isReason = reason === undefined ? () => true : hasReason(reason);
  const filter = {
    ...(owner === undefined ? {} : { owner }),
    ...(ids.length === 0 ? {} : { ids }),
    states,
  };
  for await (const page of letterPages(journal, filter))
    yield page.filter((letter) => (side === null || letter.side === side) && isReason(letter));
}
