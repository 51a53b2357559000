import { Command, CommanderError, Help } from 'commander';
import type { Option } from 'commander';

import { describe, ForwardError } from '../model/errors.ts';
import { registerBackfill } from './backfill.ts';
import { registerCheck } from './check.ts';
import { registerCompletion } from './completion.ts';
import { registerDeadLetters } from './dead-letters.ts';
import { leave, surviveLostReaders } from './ending.ts';
import { registerEventTypes } from './event-types.ts';
import { EXIT } from './exit.ts';
import { registerFindings } from './findings.ts';
import { registerInit } from './init.ts';
import { Interrupted } from './interrupt.ts';
import { registerPreview } from './preview.ts';
import { registerReplay } from './replay.ts';
import { registerRun } from './run.ts';
import { registerSchema } from './schema.ts';
import { registerSimulate } from './simulate.ts';
import { registerStatus } from './status.ts';
import { registerVerify } from './verify.ts';
import { version } from './version.ts';

/** The whole life of the process. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  surviveLostReaders();
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
    .showHelpAfterError('(see auditferry --help)')
    .configureHelp({ showGlobalOptions: true, optionDescription })
    .exitOverride();
  for (const register of [
    registerInit,
    registerCheck,
    registerPreview,
    registerRun,
    registerVerify,
    registerBackfill,
    registerReplay,
    registerStatus,
    registerDeadLetters,
    registerFindings,
    registerEventTypes,
    registerSimulate,
    registerSchema,
    registerCompletion,
  ])
    register(program);
  overrideExit(program);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The usage line says [options] also where one has to be given: its description says so. */
function optionDescription(option: Option): string {
  const description = new Help().optionDescription(option);
  return option.mandatory ? `${description} (required)` : description;
}

/** A command at any depth throws instead of ending the process: the exit code is decided below. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExit);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ForwardError) {
    // A configuration error holds one line per fault, made safe where it was written; others are one line.
    const text = error.kind === 'config' ? error.message : describe(error);
    process.stderr.write(`${text}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
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
