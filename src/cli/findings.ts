import type { Command } from 'commander';

import { JOURNAL_ONLY } from '../config/load.ts';
import type { StoredFinding } from '../checkpoint/journal.ts';
import { ForwardError } from '../model/errors.ts';
import { formatTime } from '../model/time.ts';
import { everyFinding } from '../pipeline/open-findings.ts';
import { EXIT } from './exit.ts';
import { parseId } from './dead-letters/selection.ts';
import { count, shown, takeConfigArgument, withConfig, writeJson } from './report.ts';
import type { ReportOptions } from './report.ts';
import { openConfig, withJournal } from './session.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';

export interface FindingsOptions extends ReportOptions {
  readonly all?: true;
}

export interface AcknowledgeOptions extends ReportOptions {
  readonly note: string;
}

/** An installation with more than this has one fault, not that many findings. */
const FINDINGS_MOST = 10_000;
const NOTE_MOST = 2000;

/** `auditferry findings`: what an operator has to know and no retry can fix. */
export function registerFindings(program: Command): void {
  const group = program
    .command('findings')
    .summary('list and acknowledge what no retry can fix')
    .description('list what was noticed that no retry can fix, and acknowledge it');
  takeConfigArgument(withConfig(group.command('list', { isDefault: true })))
    .description('list them, newest first')
    .option('--all', 'also those that were acknowledged')
    .action(async (_file: unknown, options: FindingsOptions) => {
      process.exitCode = await listFindings(options, processTerminal());
    });
  withConfig(group.command('acknowledge'))
    .description('mark as looked into: no longer listed, unless it changes')
    .argument('<ids...>', 'their ids', parseId)
    .requiredOption('--note <text>', 'what was found out, for the record')
    .action(async (ids: readonly bigint[], options: AcknowledgeOptions) => {
      process.exitCode = await acknowledgeFindings(ids, options, processTerminal());
    });
}

export async function listFindings(options: FindingsOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const found = await withJournal(config, terminal, (journal) =>
    journal.findings({ unacknowledgedOnly: options.all !== true, limit: FINDINGS_MOST }),
  );
  if (options.json === true) {
    writeJson(terminal.out, { findings: found.map(document) });
    return EXIT.done;
  }
  if (found.length === 0)
    terminal.out.write(options.all === true ? 'no findings\n' : 'no findings to look at\n');
  for (const finding of found) for (const line of lines(finding)) terminal.out.write(`${line}\n`);
  return EXIT.done;
}

export async function acknowledgeFindings(
  ids: readonly bigint[],
  options: AcknowledgeOptions,
  terminal: Terminal,
): Promise<number> {
  const note = shown(options.note);
  if (note === '' || note.length > NOTE_MOST) {
    throw new ForwardError('config', `--note takes a sentence of at most ${NOTE_MOST} characters`);
  }
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const wanted = new Set(ids);
  const { acknowledged, before, unknown } = await withJournal(config, terminal, async (journal) => {
    const named = await everyFinding(journal, { unacknowledgedOnly: false, ids: [...wanted] });
    const known = new Set(named.map(({ id }) => id));
    const open = named.filter((finding) => finding.acknowledgedAt === null).map(({ id }) => id);
    await journal.acknowledge(open, note);
    return {
      acknowledged: open,
      before: [...known].filter((id) => !open.includes(id)),
      unknown: [...wanted].filter((id) => !known.has(id)),
    };
  });
  if (options.json === true) writeJson(terminal.out, { acknowledged, acknowledged_before: before, unknown });
  else {
    for (const id of unknown) terminal.err.write(`${id}: there is no such finding\n`);
    for (const id of before) terminal.err.write(`${id}: it was acknowledged before; the first note stays\n`);
    terminal.out.write(`${count(acknowledged.length, 'finding')} acknowledged\n`);
  }
  return unknown.length === 0 ? EXIT.done : EXIT.failed;
}

function lines(finding: StoredFinding): string[] {
  const { id, source, kind, firstAt, lastAt, seen, summary, window, eventId } = finding;
  const times = seen === 1 ? `seen ${firstAt}` : `seen ${seen} times from ${firstAt} to ${lastAt}`;
  const about = [
    eventId === undefined ? '' : `event ${eventId}`,
    window === undefined ? '' : `${formatTime(window.startNs)} to ${formatTime(window.endNs)}`,
  ].filter((text) => text !== '');
  const acknowledged =
    finding.acknowledgedAt === null
      ? []
      : [`acknowledged ${finding.acknowledgedAt}: ${finding.acknowledgement ?? ''}`];
  const below = [summary, ...about, times, ...acknowledged];
  return [
    `#${id}  ${shown(kind, 60)}  source ${shown(source, 64)}`,
    ...below.map((line) => `    ${shown(line)}`),
  ];
}

function document(finding: StoredFinding): object {
  const { window } = finding;
  return {
    id: finding.id,
    source: finding.source,
    kind: finding.kind,
    summary: finding.summary,
    event_id: finding.eventId ?? null,
    window:
      window === undefined ? null : { start: formatTime(window.startNs), end: formatTime(window.endNs) },
    detail: finding.detail ?? null,
    first_at: finding.firstAt,
    last_at: finding.lastAt,
    seen: finding.seen,
    acknowledged_at: finding.acknowledgedAt,
    acknowledgement: finding.acknowledgement,
  };
}
