import type { Command } from 'commander';

import { interruptible } from '../interrupt.ts';
import { takeConfigArgument, withConfig } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { processTerminal } from '../terminal.ts';
import { copyCommand } from './copy.ts';
import type { CopyOptions } from './copy.ts';
import { repairCommand } from './repair.ts';

/** `auditferry journal …`: what is done to a journal as a whole. Nothing else may use it meanwhile. */
export function registerJournal(program: Command): void {
  const group = program
    .command('journal')
    .summary('move or repair the journal')
    .description('move the journal to another place or repair it, while no daemon runs');
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
  takeConfigArgument(withConfig(group.command('repair')))
    .description('recover the intact part of a damaged journal in SQLite, and have the rest read again')
    .action(async (_file: unknown, options: ReportOptions) => {
      process.exitCode = await interruptible((signal) => repairCommand(options, processTerminal(signal)));
    });
}
