import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { JOURNAL_ONLY } from '../../config/load.ts';
import type { Outcome } from '../../formats/format.ts';
import { formats } from '../../formats/registry.ts';
import { silentLog } from '../../model/log.ts';
import { buildParts } from '../build-parts.ts';
import { paintOn } from '../colour.ts';
import { EXIT } from '../exit.ts';
import { holderOf } from '../holder.ts';
import { interruptible } from '../interrupt.ts';
import { knownName } from '../range.ts';
import { takeConfigArgument, withConfigFile } from '../report.ts';
import { openConfig, withJournal } from '../session.ts';
import { writeWaiting } from '../standard-output.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { createMatch } from './match.ts';
import { createPrint, LINE } from './print.ts';
import { createReader } from './reader.ts';

export interface TailOptions {
  readonly config: string;
  readonly sink?: string;
  readonly source?: string;
  readonly type?: readonly string[];
  readonly user?: readonly string[];
  readonly outcome?: Outcome;
  readonly format: string;
  readonly lines: number;
  readonly follow: boolean;
  readonly json?: true;
}

const LINES_MOST = 10_000;
const OUTCOMES: readonly Outcome[] = ['success', 'failure', 'unknown'];
/** Longest wait for news, so that a follower looks at the journal at least so often. Milliseconds. */
const LOOK_AGAIN_MS = 60_000;

/** `auditferry tail`: events as they come into the journal, or reach a sink. */
export function registerTail(program: Command): void {
  const names = [LINE, ...formats.map(({ name }) => name)];
  takeConfigArgument(withConfigFile(program.command('tail')))
    .summary('print events as they are journaled or delivered')
    .description('print events as they are journaled, or with --sink as they are delivered, until Ctrl-C')
    .option('--sink <name>', 'events that this sink was sent, and those that it refused')
    .option('--source <name>', 'only events of this source')
    .option('--type <glob>', 'only event types like this; may be given several times', collect)
    .option(
      '--user <glob>',
      'only users whose e-mail, name or id is like this; may be given several times',
      collect,
    )
    .addOption(new Option('--outcome <outcome>', 'only events that ended so').choices(OUTCOMES))
    .addOption(new Option('--format <name>', 'how to print them').choices(names).default(LINE))
    .option('-n, --lines <count>', 'begin with so many that are there already', parseLines, 10)
    .option('--no-follow', 'end there instead of waiting for more')
    .addOption(new Option('--json', 'print one JSON document a line').conflicts('format'))
    .action(async (_file: unknown, options: TailOptions) => {
      process.exitCode = await interruptible((signal) => tail(options, processTerminal(signal)));
    });
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function parseLines(text: string): number {
  const lines = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (lines > LINES_MOST) throw new InvalidArgumentError(`It takes a number from 0 to ${LINES_MOST}.`);
  return lines;
}

export async function tail(options: TailOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const { out, err, signal } = terminal;
  knownName(config, 'sink', options.sink);
  knownName(config, 'source', options.source);
  return withJournal(config, terminal, async (journal) => {
    const parts = await buildParts(config, silentLog);
    try {
      const print = createPrint(parts, options, paintOn(terminal), terminal);
      const reader = createReader(
        journal,
        parts,
        options.sink ?? null,
        createMatch(parts.canonicalize, options),
      );
      for (const found of await reader.newest(options.lines)) await writeWaiting(out, `${print(found)}\n`);
      if (!options.follow) return EXIT.done;
      if (holderOf(config.state.dir) === null)
        err.write('no daemon runs: nothing new comes until one does\n');
      for (let seen = 0; ;) {
        for await (const found of reader.next()) await writeWaiting(out, `${print(found)}\n`);
        seen = await journal.waitForNews(seen, reader.after(), LOOK_AGAIN_MS, signal);
      }
    } catch (error) {
      if (signal.aborted) return EXIT.done; // Ctrl-C is how it ends
      throw error;
    } finally {
      await parts.close();
    }
  });
}
