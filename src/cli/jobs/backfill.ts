import type { Command } from 'commander';

import { STATE_ONLY } from '../../config/load.ts';
import { formatTime } from '../../model/time.ts';
import { carryOut } from './carry-out.ts';
import type { JobEnd } from './carry-out.ts';
import { interruptible } from '../interrupt.ts';
import {
  endOf,
  exitCode,
  figure,
  jobProgress,
  reasonOf,
  replayFigures,
  replayOf,
  replaySentence,
} from './figures.ts';
import { knownName, readRange, withRange } from '../range.ts';
import type { RangeOptions } from '../range.ts';
import { count, takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig } from '../session.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

export interface BackfillOptions extends ReportOptions, RangeOptions {
  readonly sink?: string;
}

/** `auditferry backfill`: reads a past range into the journal; every sink then gets what was new. */
export function registerBackfill(program: Command): void {
  withRange(takeConfigArgument(withConfig(program.command('backfill'))))
    .summary('read a past range from the Platform')
    .description('read a past range from the Platform; every sink gets what the journal did not have')
    .option('--sink <name>', 'also send the whole range to this sink again once it is read')
    .action(async (_file: unknown, options: BackfillOptions) => {
      process.exitCode = await interruptible((signal) => backfillCommand(options, processTerminal(signal)));
    });
}

export async function backfillCommand(options: BackfillOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, STATE_ONLY);
  const range = readRange(options, terminal.clock);
  const params = {
    source: knownName(config, 'source', options.source),
    sink: knownName(config, 'sink', options.sink),
    windows: [[range.startNs.toString(), range.endNs.toString()]],
  };
  const end = await carryOut(config, terminal, 'backfill', params, jobProgress.backfill);
  const from = formatTime(range.startNs);
  const to = formatTime(range.endNs);
  if (options.json === true) {
    writeJson(terminal.out, { ...endOf(end), from, to, ...backfillFigures(end.progress) });
  } else terminal.out.write(`${sentence(end, from, to)}\n`);
  return exitCode(end, figure(replayOf(end.progress), 'refused'));
}

function sentence({ state, progress }: JobEnd, from: string, to: string): string {
  const events = count(figure(progress, 'events'), 'event');
  const figures = `${events} read, ${figure(progress, 'appended').toLocaleString('en-US')} new to the journal`;
  const replay = figure(replayOf(progress), 'looked') > 0 ? `; ${replaySentence(replayOf(progress))}` : '';
  if (state === 'done') return `${from} to ${to}: ${figures}${replay}`;
  if (state === 'left') return `${from} to ${to}, so far: ${figures}`;
  return `the backfill failed: ${reasonOf(progress)} (${figures})`;
}

function backfillFigures(progress: JobEnd['progress']): object {
  return {
    events: figure(progress, 'events'),
    new: figure(progress, 'appended'),
    repeated: figure(progress, 'repeated'),
    filtered: figure(progress, 'filtered'),
    malformed: figure(progress, 'malformed'),
    revised: figure(progress, 'revised'),
    replay: replayFigures(replayOf(progress)),
  };
}
