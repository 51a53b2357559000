import { Option } from 'commander';
import type { Command } from 'commander';

import { escapeUnit, oneLine } from '../model/errors.ts';
import type { Output } from './terminal.ts';

/** Options that every reporting command takes. */
export interface ReportOptions {
  readonly config: string;
  readonly json?: true;
}

const CONFIG_VARIABLE = 'AUDITFERRY_CONFIG';

/** Adds `-c` and `--json`: what every command takes that reports. */
export function withConfig(command: Command): Command {
  return withConfigFile(command).option('--json', 'print one JSON document on standard output');
}

/** Adds `-c`. A container names its file once, in the environment, for the daemon and for every command beside it. */
export function withConfigFile(command: Command): Command {
  const option = new Option('-c, --config <file>', 'the configuration file').default('./auditferry.yaml');
  // A container says "not set" with an empty variable.
  return command.addOption(process.env[CONFIG_VARIABLE] === '' ? option : option.env(CONFIG_VARIABLE));
}

/**
 * For a command without arguments of its own: the file may also stand alone, `auditferry check my.yaml`. Its action gets the argument first,
 * and finds the name in `config` all the same.
 */
export function takeConfigArgument(command: Command): Command {
  return command
    .argument('[file]', 'the configuration file, instead of -c')
    .hook('preAction', (_command, called) => {
      const [file] = called.args;
      if (file === undefined) return;
      if (called.getOptionValueSource('config') === 'cli')
        called.error('error: the configuration file is named twice, by -c and by itself');
      called.setOptionValueWithSource('config', file, 'cli');
    });
}

/** Prints one JSON document on one line. Integers of the journal become numbers where a double holds them, else text. */
export function writeJson(out: Output, document: unknown): void {
  out.write(`${jsonText(document)}\n`);
}

export function jsonText(document: unknown): string {
  const text = JSON.stringify(document, (_key, value: unknown) =>
    typeof value === 'bigint'
      ? Number.isSafeInteger(Number(value))
        ? Number(value)
        : value.toString()
      : value,
  );
  return escapeUnseen(text);
}

/** JSON text with JSON's own escapes for what a terminal would obey: it says the same. */
export function escapeUnseen(json: string): string {
  return json.replace(UNSEEN, escapeUnit);
}

/** Untrusted text of any length on one line, safe for a terminal. */
export function shown(text: string, limit = Infinity): string {
  return oneLine(text, limit);
}

/**
 * Untrusted text as it is, line breaks kept, but nothing in it can move the cursor or turn the reading direction: each such
 * character stands as its escape.
 */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u0009\u000b-\u001f]/g, escapeUnit)
    .replace(UNSEEN, escapeUnit);
}

/** Control characters that JSON leaves as they are, and marks that turn the reading direction around. */
const UNSEEN = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export type Mark = 'ok' | 'warn' | 'fail';

const SIGNS: Readonly<Record<Mark, string>> = { ok: '✓', warn: '!', fail: '✗' };
const WORDS: Readonly<Record<Mark, string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** A sign on a terminal, a word elsewhere: a file that is searched later wants words. */
export function markOf(mark: Mark, out: Output): string {
  return out.isTTY === true ? SIGNS[mark] : WORDS[mark];
}

/** `1 event`, `2 events`, with thousands apart. */
export function count(number: number | bigint, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${BigInt(number) === 1n ? one : many}`;
}
