import pino from 'pino';

import type { Config } from '../config/config.ts';
import type { Log } from '../model/log.ts';
import { escapeUnseen, shown } from './report.ts';

/** Where lines go: process.stderr, or whatever a test hands in. */
interface LineSink {
  write(text: string, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean;
  /** What was written and not taken yet. Bytes. */
  readonly writableLength?: number;
}

/** A reader that stops reading may be this far behind before lines are dropped. Bytes. */
const UNREAD_LIMIT_BYTES = 1024 * 1024;

let dropped = 0;

/** Lines of this process's log that nobody took: its reader has left, or reads no more. */
export function droppedLogLines(): number {
  return dropped;
}

/** A log whose settings a reload may change; lines of its children follow once these are made anew. */
export interface ProgramLog extends Log {
  configure(options: Config['log']): void;
}

/** The program's log: JSON lines, or plain sentences when a person is watching (a terminal, or log.format: pretty). */
export function openLog(options: Config['log'], stream: LineSink = process.stderr): ProgramLog {
  let pretty = isPretty(options, stream);
  const write = neverWaiting(stream, (line) => (pretty ? prettyLine(line) : escapeUnseen(line)));
  const destination = { write };
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

/**
 * Writes lines to a stream without ever being held up, or ended, by its reader. What it does not take is dropped and counted, and the next
 * line that it takes comes after one that says so.
 */
function neverWaiting(stream: LineSink, spelled: (line: string) => string): (line: string) => void {
  let missing = 0;
  const miss = (): void => {
    dropped += 1;
    missing += 1;
  };
  const put = (line: string): void => {
    stream.write(spelled(line), (error) => {
      if (error) miss();
    });
  };
  return (line) => {
    if ((stream.writableLength ?? 0) > UNREAD_LIMIT_BYTES) return miss();
    if (missing > 0) put(droppedLine(missing));
    missing = 0;
    put(line);
  };
}

function droppedLine(lines: number): string {
  const time = new Date().toISOString();
  const msg = 'lines of this log were dropped: nobody read them';
  return `${JSON.stringify({ level: 'warn', time, lines, msg })}\n`;
}

const HIDDEN = new Set(['level', 'time', 'msg', 'source', 'sink', 'name']);
const NAME_WIDTH = 10;
const FIELD_MOST = 300;

/** `12:00:03  platform    read 12 new events  (read_up_to 2026-01-01T00:00:00Z)`: from one JSON line of the log. */
function prettyLine(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const who =
    [entry['source'], entry['sink'], entry['name']].find((name) => typeof name === 'string') ?? 'auditferry';
  const fields = Object.entries(entry)
    .filter(([key, value]) => !HIDDEN.has(key) && value !== undefined && !isForPrograms(value))
    .map(([key, value]) => `${shown(key.replaceAll('_', ' '))} ${show(value)}`);
  const level = entry['level'] === 'info' ? '' : `${String(entry['level']).toUpperCase()} `;
  const detail = fields.length === 0 ? '' : `  (${fields.join(', ')})`;
  const at = String(entry['time']).slice(11, 19);
  return `${at}  ${shown(String(who)).padEnd(NAME_WIDTH)}  ${level}${shown(String(entry['msg']))}${detail}\n`;
}

/** Objects repeat for programs what the sentence says. */
function isForPrograms(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}

function show(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-US');
  return shown(typeof value === 'string' ? value : JSON.stringify(value), FIELD_MOST);
}
