import { accessSync, constants, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';

import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import type { Clock } from '../../model/clock.ts';
import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import { repairsFor, verify } from '../../pipeline/verify.ts';
import type { VerifyContext, VerifyStep } from '../../pipeline/verify.ts';
import type { VerifyResult, Waits } from '../../pipeline/verify/result.ts';
import type { BuiltParts } from '../build-parts.ts';
import { carryOut } from '../jobs/carry-out.ts';
import { EXIT } from '../exit.ts';
import { fingerprintOf } from './fingerprint.ts';
import { interruptible } from '../interrupt.ts';
import { figure, jobProgress, progressLine, reasonOf } from '../jobs/figures.ts';
import { openLog } from '../log.ts';
import { withProgress } from '../progress.ts';
import type { Tell } from '../progress.ts';
import { knownName, readRange, withRange } from '../range.ts';
import type { RangeOptions } from '../range.ts';
import { reportPage } from './page.ts';
import { takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withJournal, withParts } from '../session.ts';
import { askDaemon } from '../status/reader.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { verifyRecordsCommand } from './records.ts';
import type { RecordsOptions } from './records.ts';
import { verifyDocument } from './document.ts';
import type { Circumstances } from './document.ts';
import { redactionOf } from './redaction.ts';
import { verifyText } from './text.ts';
import { version } from '../version.ts';

export interface VerifyOptions extends ReportOptions, RangeOptions, Partial<RecordsOptions> {
  readonly sink?: string;
  readonly deep?: true;
  readonly repair?: true;
  readonly report?: string;
}

/** A part that fails longer than this leaves the proof open. Milliseconds. */
const PATIENCE_MS = 120_000;
const REASON_MOST = 200;

/** `auditferry verify`: Platform against journal against sinks, for a range; or exported records by themselves. */
export function registerVerify(program: Command): void {
  const command = withRange(takeConfigArgument(withConfig(program.command('verify'))))
    .summary('compare Platform, journal and sinks; name what is missing')
    .description('compare Platform, journal and sinks over a range, and name every event that is missing')
    .option('--sink <name>', 'of the sinks only this one')
    .option('--deep', 'read and compare every event, also where the counts agree')
    .option('--report <file>', 'write an HTML page for an auditor')
    .option('--repair', 'append what the journal lacks, send again what a sink lacks, then verify again')
    .option(
      '--records <file>',
      'instead: judge records that a receiver exported by the heartbeats among them; needs nothing else',
    )
    .option('--public-key <file>', 'with --records: check signatures with this Ed25519 key in PEM')
    .action(async (_file: unknown, options: VerifyOptions) => {
      assertApart(options, (name) => command.getOptionValueSource(name) === 'cli');
      process.exitCode = await interruptible((signal) => {
        const terminal = processTerminal(signal);
        const { records } = options;
        return records === undefined
          ? verifyCommand(options, terminal)
          : verifyRecordsCommand({ ...options, records }, terminal);
      });
    });
  // Records stand for themselves: neither a configuration nor a range has to be given then. This runs before it is looked whether they are.
  command.on('option:records', () => {
    for (const option of command.options) option.makeOptionMandatory(false);
  });
}

const FOR_A_RANGE = ['from', 'to', 'source', 'sink', 'deep', 'repair', 'report'];

function assertApart({ records, publicKey }: VerifyOptions, isGiven: (name: string) => boolean): void {
  const stray = FOR_A_RANGE.find(isGiven);
  if (records !== undefined && stray !== undefined)
    throw new ForwardError('config', `--${stray} does not go with --records, which judges the whole file`);
  if (records === undefined && publicKey !== undefined)
    throw new ForwardError('config', '--public-key goes with --records only');
}

export async function verifyCommand(options: VerifyOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal);
  const range = readRange(options, terminal.clock);
  knownName(config, 'source', options.source);
  knownName(config, 'sink', options.sink);
  const page = options.report === undefined ? null : writablePath(options.report);
  let result = await verifyOnce(config, options, range, terminal);
  const repairs = options.repair === true ? await repair(config, result, terminal) : [];
  if (repairs.length > 0) result = await verifyOnce(config, options, range, terminal);
  const circumstances: Circumstances = {
    who: whoIsThis(),
    version,
    configuration: fingerprintOf(config),
    redaction: redactionOf(config),
    repairs,
  };
  if (page !== null) writePage(page, reportPage(result, circumstances));
  if (options.json === true) writeJson(terminal.out, verifyDocument(result, circumstances));
  else {
    const lines = [...repairs.map((done) => `repaired: ${done}`), ...verifyText(result, terminal.out)];
    terminal.out.write(`${lines.join('\n')}\n`);
  }
  return result.verdict === 'complete' ? EXIT.done : EXIT.incomplete;
}

/** Beside a running daemon or alone: the journal is opened as a guest, and nothing is written to it. */
function verifyOnce(
  config: Config,
  options: VerifyOptions,
  range: Window,
  terminal: Terminal,
): Promise<VerifyResult> {
  return withJournal(config, terminal, async (journal) => {
    const waits = await askWaits(config, journal.installationId, terminal);
    return withProgress(terminal, 'verifying', (tell, beside) =>
      withParts(config, beside, (parts) => {
        const context: VerifyContext = {
          journal,
          ...chosen(parts, options),
          partial: {
            sources: options.source !== undefined && parts.sources.size > 1,
            sinks: options.sink !== undefined && parts.sinks.size > 1,
          },
          waits,
          deep: options.deep === true,
          clock: terminal.clock,
          log: openLog(config.log, beside.err),
          patienceMs: PATIENCE_MS,
          onProgress: stepTeller(terminal.clock, tell),
        };
        return verify(context, range, terminal.signal);
      }),
    );
  });
}

/** How far each comparison is: its rate and the time left count from where it began. */
export function stepTeller(clock: Pick<Clock, 'monotonic'>, tell: Tell): (step: VerifyStep) => void {
  let name: string | null = null;
  let begunMs = 0;
  return (step) => {
    const nowMs = clock.monotonic();
    if (step.name !== name) begunMs = nowMs;
    name = step.name;
    const share = step.of === 0 ? 1 : Math.min(step.done / step.of, 1);
    tell(`${name}: ${progressLine(share, step.done, nowMs - begunMs)}`);
  };
}

/** Why sinks wait only the running daemon knows; where it does not say, they wait without a reason. */
async function askWaits(
  config: Config,
  installationId: string,
  terminal: Terminal,
): Promise<ReadonlyMap<string, Waits>> {
  const answer = await askDaemon(config, terminal);
  const waits = new Map<string, Waits>();
  if (answer instanceof ForwardError || answer.installation_id !== installationId) return waits;
  for (const { name, state, reason } of answer.sinks) {
    if (reason !== null) waits.set(name, { held: state === 'held', reason: oneLine(reason, REASON_MOST) });
  }
  return waits;
}

function chosen(parts: BuiltParts, options: VerifyOptions): Pick<VerifyContext, 'sources' | 'sinks'> {
  const sources = [...parts.sources].filter(([name]) => name === (options.source ?? name));
  const sinks = [...parts.sinks].filter(([name]) => name === (options.sink ?? name));
  const prepared = sinks.map(([name, part]) => {
    const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf);
    return [name, { sink: part.sink, prepare }] as const;
  });
  return { sources: new Map(sources), sinks: new Map(prepared) };
}

/** Repairs what can be fixed, and says what was done; one that fails does not keep the others from being tried. */
async function repair(config: Config, result: VerifyResult, terminal: Terminal): Promise<string[]> {
  const done: string[] = [];
  for (const { kind, params, does } of repairsFor(result)) {
    terminal.err.write(`repair: ${does}\n`);
    const { state, progress } = await carryOut(config, terminal, kind, params, jobProgress[kind]);
    const outcome =
      kind === 'backfill'
        ? `${figure(progress, 'appended')} appended`
        : `${figure(progress, 'sent')} sent, ${figure(progress, 'refused')} refused`;
    const end =
      state === 'done' ? outcome : state === 'left' ? 'not waited for' : `failed: ${reasonOf(progress)}`;
    done.push(`${does}: ${end}`);
    terminal.signal.throwIfAborted();
  }
  return done;
}

/** Looked at before the work, which may take long. */
function writablePath(file: string): string {
  const path = resolve(file);
  try {
    accessSync(dirname(path), constants.W_OK);
    return path;
  } catch (error) {
    throw unwritable(path, error);
  }
}

function writePage(path: string, page: string): void {
  try {
    writeFileSync(path, page);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): ForwardError {
  return new ForwardError('config', `the report cannot be written to ${path}: ${describe(error)}`, {
    cause: error,
    hint: 'give --report a file in a folder that this user may write to',
  });
}

function whoIsThis(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return hostname(); // a user id without a name, as in many containers
  }
}
