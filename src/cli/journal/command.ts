import type { Command } from 'commander';

import { interruptible } from '../interrupt.ts';
import { processTerminal } from '../terminal.ts';
import { copyCommand } from './copy.ts';
import type { CopyOptions } from './copy.ts';

/** `auditferry journal …`: moves a journal to another place. Nothing else may use it meanwhile. */
export function registerJournal(program: Command): void {
  const group = program
    .command('journal')
    .summary('move the journal')
    .description('move the journal to another place, while no daemon runs');
  group
    .command('copy')
    .description(
      'copy a journal with all it holds into a new one, in SQLite or PostgreSQL, and compare the two',
    )
    .requiredOption('--from <file>', 'configuration file whose state is read')
    .requiredOption('--to <file>', 'configuration file whose state is made')
    .option('--json', 'print one JSON document on standard output')
    .action(async (options: CopyOptions) => {
      process.exitCode = await interruptible((signal) => copyCommand(options, processTerminal(signal)));
    });
}
