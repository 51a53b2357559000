import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import { FileError } from '../../config/problems.ts';
import { BY_SENDING } from '../../model/check.ts';
import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import type { SinkPart } from '../../pipeline/daemon.ts';
import type { BuiltParts } from '../build-parts.ts';
import { checkClock, checkState } from './state.ts';
import { withDeadline } from '../deadline.ts';
import { EXIT } from '../exit.ts';
import { withProgress } from '../progress.ts';
import type { Tell } from '../progress.ts';
import { count, markOf, shown, takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withParts } from '../session.ts';
import { runningOn } from '../state.ts';
import { hang } from '../table.ts';
import { processTerminal } from '../terminal.ts';
import type { Output, Terminal } from '../terminal.ts';
import { sendTestEvent } from './test-event.ts';

export interface CheckOptions extends ReportOptions {
  readonly send?: true;
}

/** One item, and the part that it belongs to: "source platform", "state". */
export interface PartItem extends CheckItem {
  readonly part: string;
}

/** For one part. The read-back of a test event has as long again. Milliseconds. */
const PART_DEADLINE_MS = 30_000;

/** `auditferry check`: the configuration, then everything it names, for real. */
export function registerCheck(program: Command): void {
  takeConfigArgument(withConfig(program.command('check')))
    .summary('check that everything a run needs works')
    .description('check the configuration, then everything that a run needs, by contacting it')
    .option('--send', 'send one marked test event through each sink, and read it back where that can be done')
    .action(async (_file: unknown, options: CheckOptions) => {
      process.exitCode = await check(options, processTerminal());
    });
}

export async function check(options: CheckOptions, terminal: Terminal): Promise<number> {
  const items: PartItem[] = [];
  try {
    const config = await openConfig(options.config, terminal);
    items.push(...configItems(config));
    items.push(
      ...(await withProgress(terminal, 'checking', (tell, beside) =>
        withParts(config, beside, (parts) => checkParts(config, parts, options, beside, tell)),
      )),
    );
  } catch (error) {
    if (!(error instanceof ForwardError) || error.kind !== 'config' || options.json !== true) throw error;
    const { lines, more } = error instanceof FileError ? error : { lines: [error.message], more: 0 };
    items.push(...lines.map((line) => failure('configuration', 'file', line, error.hint)));
    report(items, options, terminal.out, more);
    return EXIT.usage;
  }
  report(items, options, terminal.out);
  return items.some((item) => item.outcome === 'fail') ? EXIT.failed : EXIT.done;
}

/** Everything at once: the slowest part decides how long it takes. The order of the answer is fixed. */
async function checkParts(
  config: Config,
  parts: BuiltParts,
  options: CheckOptions,
  terminal: Terminal,
  tell: Tell,
): Promise<readonly PartItem[]> {
  const waiting = new Set([...parts.sources.keys(), ...parts.sinks.keys()]);
  const ended = async (name: string, items: Promise<readonly PartItem[]>): Promise<readonly PartItem[]> => {
    const found = await items;
    waiting.delete(name);
    if (waiting.size > 0) tell(`waiting for ${[...waiting].join(', ')}`);
    return found;
  };
  const looks = [
    look('state', terminal, () => checkState(config, terminal)),
    look('clock', terminal, () => checkClock(config, terminal)),
    ...[...parts.sources].map(([name, { source }]) =>
      ended(
        name,
        look(`source ${name}`, terminal, async (signal) => (await source.check(signal)).items),
      ),
    ),
    ...[...parts.sinks].map(([name, part]) =>
      ended(name, checkSink(config, parts, name, part, options, terminal)),
    ),
  ];
  return (await Promise.all(looks)).flat();
}

async function checkSink(
  config: Config,
  parts: BuiltParts,
  name: string,
  part: SinkPart,
  options: CheckOptions,
  terminal: Terminal,
): Promise<readonly PartItem[]> {
  const label = `sink ${name}`;
  const found = await look(label, terminal, async (signal) => (await part.sink.check(signal)).items);
  if (options.send !== true) return found;
  const items = found.map(withoutAdviceToSend);
  if (items.some((item) => item.outcome === 'fail')) {
    return [
      ...items,
      { part: label, name: 'test event', outcome: 'warn', finding: 'not sent, because of what failed above' },
    ];
  }
  const reason = await whyNotSent(config, name, options, terminal);
  if (reason !== null) return [...items, { part: label, name: 'test event', outcome: 'warn', ...reason }];
  const sent = await look(
    label,
    terminal,
    (signal) => sendTestEvent(parts, name, part, terminal.clock, signal),
    2 * PART_DEADLINE_MS,
  );
  return [...items, ...sent];
}

function withoutAdviceToSend({ hint, ...item }: PartItem): PartItem {
  return hint === undefined || hint === BY_SENDING ? item : { ...item, hint };
}

/** A second writer into a file would be taken for damage; an event among JSON would spoil the document. */
async function whyNotSent(
  config: Config,
  name: string,
  options: CheckOptions,
  terminal: Terminal,
): Promise<{ finding: string; hint: string } | null> {
  const type = config.sinks.get(name)?.type;
  try {
    if (type === 'file' && (await runningOn(config, terminal)) !== null)
      return { finding: 'not sent: the running daemon writes to this file', hint: 'stop the daemon first' };
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    return {
      finding:
        'not sent: nobody can say whether a daemon writes to this file, since the journal cannot be asked',
      hint: 'fix what failed with the state first',
    };
  }
  if (type === 'stdout' && options.json === true) {
    return { finding: 'not sent: standard output carries this document', hint: 'leave out --json' };
  }
  return null;
}

/** What one part says of itself, within the deadline; an error becomes an item. */
export async function look(
  part: string,
  terminal: Terminal,
  work: (signal: AbortSignal) => Promise<readonly CheckItem[]>,
  deadlineMs: number = PART_DEADLINE_MS,
): Promise<readonly PartItem[]> {
  try {
    const items = await withDeadline(part, deadlineMs, terminal.clock, terminal.signal, work);
    return items.map((item) => ({ part, ...item }));
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    return [failure(part, 'check', describe(error), error.hint)];
  }
}

function configItems(config: Config): PartItem[] {
  const finding = `${config.file}: ${count(config.sources.size, 'source')}, ${count(config.sinks.size, 'sink')}`;
  const warnings = config.warnings.map((finding) => ({ name: 'advice', outcome: 'warn' as const, finding }));
  const items: CheckItem[] = [{ name: 'file', outcome: 'ok', finding }, ...warnings];
  return items.map((item) => ({ part: 'configuration', ...item }));
}

function failure(part: string, name: string, finding: string, hint: string | undefined): PartItem {
  return { part, name, outcome: 'fail', finding, ...(hint === undefined ? {} : { hint }) };
}

/** `more`: faults that are counted and not listed. */
function report(items: readonly PartItem[], options: CheckOptions, out: Output, more = 0): void {
  const failed = items.filter((item) => item.outcome === 'fail').length + more;
  const warned = items.filter((item) => item.outcome === 'warn').length;
  if (options.json === true) {
    writeJson(out, { ok: failed === 0, failed, warnings: warned, items });
    return;
  }
  for (const line of itemLines(items, out)) out.write(`${line}\n`);
  const verdict =
    failed === 0 ? 'all that a run needs is there' : count(failed, 'item failed', 'items failed');
  const beside = warned === 0 ? '' : `; ${count(warned, 'warning')}`;
  out.write(`\n${verdict}${beside}\n`);
}

/** One line per item: mark, part, finding; the hint on the next line. */
export function itemLines(items: readonly PartItem[], out: Output): string[] {
  const screen = out.isTTY === true ? out.columns : undefined;
  const width = Math.max(0, ...items.map((item) => shown(item.part).length));
  return items.flatMap((item) => {
    const mark = markOf(item.outcome, out);
    const indent = ' '.repeat(mark.length + 1 + width + 2);
    const line = `${mark} ${shown(item.part).padEnd(width)}  ${shown(item.name)}: ${shown(item.finding)}`;
    const hint =
      item.hint === undefined || item.outcome === 'ok' ? [] : [`${indent}hint: ${shown(item.hint)}`];
    return [line, ...hint].flatMap((text) => hang(text, screen));
  });
}
