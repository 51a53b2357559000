import { statSync } from 'node:fs';

import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import { readSmallFile } from '../../model/small-file.ts';
import { linesOfFile } from '../../records/export-lines.ts';
import { proveRecords } from '../../records/prove.ts';
import type { RecordsProof, StreamProof } from '../../records/prove.ts';
import { openRecordTable } from '../../records/record-table.ts';
import type { SeqRuns } from '../../records/seq-runs.ts';
import { readPublicKeys } from '../../records/signatures.ts';
import type { PublicKeys } from '../../records/signatures.ts';
import { EXIT } from '../exit.ts';
import { withProgress } from '../progress.ts';
import type { Tell } from '../progress.ts';
import { count, markOf, shown, writeJson } from '../report.ts';
import type { Output, Terminal } from '../terminal.ts';

const TOLD_EACH_LINES = 1_000;

export interface RecordsOptions {
  readonly records: string;
  readonly publicKey?: string;
  readonly json?: true;
}

/** `auditferry verify --records FILE`: what exported records prove by themselves. Opens neither a configuration nor a journal. */
export async function verifyRecordsCommand(options: RecordsOptions, terminal: Terminal): Promise<number> {
  const keys = options.publicKey === undefined ? null : readKeys(options.publicKey);
  const proof = await withProgress(terminal, 'reading', (tell) =>
    prove(options.records, keys, terminal.signal, tell),
  );
  const judged = judge(proof, keys !== null);
  if (options.json === true) writeJson(terminal.out, recordsDocument(options.records, proof, judged));
  else terminal.out.write(`${recordsText(proof, judged, terminal.out).join('\n')}\n`);
  return judged.verdict === 'complete' ? EXIT.done : EXIT.incomplete;
}

function readKeys(path: string): PublicKeys {
  let pem: string;
  try {
    pem = readSmallFile(path).toString('utf8');
  } catch (error) {
    throw new ForwardError('config', `--public-key ${oneLine(path)} cannot be read: ${describe(error)}`, {
      cause: error,
    });
  }
  return readPublicKeys(pem);
}

async function prove(
  path: string,
  keys: PublicKeys | null,
  signal: AbortSignal,
  tell: Tell,
): Promise<RecordsProof> {
  try {
    if (!statSync(path).isFile()) throw new Error('it is not a file');
  } catch (error) {
    throw unreadable(path, error);
  }
  const table = openRecordTable();
  try {
    return await proveRecords(readable(path, signal, tell), keys, table);
  } finally {
    table.close();
  }
}

/** What the file system says of the file is told as such. */
async function* readable(path: string, signal: AbortSignal, tell: Tell): ReturnType<typeof linesOfFile> {
  let lines = 0;
  try {
    for await (const line of linesOfFile(path, signal)) {
      lines += 1;
      if (lines % TOLD_EACH_LINES === 0) tell(`reading: ${count(lines, 'record')}`);
      yield line;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ForwardError {
  return new ForwardError('config', `--records ${oneLine(path)} cannot be read: ${describe(error)}`, {
    cause: error,
    hint: 'name an export: one record a line, a JSON array or a page of a search; plain or gzip',
  });
}

interface Judged {
  readonly verdict: 'complete' | 'undelivered' | 'incomplete';
  readonly summary: string;
  readonly reasons: readonly string[];
  /** What the file cannot prove, however whole it is. */
  readonly notProven: readonly string[];
}

/** The three words of every verdict. Complete: the file holds what was sent over the time that its heartbeats cover, once and unchanged. */
function judge(proof: RecordsProof, hasKey: boolean): Judged {
  const { streams } = proof;
  const several = streams.length > 1;
  const lacks = streams.flatMap((stream) => lacksOf(stream).map((text) => prefixed(stream, several, text)));
  if (streams.length === 0) lacks.push(NO_HEARTBEAT);
  const short = streams.flatMap((stream) => shortOf(stream).map((text) => prefixed(stream, several, text)));
  const notProven = [
    ...new Set(
      streams.flatMap((stream) => notProvenOf(stream, hasKey).map((text) => prefixed(stream, several, text))),
    ),
  ];
  if (proof.unreadable > 0)
    notProven.push(
      `${count(proof.unreadable, 'line')} that cannot be read, or is too long to be read at once`,
    );
  const reasons = [...lacks, ...short];
  const verdict = lacks.length > 0 ? 'incomplete' : short.length > 0 ? 'undelivered' : 'complete';
  const found = streams.reduce((sum, stream) => sum + stream.found, 0);
  const whole = `the file holds ${count(found, 'record')} that heartbeats name, each once and unchanged`;
  return {
    verdict,
    summary: `${verdict}: ${reasons.length === 0 ? whole : reasons.join('; ')}.`,
    reasons,
    notProven,
  };
}

function prefixed({ sink, stream }: StreamProof, several: boolean, text: string): string {
  return several ? `sink ${sink === null ? stream : oneLine(sink, 64)}: ${text}` : text;
}

const NO_HEARTBEAT = 'there is no heartbeat in the file, so nothing says what was sent';

function lacksOf(stream: StreamProof): string[] {
  const { deleted, changed, repeated, reordered, added, forged, faults, faultsTotal } = stream;
  const more = faultsTotal - faults.length;
  // A file without its heartbeats, or with nothing else, proves nothing: whoever takes the others out must not be told "complete".
  const isBare = stream.named > 0 && stream.found === 0 && deleted.total === 0;
  return [
    ...(stream.heartbeats === 0 ? [NO_HEARTBEAT] : []),
    ...(isBare ? [`not one of ${count(stream.named, 'record')} that heartbeats name is there`] : []),
    ...clause(deleted, 'deleted'),
    ...clause(changed, 'changed'),
    ...forged.map(
      ({ number, seqs }) =>
        `changed together with their seals: one or more of ${seqsShown(seqs)} (heartbeat ${number})`,
    ),
    ...clause(repeated, 'repeated'),
    ...clause(reordered, 'reordered'),
    ...clause(added, 'added: heartbeats do not name them'),
    ...faults,
    ...(more > 0 ? [`and ${count(more, 'more fault')} of heartbeats`] : []),
  ];
}

function shortOf({ deadLetters, pruned }: StreamProof): string[] {
  return [
    ...(deadLetters === 0 ? [] : [`${count(deadLetters, 'dead letter')} when the last heartbeat was sent`]),
    ...pruned.map((seqs) => `left the journal before the sink had them: ${seqsShown(seqs)}`),
  ];
}

function notProvenOf(stream: StreamProof, hasKey: boolean): string[] {
  const { covered, signature, uncovered, before, trimmed, unproven, order, found } = stream;
  return [
    ...(signature === 'none' && covered !== null
      ? ['that nobody forged it: the heartbeats are not signed']
      : []),
    ...(signature === 'not looked at' && !hasKey
      ? ['that nobody forged it: the heartbeats are signed, but no --public-key was given']
      : []),
    ...(covered === null
      ? []
      : [
          `what came ${covered.fromStart ? '' : `before seq ${covered.fromSeq} or `}after seq ${covered.toSeq}, the heartbeat of ${covered.lastClosedAt}: cutting a file at either end leaves no trace in it`,
        ]),
    ...(before.total === 0
      ? []
      : [`that ${seqsOf(before)} were there: the file begins in the middle of a segment`]),
    ...(uncovered.total === 0
      ? []
      : [`${count(uncovered.total, 'record')} that no heartbeat covers: ${seqsOf(uncovered)}`]),
    ...(trimmed.total === 0
      ? []
      : [`the content of ${count(trimmed.total, 'record')} that the sink shortened: ${seqsOf(trimmed)}`]),
    ...unproven.map((seqs) => `${seqsShown(seqs)}: sent while no heartbeat was configured`),
    ...(order === null && found > 1 ? ['the order: the file is in one of its own'] : []),
  ];
}

function clause(seqs: SeqRuns, word: string): string[] {
  return seqs.total === 0 ? [] : [`${count(seqs.total, 'record')} ${word}: ${seqsOf(seqs)}`];
}

const SHOWN_RUNS = 20;

function seqsOf({ runs }: SeqRuns): string {
  const texts = runs.slice(0, SHOWN_RUNS).map(runText);
  return `seq ${texts.join(', ')}${runs.length > SHOWN_RUNS ? ', …' : ''}`;
}

function runText([first, last]: readonly [number, number]): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function seqsShown(text: string): string {
  return `seq ${oneLine(text, 200).replaceAll(',', ', ')}`;
}

// --- as JSON ---

function recordsDocument(
  file: string,
  proof: RecordsProof,
  { verdict, summary, reasons, notProven }: Judged,
): object {
  return {
    verdict,
    summary,
    complete: verdict === 'complete',
    reasons,
    not_proven: notProven,
    file,
    lines: proof.lines,
    records: proof.records,
    unsealed: proof.unsealed,
    unreadable: proof.unreadable,
    deleted: totalOf(proof, 'deleted'),
    changed: totalOf(proof, 'changed') + proof.streams.reduce((sum, { forged }) => sum + forged.length, 0),
    repeated: totalOf(proof, 'repeated'),
    reordered: totalOf(proof, 'reordered'),
    added: totalOf(proof, 'added'),
    sinks: proof.streams.map(streamDocument),
  };
}

function totalOf(
  { streams }: RecordsProof,
  what: 'deleted' | 'changed' | 'repeated' | 'reordered' | 'added',
): number {
  return streams.reduce((sum, stream) => sum + stream[what].total, 0);
}

function streamDocument(stream: StreamProof): object {
  const { covered } = stream;
  return {
    name: stream.sink,
    installation_id: stream.installationId,
    stream: stream.stream,
    heartbeats: stream.heartbeats,
    signature: stream.signature,
    first_seq: covered?.fromSeq ?? null,
    last_seq: covered?.toSeq ?? null,
    first_heartbeat: covered?.firstClosedAt ?? null,
    last_heartbeat: covered?.lastClosedAt ?? null,
    expected: stream.named,
    found: stream.found,
    deleted: seqsDocument(stream.deleted),
    changed: { ...seqsDocument(stream.changed), lines: stream.changedLines },
    changed_with_their_seals: stream.forged,
    repeated: seqsDocument(stream.repeated),
    reordered: seqsDocument(stream.reordered),
    unanswered: seqsDocument(stream.unanswered),
    added: seqsDocument(stream.added),
    trimmed: seqsDocument(stream.trimmed),
    uncovered: seqsDocument(stream.uncovered),
    before_the_file: seqsDocument(stream.before),
    order: stream.order,
    heartbeat_faults: stream.faults,
    dead_letters: stream.deadLetters,
    pruned_before_delivery: stream.pruned,
  };
}

function seqsDocument({ total, runs }: SeqRuns): { total: number; seqs: string[] } {
  return { total, seqs: runs.map(runText) };
}

// --- as text ---

function recordsText(proof: RecordsProof, judged: Judged, out: Output): string[] {
  const { verdict, summary, reasons, notProven } = judged;
  const unsealed = proof.unsealed === 0 ? '' : `, ${count(proof.unsealed, 'record')} without a seal`;
  const unread = proof.unreadable === 0 ? '' : `, ${count(proof.unreadable, 'line')} that cannot be read`;
  const mark = verdict === 'complete' ? 'ok' : verdict === 'undelivered' ? 'warn' : 'fail';
  return [
    `${count(proof.records, 'record')} in ${count(proof.lines, 'line')}${unsealed}${unread}`,
    ...proof.streams.flatMap((stream) => streamLines(stream, out)),
    ...notProven.map((text) => `      not proven: ${shown(text, 600)}`),
    `${markOf(mark, out)}  ${shown(summary, 2_000)}`,
    ...(reasons.length > 1 ? reasons.map((reason) => `      ${shown(reason, 800)}`) : []),
  ];
}

const SIGNATURES: Readonly<Record<StreamProof['signature'], string>> = {
  holds: 'signed, and every signature holds',
  fails: 'not all of their signatures hold',
  'not looked at': 'signed, not checked',
  none: 'not signed',
};

function streamLines(stream: StreamProof, out: Output): string[] {
  const { sink, covered, heartbeats, named, found, unanswered, changedLines } = stream;
  if (covered === null) return [`${markOf('warn', out)}  stream ${stream.stream}: records, and no heartbeat`];
  const good = lacksOf(stream).length === 0;
  return [
    `${markOf(good ? 'ok' : 'fail', out)}  sink ${shown(sink ?? '', 64)}: ${found.toLocaleString('en-US')} of ${count(named, 'record')} there, seq ${covered.fromSeq} to ${covered.toSeq}`,
    `      ${count(heartbeats, 'heartbeat')} from ${shown(covered.firstClosedAt, 40)} to ${shown(covered.lastClosedAt, 40)}, ${SIGNATURES[stream.signature]}`,
    ...(unanswered.total === 0
      ? []
      : [
          `      ${count(unanswered.total, 'record')} there that the receiver took without an answer and refused later: ${seqsOf(unanswered)}`,
        ]),
    ...changedLines
      .slice(0, SHOWN_RUNS)
      .map(({ seq, line }) => `        seq ${seq} was changed: line ${line}`),
  ];
}
