import { groupLetters } from '../../admin/letter-groups.ts';
import type { LetterGroup } from '../../admin/letter-groups.ts';
import type { Config } from '../../config/config.ts';
import { JOURNAL_ONLY } from '../../config/load.ts';
import type { DeadLetter, DeadLetterGlimpse, Journal, SentText } from '../../checkpoint/journal.ts';
import { ForwardError } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import { paintOn } from '../colour.ts';
import { EXIT } from '../exit.ts';
import { assertKnownOwner, EVERY_STATE, hasReason, matching, reasonKey } from './selection.ts';
import type { Selection } from './selection.ts';
import { buildParts } from '../build-parts.ts';
import { prettyJson } from '../pretty-json.ts';
import { withProgress } from '../progress.ts';
import type { Tell } from '../progress.ts';
import { renderFor } from '../rendering.ts';
import { count, escaped, jsonText, shown, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withJournal } from '../session.ts';
import { writeWaiting } from '../standard-output.ts';
import { alignColumns, wrap } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export interface ListOptions extends ReportOptions, Selection {
  readonly each?: true;
}

/** More rows than this are counted, not listed; `export` has them all. */
const ROWS_MOST = 1000;
/** More of an event than this helps nobody on a terminal. Bytes. */
const SHOWN_BYTES_MOST = 64 * 1024;

const GROUP_INDENT = '        ';

const COUNTED: readonly DeadLetter['state'][] = ['open', 'retrying'];

export async function listLetters(options: ListOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const rows: DeadLetterGlimpse[] = [];
  let more = 0;
  const { counts, groups, whole } = await withProgress(terminal, 'reading dead letters', () =>
    withJournal(config, terminal, async (journal) => {
      await assertKnownOwner(config, journal, options);
      for await (const page of matching(journal, [], options, options.all === true ? EVERY_STATE : COUNTED)) {
        const room = ROWS_MOST - rows.length;
        rows.push(...page.slice(0, room));
        more += Math.max(page.length - room, 0);
      }
      return { counts: await journal.deadLetterCounts(), ...(await groupLetters(journal)) };
    }),
  );
  const meant = groups.filter((group) => isMeant(group, options));
  if (options.json === true) {
    writeJson(terminal.out, {
      dead_letters: rows.map(metadata),
      more,
      counts: Object.fromEntries(counts),
      groups: meant.map((group) => ({ key: reasonKey(group.example), ...group })),
      groups_whole: whole,
    });
    return EXIT.done;
  }
  const lines =
    rows.length === 0
      ? ['no dead letters']
      : options.each === true || options.all === true
        ? eachLines(rows, more, terminal)
        : groupLines(meant, whole, terminal);
  for (const line of lines) terminal.out.write(`${line}\n`);
  return EXIT.done;
}

function isMeant({ owner, side, example }: LetterGroup, { sink, source, reason }: ListOptions): boolean {
  return (
    (sink === undefined || (side === 'sink' && owner === sink)) &&
    (source === undefined || (side === 'source' && owner === source)) &&
    (reason === undefined || hasReason(reason)({ reason: example }))
  );
}

function eachLines(rows: readonly DeadLetterGlimpse[], more: number, terminal: Terminal): string[] {
  const rest = more === 0 ? [] : [`… and ${count(more, 'more', 'more')}: dead-letters export prints all`];
  return [...tableOf(rows, terminal), ...rest];
}

/** The largest group first: what it is, the reason in the receiver's words, and which events. */
function groupLines(groups: readonly LetterGroup[], whole: boolean, terminal: Terminal): string[] {
  const paint = paintOn(terminal);
  const width = terminal.out.columns ?? Infinity;
  return [
    ...groups.flatMap((group) => {
      const { owner, side, example, retrying, first_at: first, last_at: last } = group;
      const head = [
        `${side} ${shown(owner, 64)}`,
        count(group.count, side === 'sink' ? 'event' : 'item'),
        ...(retrying > 0 ? [`${retrying.toLocaleString('en-US')} being retried`] : []),
      ];
      const times = first === last ? seconds(last) : `${seconds(first)} to ${seconds(last)}`;
      const types = typesLine(group);
      return [
        `${paint('bold', reasonKey(example))}  ${head.join(' · ')}`,
        ...[shown(example), ...(types === '' ? [] : [types]), times]
          .flatMap((text) => wrap(text, width - GROUP_INDENT.length))
          .map((line) => `${GROUP_INDENT}${line}`),
      ];
    }),
    ...(whole ? [] : ['There are more: only the oldest 20,000 were looked at.']),
    '',
    'auditferry dead-letters list --each    one line for each, with its id',
    'auditferry dead-letters retry --reason KEY    the same with export and discard',
  ];
}

function typesLine({ count: all, event_types: types }: LetterGroup): string {
  const counted = Object.entries(types);
  const sampled = counted.reduce((sum, [, number]) => sum + number, 0);
  const list = counted.map(([type, number]) => `${shown(type, 100)} ${number.toLocaleString('en-US')}`);
  return sampled < all && sampled > 0 ? `of the newest ${sampled}: ${list.join(', ')}` : list.join(', ');
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
  const spare = ['FIRST', 'TRIES', 'EVENT', 'STATE'].map((name) => head.indexOf(name));
  return alignColumns([head, ...rows], out.isTTY === true ? out.columns : undefined, spare);
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
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const letter = await withJournal(config, terminal, (journal) => readLetter(journal, id));
  if (letter === undefined) {
    throw new ForwardError('rejected', `there is no dead letter ${id}`, {
      hint: 'auditferry dead-letters list shows the ids; one that was delivered in a retry is gone',
    });
  }
  const now = await renderedNow(letter, config);
  if (options.json === true) {
    writeJson(terminal.out, { ...withBytes(letter), rendered_now: now });
    return EXIT.done;
  }
  const { sent } = letter;
  const { reason, ...rest } = metadata(letter);
  const fields = Object.entries(rest).filter(([, value]) => value !== null);
  const paint = paintOn(terminal);
  const title = (text: string): string => paint(['bold', 'cyan'], text);
  // The events are long: what happened to them stands last, where the eye is.
  const lines = [
    title('What the Platform sent'),
    laidOut(readable(letter.bytes)),
    '',
    ...(sent === null ? [] : [title('What the sink sent'), laidOut(sent.text), ...cutNote(sent), '']),
    ...(now === null
      ? []
      : [title(`What the sink would send now, as ${shown(now.format)}`), laidOut(now.body), '']),
    ...alignColumns(
      fields.map(([key, value]) => [key.replaceAll('_', ' '), shown(String(value))]),
      undefined,
    ),
    '',
    title(letter.side === 'sink' ? 'Why the receiver refused it' : 'Why it could not be read as an event'),
    ...wrap(shown(String(reason)), terminal.out.columns ?? Infinity),
  ];
  for (const line of lines) terminal.out.write(`${line}\n`);
  return EXIT.done;

  function laidOut(text: string): string {
    return text.startsWith('{') && terminal.out.isTTY === true ? prettyJson(text, paint) : escaped(text);
  }
}

function cutNote({ cut }: SentText): string[] {
  return cut ? ['… only its beginning is kept'] : [];
}

interface RenderedNow {
  readonly format: string;
  readonly kind: 'json' | 'text';
  readonly body: string;
}

/**
 * The event of a dead letter through the mapping of today, however old it is and whatever `where` says: what a retry would send. Null for an
 * item that is no event, and where the sink has left the configuration or cannot render it.
 */
async function renderedNow({ side, event, owner }: DeadLetter, config: Config): Promise<RenderedNow | null> {
  if (side !== 'sink' || event === null) return null;
  const parts = await buildParts(config, silentLog);
  try {
    const made = renderFor(parts, owner, event, { evenFiltered: true });
    if (made?.kind !== 'sent') return null;
    return { format: made.format, kind: made.rendered.kind, body: made.rendered.text };
  } finally {
    await parts.close();
  }
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
  const { bytes, sent } = letter;
  return {
    ...metadata(letter),
    bytes: bytes.toString('base64'),
    original: textOf(bytes),
    sent: sent?.text ?? null,
    sent_cut: sent?.cut ?? false,
  };
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
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const states = ids.length > 0 || options.all === true ? EVERY_STATE : COUNTED;
  const unseen = new Set(ids);
  let printed = 0;
  const print = (tell: Tell): Promise<void> =>
    withJournal(config, terminal, async (journal) => {
      await assertKnownOwner(config, journal, options);
      for await (const page of matching(journal, ids, options, states)) {
        for (const { id } of page) {
          unseen.delete(id);
          const letter = await readLetter(journal, id);
          if (letter === undefined) continue;
          await writeWaiting(terminal.out, `${jsonText(withBytes(letter))}\n`);
          printed += 1;
        }
        tell(`exported ${count(printed, 'dead letter')}`);
      }
    });
  // On a terminal the letters themselves are the progress.
  await (terminal.out.isTTY === true ? print(() => {}) : withProgress(terminal, 'exporting', print));
  for (const id of unseen) terminal.err.write(`${id}: there is no such dead letter\n`);
  return unseen.size === 0;
}
