import type { DeadLetter, DeadLetterGlimpse, Journal } from '../../checkpoint/journal.ts';
import { ForwardError } from '../../model/errors.ts';
import { EXIT } from '../exit.ts';
import { assertKnownOwner, EVERY_STATE, matching } from './selection.ts';
import type { Selection } from './selection.ts';
import { count, escaped, jsonText, shown, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withJournal } from '../session.ts';
import { writeWaiting } from '../standard-output.ts';
import { alignColumns } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export interface ListOptions extends ReportOptions, Selection {}

/** More rows than this are counted, not listed; `export` has them all. */
const ROWS_MOST = 1000;
/** More of an event than this helps nobody on a terminal. Bytes. */
const SHOWN_BYTES_MOST = 64 * 1024;

const COUNTED: readonly DeadLetter['state'][] = ['open', 'retrying'];

export async function listLetters(options: ListOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal);
  const rows: DeadLetterGlimpse[] = [];
  let more = 0;
  const counts = await withJournal(config, terminal, async (journal) => {
    await assertKnownOwner(config, journal, options);
    for await (const page of matching(journal, [], options, options.all === true ? EVERY_STATE : COUNTED)) {
      const room = ROWS_MOST - rows.length;
      rows.push(...page.slice(0, room));
      more += Math.max(page.length - room, 0);
    }
    return journal.deadLetterCounts();
  });
  if (options.json === true) {
    writeJson(terminal.out, { dead_letters: rows.map(metadata), more, counts: Object.fromEntries(counts) });
    return EXIT.done;
  }
  if (rows.length === 0) terminal.out.write('no dead letters\n');
  else for (const line of tableOf(rows, terminal)) terminal.out.write(`${line}\n`);
  if (more > 0) terminal.out.write(`… and ${count(more, 'more', 'more')}: dead-letters export prints all\n`);
  return EXIT.done;
}

function tableOf(letters: readonly DeadLetterGlimpse[], { out }: Terminal): string[] {
  const rows = letters.map((letter) => [
    letter.id.toString(),
    `${letter.side} ${shown(letter.owner, 64)}`,
    letter.state,
    letter.attempts.toString(),
    seconds(letter.firstAt),
    seconds(letter.lastAt),
    shown(letter.event?.id ?? '-', 60),
    shown(letter.reason),
  ]);
  const head = ['ID', 'OWNER', 'STATE', 'TRIES', 'FIRST', 'LAST', 'EVENT', 'REASON'];
  return alignColumns([head, ...rows], out.isTTY === true ? out.columns : undefined);
}

function seconds(time: string): string {
  return shown(time.replace(/\.\d+Z$/, 'Z'), 40);
}

/** One dead letter without its bytes, in the words of every JSON answer. */
function metadata(letter: DeadLetter | DeadLetterGlimpse): Record<string, unknown> {
  return {
    id: letter.id,
    owner: letter.owner,
    side: letter.side,
    state: letter.state,
    reason: letter.reason,
    attempts: letter.attempts,
    first_at: letter.firstAt,
    last_at: letter.lastAt,
    discard_reason: letter.discardReason,
    event_id: letter.event?.id ?? null,
    source: letter.event?.source ?? (letter.side === 'source' ? letter.owner : null),
    created_at: letter.event?.createdAt ?? null,
  };
}

export async function showLetter(id: bigint, options: ReportOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal);
  const letter = await withJournal(config, terminal, (journal) => readLetter(journal, id));
  if (letter === undefined) {
    throw new ForwardError('rejected', `there is no dead letter ${id}`, {
      hint: 'auditferry dead-letters list shows the ids; one that was delivered in a retry is gone',
    });
  }
  if (options.json === true) {
    writeJson(terminal.out, withBytes(letter));
    return EXIT.done;
  }
  const fields = Object.entries(metadata(letter)).filter(([, value]) => value !== null);
  const lines = alignColumns(
    fields.map(([key, value]) => [key.replaceAll('_', ' '), shown(String(value))]),
    undefined,
  );
  for (const line of lines) terminal.out.write(`${line}\n`);
  terminal.out.write(`\n${readable(letter.bytes)}\n`);
  return EXIT.done;
}

async function readLetter(journal: Journal, id: bigint): Promise<DeadLetter | undefined> {
  const [letter] = await journal.deadLetters({ ids: [id], states: EVERY_STATE, limit: 1 });
  return letter;
}

/** The bytes as text that no terminal obeys; what is not UTF-8 stands as \xNN. */
function readable(bytes: Buffer): string {
  const part = bytes.subarray(0, SHOWN_BYTES_MOST);
  const more = bytes.length - part.length;
  const text = textOf(bytes) === null ? hexEscaped(part) : escaped(part.toString('utf8'));
  return more === 0 ? text : `${text}\n… and ${count(more, 'more byte')}: dead-letters export prints all`;
}

function hexEscaped(bytes: Buffer): string {
  return [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

function withBytes(letter: DeadLetter): Record<string, unknown> {
  return { ...metadata(letter), bytes: letter.bytes.toString('base64'), original: textOf(letter.bytes) };
}

/** Null when the bytes are not UTF-8: then only the base64 is the truth. */
function textOf(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Returns whether every id that was named is known. */
export async function exportLetters(
  ids: readonly bigint[],
  options: ListOptions,
  terminal: Terminal,
): Promise<boolean> {
  const config = await openConfig(options.config, terminal);
  const states = ids.length > 0 || options.all === true ? EVERY_STATE : COUNTED;
  const unseen = new Set(ids);
  await withJournal(config, terminal, async (journal) => {
    await assertKnownOwner(config, journal, options);
    for await (const page of matching(journal, ids, options, states)) {
      for (const { id } of page) {
        unseen.delete(id);
        const letter = await readLetter(journal, id);
        if (letter !== undefined) await writeWaiting(terminal.out, `${jsonText(withBytes(letter))}\n`);
      }
    }
  });
  for (const id of unseen) terminal.err.write(`${id}: there is no such dead letter\n`);
  return unseen.size === 0;
}
