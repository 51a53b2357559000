import { once } from 'node:events';

import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { formatDuration } from '../model/units.ts';
import { expected, place, readText } from '../simulator/options.ts';
import type { SimulatorPatch } from '../simulator/options.ts';
import { startSimulator } from '../simulator/server.ts';
import type { RunningSimulator } from '../simulator/server.ts';
import { switches } from '../simulator/switches.ts';
import type { Switch } from '../simulator/switches.ts';
import { interruptible } from './interrupt.ts';

/** `auditferry simulate`: a Platform on loopback, one flag for each switch, until a signal ends it. */
export function registerSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .summary('run a simulated Platform to try things against')
    .description('run a simulated Platform to try a configuration against')
    .option('--json', 'print the address, the key and the options as one JSON document');
  for (const entry of switches) command.addOption(flagOf(entry));
  command.action(async (given: Record<string, unknown>) => {
    const simulator = await startSimulator(patchFrom(given));
    process.stdout.write(given['json'] === true ? asJson(simulator) : asText(simulator));
    await interruptible((signal) => once(signal, 'abort'));
    await simulator.close();
  });
}

/** `late.up_to` is --late-up-to; a switch that is on by default is turned off with --no-…. */
function flagOf(entry: Switch): Option {
  const name = entry.path.replaceAll(/[._]/g, '-');
  if (entry.kind === 'flag') {
    return new Option(entry.initial === true ? `--no-${name}` : `--${name}`, entry.description);
  }
  const shown = entry.kind === 'duration' ? formatDuration(Number(entry.initial)) : String(entry.initial);
  const standard = shown === '' ? '' : ` (default: ${shown})`;
  const option = new Option(`--${name} <${entry.kind}>`, `${entry.description}${standard}`);
  if (entry.kind === 'choice') return option.choices([...(entry.choices ?? [])]);
  return option.argParser((text) => valueFrom(entry, text));
}

function valueFrom(entry: Switch, text: string): unknown {
  const value = readText(entry, text);
  if (value === undefined) throw new InvalidArgumentError(`It takes ${expected(entry)}.`);
  return value;
}

function patchFrom(given: Record<string, unknown>): SimulatorPatch {
  const patch: Record<string, unknown> = {};
  for (const entry of switches) {
    const value = given[camelCase(entry.path)];
    if (value !== undefined) place(patch, entry.path, value);
  }
  return patch;
}

/** The name under which commander keeps the flag's value. */
function camelCase(path: string): string {
  return path.replaceAll(/[._]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function asText({ url, platform }: RunningSimulator): string {
  const { api, api_key: key } = platform.options();
  const count = platform.visibleEvents().length.toLocaleString('en');
  const keyed = key === '' ? 'it asks for no key' : `its key is ${key}`;
  return [
    `Simulated Platform (API ${api}) on ${url}/api with ${count} events so far; ${keyed}. Ctrl-C stops it. In a configuration:`,
    '',
    'sources:',
    '  simulated:',
    '    type: cloudquery',
    `    url: ${url}`,
    `    api_key: ${JSON.stringify(key === '' ? 'any' : key)}`,
    '',
  ].join('\n');
}

function asJson({ url, platform }: RunningSimulator): string {
  const options = platform.options();
  const events = platform.visibleEvents().length;
  return `${JSON.stringify({ url, api: options.api, api_key: options.api_key, events, options })}\n`;
}
