import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { Option } from 'commander';
import type { Command } from 'commander';

import { parseConfig } from '../config/load.ts';
import { loadParts } from '../config/parts.ts';
import { describe, ForwardError, oneLine } from '../model/errors.ts';
import { silentLog } from '../model/log.ts';
import { readSmallFile } from '../model/small-file.ts';
import { buildParts } from './build-parts.ts';
import { itemLines, look } from './check/command.ts';
import type { PartItem } from './check/command.ts';
import { EXIT } from './exit.ts';
import { gatherAnswers } from './init-questions.ts';
import type { InitFlags } from './init-questions.ts';
import { composeConfig, SINK_KINDS } from './init-template.ts';
import type { InitAnswers, SecretPlace } from './init-template.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';

export interface InitOptions extends InitFlags {
  readonly output: string;
  readonly force?: true;
}

/** `auditferry init`: asks a few questions, tries the answers, writes a configuration. */
export function registerInit(program: Command): void {
  program
    .command('init')
    .summary('ask a few questions, and write a configuration')
    .description('ask a few questions, test the answers, and write a commented configuration')
    .option('--url <url>', 'address of the CloudQuery Platform')
    .addOption(
      new Option('--api-key-env <name>', 'the environment variable that holds the API key').conflicts(
        'apiKeyFile',
      ),
    )
    .option('--api-key-file <file>', 'the file that holds the API key')
    .addOption(new Option('--sink <type>', 'where events go').choices(SINK_KINDS.map(({ offer }) => offer)))
    .option('--sink-url <address>', 'address of the receiver; for a file its path')
    .addOption(
      new Option(
        '--sink-token-env <name>',
        'the environment variable that holds the sink’s secret',
      ).conflicts('sinkTokenFile'),
    )
    .option('--sink-token-file <file>', 'the file that holds the sink’s secret')
    .option('--index <name>', 'with splunk_hec: the index')
    .option('--state-dir <folder>', 'where the journal is kept', './data')
    .option('--heartbeat', 'send each sink a heartbeat, by which delivery can be proved')
    .option('--output <file>', 'the file to write', 'auditferry.yaml')
    .option('--yes', 'ask nothing: take what the flags say, and the standard answers')
    .option('--force', 'replace the file when it is there')
    .action(async (options: InitOptions) => {
      process.exitCode = await init(options, processTerminal());
    });
}

export async function init(options: InitOptions, terminal: Terminal): Promise<number> {
  const { output } = options;
  if (existsSync(output) && options.force !== true) throw alreadyThere(output);
  const answers = await gatherAnswers(options, terminal);
  const items = await tryAnswers(answers, output, terminal);
  const failed = items.some((item) => item.outcome === 'fail');
  for (const line of itemLines(items, terminal.err)) terminal.err.write(`${line}\n`);
  if (failed) terminal.err.write('Some checks failed; the file is written anyway.\n');
  writeConfig(output, composeConfig(answers), options.force === true);
  terminal.out.write(nextSteps(answers, output, terminal));
  return EXIT.done;
}

/** Looks at the source and the sink for real, where their secrets are at hand. Throws `config` when the file would not load. */
async function tryAnswers(
  answers: InitAnswers,
  output: string,
  terminal: Terminal,
): Promise<readonly PartItem[]> {
  const keyReady = isReady(answers.apiKey, output, terminal);
  const secretReady = answers.secret === null || isReady(answers.secret, output, terminal);
  const variables = missingOf(answers, terminal).map((name) => ({ kind: 'variable', name }) as const);
  /** What the sink cannot be tried without. */
  const missing = secretReady ? variables[0] : (answers.secret ?? undefined);
  // A variable that is set and empty counts as one that is not set: what is not at hand does not keep the rest from being tried.
  const env = Object.fromEntries(Object.entries(terminal.env).filter(([, value]) => value !== ''));
  const text = composeConfig(answers);
  const config = parseConfig(text, output, env, await loadParts(), { unreached: ['sources', 'sinks'] });
  const parts = await buildParts(config, silentLog);
  try {
    const looks = [
      ...[...parts.sources].map(([name, { source }]) =>
        keyReady
          ? look(`source ${name}`, terminal, async (signal) => (await source.check(signal)).items)
          : notTried(`source ${name}`, answers.apiKey),
      ),
      ...[...parts.sinks].map(([name, { sink }]) =>
        missing === undefined
          ? look(`sink ${name}`, terminal, async (signal) => (await sink.check(signal)).items)
          : notTried(`sink ${name}`, missing),
      ),
    ];
    return (await Promise.all(looks)).flat();
  } finally {
    await parts.close();
  }
}

/** Variables that the sink needs beside its secret and that are not set. */
function missingOf({ sink }: InitAnswers, terminal: Terminal): readonly string[] {
  return (sink.needs ?? []).filter((name) => (terminal.env[name] ?? '') === '');
}

async function notTried(part: string, place: SecretPlace): Promise<readonly PartItem[]> {
  const where =
    place.kind === 'variable'
      ? `the variable ${place.name} is not set here`
      : `${oneLine(place.path)} cannot be read here`;
  return [{ part, name: 'not tried', outcome: 'warn', finding: where }];
}

function isReady(place: SecretPlace, output: string, terminal: Terminal): boolean {
  if (place.kind === 'variable') return (terminal.env[place.name] ?? '') !== '';
  try {
    return readSmallFile(resolve(dirname(output), place.path)).length > 0;
  } catch {
    return false; // a secret may be put in place after the configuration is written
  }
}

/** Readable by its owner only, and never half written over a file that was good. */
function writeConfig(output: string, text: string, replace: boolean): void {
  const fresh = `${output}.${process.pid}.new`;
  try {
    if (!replace) return writeFileSync(output, text, { mode: 0o600, flag: 'wx', flush: true });
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(fresh, output);
  } catch (error) {
    if (replace) rmSync(fresh, { force: true });
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw alreadyThere(output);
    throw new ForwardError('config', `${oneLine(output)} cannot be written: ${describe(error)}`, {
      cause: error,
      hint: 'name another file with --output, in a folder that is there',
    });
  }
}

function alreadyThere(output: string): ForwardError {
  return new ForwardError('config', `${oneLine(output)} is there already, and was left as it is`, {
    hint: 'name another file with --output, or replace it with --force',
  });
}

function nextSteps(answers: InitAnswers, output: string, terminal: Terminal): string {
  const places = [answers.apiKey, ...(answers.secret === null ? [] : [answers.secret])];
  const missing = places.filter((place) => !isReady(place, output, terminal));
  const preparations = [
    ...missing.map((place) =>
      place.kind === 'variable' ? `  export ${place.name}=…` : `  put the secret into ${oneLine(place.path)}`,
    ),
    ...missingOf(answers, terminal).map((name) => `  export ${name}=…`),
  ];
  // In a checkout the command is not installed.
  const program = terminal.env['npm_lifecycle_event'] === 'start' ? 'npm start --' : 'auditferry';
  const file = /^[\w./-]+$/.test(output) ? output : `'${oneLine(output).replaceAll("'", `'\\''`)}'`;
  return [
    `wrote ${oneLine(output)}; it holds no secret`,
    '',
    'next:',
    ...preparations,
    `  ${program} check -c ${file} --send`,
    `  ${program} preview -c ${file}`,
    `  ${program} run -c ${file}`,
    '',
  ].join('\n');
}
