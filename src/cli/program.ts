import { Command, CommanderError, Help } from 'commander';
import type { Option } from 'commander';

import { FileError } from '../config/problems.ts';
import { describe, ForwardError } from '../model/errors.ts';
import { leave, ownProcess } from './ending.ts';
import { EXIT } from './exit.ts';
import { Interrupted } from './interrupt.ts';
import { keepMemorySmall } from './memory.ts';
import { hang } from './table.ts';
import type { Output } from './terminal.ts';
import { version } from './version.ts';

/** The whole life of the process. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  ownProcess();
  keepMemorySmall();
  await main(argv);
  await leave();
}

/** Reads the command line, runs the command, sets the exit code. The one place where an error becomes text and a code. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('auditferry')
    .description(
      'Carries the audit log of a CloudQuery Platform into a SIEM, loses nothing, and can prove it.',
    )
    .version(version)
    .configureHelp({
      showGlobalOptions: true,
      optionDescription,
      // A line each: the list fits a small terminal.
      subcommandTerm: (command) => command.name(),
    })
    .exitOverride();
  for (const load of commandsFor(argv)) (await load())(program);
  prepare(program, []);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

type Register = (program: Command) => void;

/** Every command, in the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['init', async () => (await import('./init.ts')).registerInit],
  ['check', async () => (await import('./check/command.ts')).registerCheck],
  ['preview', async () => (await import('./preview/command.ts')).registerPreview],
  ['test', async () => (await import('./mapping-tests/command.ts')).registerTest],
  ['run', async () => (await import('./run/command.ts')).registerRun],
  ['tail', async () => (await import('./tail/command.ts')).registerTail],
  ['verify', async () => (await import('./verify/command.ts')).registerVerify],
  ['backfill', async () => (await import('./jobs/backfill.ts')).registerBackfill],
  ['replay', async () => (await import('./jobs/replay.ts')).registerReplay],
  ['status', async () => (await import('./status/command.ts')).registerStatus],
  ['health', async () => (await import('./health.ts')).registerHealth],
  ['dead-letters', async () => (await import('./dead-letters/command.ts')).registerDeadLetters],
  ['findings', async () => (await import('./findings.ts')).registerFindings],
  ['journal', async () => (await import('./journal/command.ts')).registerJournal],
  ['event-types', async () => (await import('./event-types.ts')).registerEventTypes],
  ['simulate', async () => (await import('./simulate.ts')).registerSimulate],
  ['schema', async () => (await import('./schema.ts')).registerSchema],
  ['names', async () => (await import('./completion/names.ts')).registerNames],
  ['completion', async () => (await import('./completion/command.ts')).registerCompletion],
]);

/** A command is loaded alone: the daemon is not to carry the report of `verify`. The help and a mistyped name need them all. */
function commandsFor(argv: readonly string[]): readonly (() => Promise<Register>)[] {
  const named = argv[2];
  const alone = named === 'completion' ? undefined : COMMANDS.get(named ?? '');
  return alone === undefined ? [...COMMANDS.values()] : [alone];
}

/** The usage line says [options] also where one has to be given: its description says so. */
function optionDescription(option: Option): string {
  const description = new Help().optionDescription(option);
  return option.mandatory ? `${description} (required)` : description;
}

/** A command at any depth names its own help in an error, and throws instead of ending the process: the exit code is decided below. */
function prepare(command: Command, above: readonly string[]): void {
  const path = [...above, command.name()];
  command.exitOverride();
  command.showHelpAfterError(`(see ${path.join(' ')} --help)`);
  for (const below of command.commands) prepare(below, path);
}

/** A line of a message, broken between words on a narrow terminal; an excerpt of a file stays as it is. */
function fitted(line: string, out: Output): string[] {
  return out.isTTY !== true || /^ +\d* \| /.test(line) ? [line] : hang(line, out.columns);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ForwardError) {
    // A configuration error holds one line per fault, made safe where it was written; others are one line.
    const text =
      error instanceof FileError
        ? error.illustrated
        : error.kind === 'config'
          ? error.message
          : describe(error);
    for (const line of [...text.split('\n'), ...(error.hint === undefined ? [] : [`  ${error.hint}`])])
      for (const part of fitted(line, process.stderr)) process.stderr.write(`${part}\n`);
    return error.kind === 'config' ? EXIT.usage : EXIT.failed;
  }
  if (error instanceof Interrupted) {
    process.stderr.write('interrupted\n');
    return EXIT.failed;
  }
  process.stderr.write(
    `auditferry failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.failed;
}
