import type { Command } from 'commander';

import { EXIT } from '../exit.ts';
import { changeLetters } from './changes.ts';
import type { DiscardOptions } from './changes.ts';
import { exportLetters, listLetters, showLetter } from './reports.ts';
import type { ListOptions } from './reports.ts';
import { parseId, withSelection } from './selection.ts';
import type { Selection } from './selection.ts';
import { takeConfigArgument, withConfig, withConfigFile } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { processTerminal } from '../terminal.ts';

/** `auditferry dead-letters …`: what sinks refused for good, and items that could not be read. Works beside a running daemon. */
export function registerDeadLetters(program: Command): void {
  const group = program
    .command('dead-letters')
    .summary('list, show, retry, export or discard refused events')
    .description('list, show, send again, set aside or export events that a sink refused for good');
  const list = takeConfigArgument(withConfig(group.command('list', { isDefault: true }))).description(
    'list them by reason, with counts and event types',
  );
  withSelection(list, 'one line for each, also for those that were discarded')
    .option('--each', 'one line for each, oldest first')
    .action(async (_file: unknown, options: ListOptions) => {
      process.exitCode = await listLetters(options, processTerminal());
    });
  withConfig(group.command('show'))
    .description('show one: the answer of the receiver, what it is sent, and what the Platform sent')
    .argument('<id>', 'its id, as "list" shows it', parseId)
    .action(async (ids: readonly bigint[], options: ReportOptions) => {
      process.exitCode = await showLetter(ids[0] ?? 0n, options, processTerminal());
    });
  withSelection(withConfig(group.command('retry')), 'all of them')
    .description('send them again, in the current format and mapping')
    .argument('[ids...]', 'their ids', parseId)
    .action(async (ids: readonly bigint[], options: ReportOptions & Selection) => {
      process.exitCode = await changeLetters('retry', ids, options, processTerminal());
    });
  withSelection(withConfig(group.command('discard')), 'all of them')
    .description('set them aside for good: they stay as evidence, and count no more')
    .argument('[ids...]', 'their ids', parseId)
    .option('--note <text>', 'why, for the record (default: the --reason)')
    .action(async (ids: readonly bigint[], options: DiscardOptions) => {
      process.exitCode = await changeLetters('discard', ids, options, processTerminal());
    });
  withSelection(withConfigFile(group.command('export')), 'also those that were discarded')
    .description('print them as NDJSON, one a line, with their bytes')
    .argument('[ids...]', 'their ids; all when none is named', parseId)
    .action(async (ids: readonly bigint[], options: ListOptions) => {
      process.exitCode = (await exportLetters(ids, options, processTerminal())) ? EXIT.done : EXIT.failed;
    });
}
