import type {
  LoopDocument,
  SinkDocument,
  SourceDocument,
  StatusDocument,
} from '../../admin/document-shape.ts';
import { formatSize } from '../../model/units.ts';
import { markOf } from '../report.ts';
import type { Mark } from '../report.ts';
import { count, shown } from '../report.ts';
import { span } from '../span.ts';
import { BAR_SPAN_MS } from './reader.ts';
import type { StatusPicture } from './reader.ts';
import { cut, wrap } from '../table.ts';
import type { Output } from '../terminal.ts';

/** Lines are never longer than this, nor than the terminal is wide. Characters. */
const WIDTH_MOST = 100;
const WIDTH_USUAL = 80;
const WIDTH_LEAST = 40;
const SINK_INDENT = '   │     ';
const FINDINGS_SHOWN = 5;
const TROUBLES_SHOWN = 5;

/** The path from each source through the journal to each sink, with whatever an operator should know, top to bottom. */
export function statusLines(picture: StatusPicture, out: Output): string[] {
  const width = Math.max(Math.min(out.columns ?? WIDTH_USUAL, WIDTH_MOST), WIDTH_LEAST);
  const { document, bars } = picture;
  const absent = picture.running ? 'state unknown' : 'not running';
  const view: View = { nowMs: Date.parse(document.now), width, out, absent };
  const lines = [
    ...headLines(picture, out, width),
    ...verdictLines(document, out, width),
    '',
    ...document.sources.flatMap((source) => sourceLines(source, bars.get(source.name), view)),
    '   │',
    journalLine(document),
    ...replicaLines(document, width),
    '   │',
    ...document.sinks.flatMap((sink) => sinkLines(sink, view)),
    ...findingLines(document, width),
  ];
  return lines.map((line) => cut(line, width));
}

/** What every part of the picture is drawn with. */
interface View {
  readonly nowMs: number;
  readonly width: number;
  readonly out: Output;
  /** For a loop that nobody could ask. */
  readonly absent: string;
}

function headLines(
  { document, note, running: isRunning }: StatusPicture,
  out: Output,
  width: number,
): string[] {
  const { version, now, started_at: startedAt, stopping, healthy, ready } = document;
  const seconds = startedAt === null ? null : (Date.parse(now) - Date.parse(startedAt)) / 1000;
  const running =
    seconds === null
      ? isRunning
        ? 'running'
        : 'not running'
      : `${stopping ? 'stopping' : 'running'} for ${span(seconds)}`;
  const mark: Mark = ready.ok ? 'ok' : healthy.ok ? 'warn' : 'fail';
  const word = ready.ok ? 'ready' : healthy.ok ? 'not ready' : seconds === null ? '' : 'stuck';
  const state = note === null ? `${markOf(mark, out)} ${running}, ${word}` : running;
  const lines = [`auditferry ${shown(version)}  ${state}  ${shown(now, 30)}`];
  if (note !== null) return [...lines, ...wrap(shown(note), width - 2).map((line) => `  ${line}`)];
  const stuck = [...healthy.reasons, ...ready.reasons].map(({ part, text }) => `${part}: ${text}`);
  return [...lines, ...stuck.flatMap((line) => wrap(shown(line), width - 2).map((part) => `  ${part}`))];
}

/** One line for each process that shares the journal. */
function replicaLines({ replicas = [] }: Partial<StatusDocument>, width: number): string[] {
  return replicas.map(({ name, self, alive, seen_at: seenAt, duties, same_configuration: same }) => {
    const does = duties.length === 0 ? 'on standby' : duties.map((duty) => shown(duty, 80)).join(', ');
    const what = alive ? does : `not heard of since ${shown(seenAt, 30)}`;
    const differs = same ? '' : '  another configuration';
    return cut(`   │  ${shown(name, 80)}${self ? ' (this one)' : ''}: ${what}${differs}`, width);
  });
}

const VERDICT_MARKS: Readonly<Record<StatusDocument['verdict'], Mark>> = {
  complete: 'ok',
  undelivered: 'warn',
  incomplete: 'fail',
};

function verdictLines({ verdict, summary }: StatusDocument, out: Output, width: number): string[] {
  const mark = `${markOf(VERDICT_MARKS[verdict] ?? 'warn', out)} `;
  const indent = ' '.repeat(mark.length);
  return wrap(shown(summary, 1_000), width - mark.length).map(
    (line, at) => `${at === 0 ? mark : indent}${line}`,
  );
}

function sourceLines(source: SourceDocument, bar: string | undefined, view: View): string[] {
  const figures = [
    stateWord(source, view),
    source.frontier_age_seconds === null
      ? 'nothing read yet'
      : `read up to ${span(source.frontier_age_seconds)} ago`,
    rate(source),
    source.open_windows > 0 ? count(source.open_windows, 'window') + ' open' : '',
    source.pending_reconcile > 0 ? `${source.pending_reconcile} to count again` : '',
    source.malformed > 0 ? `${source.malformed} unreadable` : '',
  ];
  return [
    `${loopMark(source, 0, view.out)} ${shown(source.name, 64)}  ${joined(figures)}`,
    `   │  ${shown(source.instance, 120)}`,
    ...(bar === undefined ? [] : [`   │  [${bar}] ${span(BAR_SPAN_MS / 1000)}`]),
    ...reasonLines(source, '   │  ', view),
    ...(source.troubles ?? [])
      .slice(0, TROUBLES_SHOWN)
      .flatMap(({ from, to, reason }) =>
        wrap(shown(`cannot read ${from} to ${to}: ${reason}`), view.width - 6),
      )
      .map((line) => `   │  ${line}`),
  ];
}

function sinkLines(sink: SinkDocument, view: View): string[] {
  const lost = (sink.pruned_before_delivery ?? 0) + (sink.too_old ?? 0);
  const lacks = sink.undelivered + sink.dead_letters + lost;
  const waiting =
    lacks === 0
      ? 'has everything'
      : sink.undelivered === 0
        ? 'nothing waits'
        : `${sink.undelivered.toLocaleString('en-US')} waiting`;
  const oldest = sink.oldest_undelivered_waiting_seconds;
  const figures = [
    stateWord(sink, view),
    waiting,
    oldest === null || oldest < 1 ? '' : `lag ${span(oldest)}`,
    rate(sink),
    sink.in_flight > 0 ? `${sink.in_flight} in flight` : '',
    sink.dead_letters > 0 ? count(sink.dead_letters, 'dead letter') : '',
    sink.too_old > 0 ? `${count(sink.too_old, 'event')} too old` : '',
    sink.pruned_before_delivery > 0
      ? `${count(sink.pruned_before_delivery, 'event')} pruned before delivery`
      : '',
    sink.unclassified > 0 ? `${sink.unclassified.toLocaleString('en-US')} unclassified` : '',
  ];
  return [
    `   ├─▶ ${loopMark(sink, sink.dead_letters, view.out)} ${shown(sink.name, 64)} (${shown(sink.type, 40)}, ${shown(sink.format, 20)})`,
    ...wrap(joined(figures), view.width - SINK_INDENT.length).map((line) => `${SINK_INDENT}${line}`),
    ...reasonLines(sink, SINK_INDENT, view),
  ];
}

/** Why a loop waits, what would fix it, and when it tries again. */
function reasonLines(loop: LoopDocument, indent: string, { nowMs, width }: View): string[] {
  if (loop.reason === null) return [];
  const tries =
    loop.next_try === null
      ? ''
      : `next try in ${span(Math.max((Date.parse(loop.next_try) - nowMs) / 1000, 0))}`;
  const texts = [shown(loop.reason), loop.hint === null ? '' : `hint: ${shown(loop.hint)}`, tries];
  return texts
    .filter((text) => text !== '')
    .flatMap((text) => wrap(text, width - indent.length).map((line) => indent + line));
}

function journalLine({ journal }: StatusDocument): string {
  const { events, used_bytes: used, limit_bytes: limit } = journal;
  return `journal  ${count(events, 'event')}, ${formatSize(used)} of ${formatSize(limit)}`;
}

function findingLines({ findings, findings_open: open }: StatusDocument, width: number): string[] {
  if (findings.length === 0) return [];
  const all = Math.max(open ?? 0, findings.length);
  const more = all - FINDINGS_SHOWN;
  return [
    '',
    `${count(all, 'finding')} to look at (auditferry findings):`,
    ...findings
      .slice(0, FINDINGS_SHOWN)
      .map(({ id, source, summary }) =>
        cut(`  #${shown(id, 20)} ${shown(source, 64)}: ${shown(summary)}`, width),
      ),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ];
}

const MARKS: Readonly<Record<LoopDocument['state'], Mark>> = {
  starting: 'ok',
  standby: 'ok',
  idle: 'ok',
  working: 'ok',
  retrying: 'warn',
  waiting_for_space: 'warn',
  held: 'fail',
  stopped: 'warn',
  not_running: 'warn',
};

function loopMark(loop: LoopDocument, deadLetters: number, out: Output): string {
  const mark = MARKS[loop.state] ?? 'warn';
  return markOf(mark === 'ok' && deadLetters > 0 ? 'warn' : mark, out);
}

function stateWord(loop: LoopDocument, { absent }: View): string {
  if (loop.state === 'not_running') return absent;
  return shown(loop.state, 30).replaceAll('_', ' ');
}

function rate(loop: LoopDocument): string {
  const { events_per_minute: rate } = loop;
  const digits = rate < 100 ? 1 : 0;
  return rate > 0 ? `${rate.toLocaleString('en-US', { maximumFractionDigits: digits })}/min` : '';
}

function joined(figures: readonly string[]): string {
  return figures.filter((figure) => figure !== '').join(' · ');
}
