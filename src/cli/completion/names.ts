import { Argument } from 'commander';
import type { Command } from 'commander';

import { namesIn } from '../../config/load.ts';
import { withConfigFile } from '../report.ts';

/** `auditferry names`: what the completion scripts ask for, not listed in the help. Says nothing rather than an error. */
export function registerNames(program: Command): void {
  withConfigFile(program.command('names', { hidden: true }))
    .description('print the names of the sinks or sources of a configuration, one a line')
    .addArgument(new Argument('<section>', 'which names').choices(['sinks', 'sources']))
    .action((section: 'sinks' | 'sources', options: { readonly config: string }) => {
      for (const name of namesIn(options.config, section)) process.stdout.write(`${name}\n`);
    });
}
