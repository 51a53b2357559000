import { Option } from 'commander';
import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import { JOURNAL_ONLY } from '../../config/load.ts';
import { EXIT } from '../exit.ts';
import { interruptible } from '../interrupt.ts';
import { takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig } from '../session.ts';
import { statusLines } from './lines.ts';
import { readStatus } from './reader.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

export interface StatusOptions extends ReportOptions {
  readonly watch?: true;
}

const REDRAW_EVERY_MS = 1_000;

/** The other screen, without a cursor; and back, so that what was there before is there again. */
const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';
const TO_TOP = '\u001b[H';
const CLEAR_LINE_END = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/** `auditferry status`: the path from each source to each sink at a glance. */
export function registerStatus(program: Command): void {
  takeConfigArgument(withConfig(program.command('status')))
    .summary('show how each source and sink is')
    .description(
      'show at a glance how each source and sink is: from the daemon, or from the journal when none runs. The bar is the last day of event time: █ counted again, ▒ read, · not read yet, ! suspect',
    )
    .addOption(new Option('--watch', 'refresh every second, until Ctrl-C').conflicts('json'))
    .action(async (_file: unknown, options: StatusOptions) => {
      process.exitCode = await interruptible((signal) => status(options, processTerminal(signal)));
    });
}

export async function status(options: StatusOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  if (options.watch === true) return watch(config, terminal);
  const picture = await readStatus(config, terminal);
  if (options.json === true) {
    const { from, note, running, document, bars } = picture;
    writeJson(terminal.out, {
      from,
      note,
      daemon_running: running,
      ...document,
      coverage_bars: Object.fromEntries(bars),
    });
  } else for (const line of statusLines(picture, terminal.out)) terminal.out.write(`${line}\n`);
  return picture.document.ready.ok ? EXIT.done : EXIT.failed;
}

async function watch(config: Config, terminal: Terminal): Promise<number> {
  const { out, clock, signal } = terminal;
  out.write(ENTER_SCREEN);
  try {
    for (;;) {
      const lines = statusLines(await readStatus(config, terminal), out);
      out.write(`${TO_TOP}${lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')}${CLEAR_BELOW}`);
      await clock.sleep(REDRAW_EVERY_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return EXIT.done;
  } finally {
    out.write(LEAVE_SCREEN);
  }
}
