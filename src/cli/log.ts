import pino from 'pino';

import type { Config } from '../config/config.ts';
import { oneLine } from '../model/errors.ts';
import type { Log } from '../model/log.ts';

/** Where lines go: process.stderr, or whatever a test hands in. */
interface LineSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** A log whose settings a reload may change; lines of its children follow once these are made anew. */
export interface ProgramLog extends Log {
  configure(options: Config['log']): void;
}

/** The program's log: JSON lines, or plain sentences when a person is watching (a terminal, or log.format: pretty). */
export function openLog(options: Config['log'], stream: LineSink = process.stderr): ProgramLog {
  let pretty = isPretty(options, stream);
  const destination = { write: (line: string) => stream.write(pretty ? prettyLine(line) : line) };
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.authorization', '*.token', '*.password', '*.api_key'], censor: '[secret]' },
    },
    destination,
  );
  return Object.assign(log, {
    configure(next: Config['log']) {
      pretty = isPretty(next, stream);
      log.level = next.level;
    },
  });
}

function isPretty({ format }: Config['log'], stream: LineSink): boolean {
  return format === 'pretty' || (format === 'auto' && stream.isTTY === true);
}

const HIDDEN = new Set(['level', 'time', 'msg', 'source', 'sink', 'name']);
const NAME_WIDTH = 10;

/** `12:00:03  platform    read 12 new events  (read_up_to 2026-01-01T00:00:00Z)`: from one JSON line of the log. */
function prettyLine(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const who =
    [entry['source'], entry['sink'], entry['name']].find((name) => typeof name === 'string') ?? 'auditferry';
  const fields = Object.entries(entry)
    .filter(([key, value]) => !HIDDEN.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key.replaceAll('_', ' ')} ${show(value)}`);
  const level = entry['level'] === 'info' ? '' : `${String(entry['level']).toUpperCase()} `;
  const detail = fields.length === 0 ? '' : `  (${fields.join(', ')})`;
  const at = String(entry['time']).slice(11, 19);
  return `${at}  ${String(who).padEnd(NAME_WIDTH)}  ${level}${String(entry['msg'])}${detail}\n`;
}

function show(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-US');
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
}
