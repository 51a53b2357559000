import type { Command } from 'commander';

import { STATE_ONLY } from '../../config/load.ts';
import { formatTime } from '../../model/time.ts';
import { carryOut } from './carry-out.ts';
import type { JobEnd } from './carry-out.ts';
import { interruptible } from '../interrupt.ts';
import { endOf, exitCode, figure, jobProgress, reasonOf, replayFigures, replaySentence } from './figures.ts';
import { knownName, readRange, withRange } from '../range.ts';
import type { RangeOptions } from '../range.ts';
import { takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { assertJournal, openConfig } from '../session.ts';
import { assertFreeForDocument } from '../standard-output.ts';
import { runningOn } from '../state.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

export interface ReplayOptions extends ReportOptions, RangeOptions {
  readonly sink: string;
  readonly force?: true;
}

/** `auditferry replay`: sends events of the journal to one sink again, through today's mapping. */
export function registerReplay(program: Command): void {
  withRange(takeConfigArgument(withConfig(program.command('replay'))))
    .summary('send a range of the journal to one sink again')
    .description('send a range of the journal to one sink again, in its current format and mapping')
    .requiredOption('--sink <name>', 'the sink')
    .option('--force', 'also what the receiver proves to hold')
    .action(async (_file: unknown, options: ReplayOptions) => {
      process.exitCode = await interruptible((signal) => replayCommand(options, processTerminal(signal)));
    });
}

export async function replayCommand(options: ReplayOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, STATE_ONLY);
  const { startNs, endNs } = readRange(options, terminal.clock);
  const params = {
    sink: knownName(config, 'sink', options.sink),
    source: knownName(config, 'source', options.source),
    window: [startNs.toString(), endNs.toString()],
    ids: null,
    force: options.force === true,
  };
  // A running daemon sends from its own process, to its own standard output.
  if (options.json === true && (await runningOn(config, terminal)) === null)
    assertFreeForDocument(config, [options.sink]);
  assertJournal(config);
  const end = await carryOut(config, terminal, 'replay', params, jobProgress.replay);
  const from = formatTime(startNs);
  const to = formatTime(endNs);
  if (options.json === true) {
    const figures = replayFigures(end.progress);
    writeJson(terminal.out, { ...endOf(end), sink: options.sink, from, to, ...figures });
  } else terminal.out.write(`${sentence(end, options.sink, from, to)}\n`);
  const pruned = figure(end.progress, 'pruned');
  if (pruned > 0) {
    const command = `auditferry backfill --sink ${options.sink} --from ${from} --to ${to}`;
    terminal.err.write(`hint: ${command} reads them from the Platform again and sends them to this sink\n`);
  }
  return exitCode(end, figure(end.progress, 'refused') + pruned);
}

function sentence({ state, progress }: JobEnd, sink: string, from: string, to: string): string {
  if (state === 'failed') return `the replay failed: ${reasonOf(progress)}`;
  if (state === 'done' && figure(progress, 'looked') + figure(progress, 'pruned') === 0)
    return `${from} to ${to} to ${sink}: the journal knows no event of this range`;
  const so = state === 'left' ? ', so far' : '';
  return `${from} to ${to} to ${sink}${so}: ${replaySentence(progress)}`;
}
