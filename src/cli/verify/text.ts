import { formatTime } from '../../model/time.ts';
import type {
  NamedEvent,
  NameList,
  SinkProof,
  SourceProof,
  VerifyResult,
} from '../../pipeline/verify/result.ts';
import { TOLD, undeliveredClause } from '../../pipeline/verdict.ts';
import { pendingIn, standingOf } from '../../pipeline/verify.ts';
import { count, markOf, shown } from '../report.ts';
import type { Mark } from '../report.ts';
import { hang } from '../table.ts';
import type { Output } from '../terminal.ts';

/** Characters of the first sentence. */
const SUMMARY_MOST = 2_000;
/** Names printed of each kind; all of them are in --json and --report. */
const SHOWN_NAMES = 20;

const MARKS: Readonly<Record<VerifyResult['verdict'], Mark>> = {
  complete: 'ok',
  undelivered: 'warn',
  incomplete: 'fail',
};

/** The result as lines for a person: the verdict last, where the eye is. */
export function verifyText(result: VerifyResult, out: Output): string[] {
  const line = (mark: Mark, text: string): string => `${markOf(mark, out)}  ${text}`;
  const { range } = result;
  const lines = [
    `${formatTime(range.startNs)} to ${formatTime(range.endNs)}`,
    ...result.sources.flatMap((proof) => sourceLines(proof, line)),
    ...journalLines(result, line),
    ...result.sinks.flatMap((proof) => sinkLines(proof, line)),
    ...verdict(result, line),
  ];
  const width = out.isTTY === true ? out.columns : undefined;
  return lines.flatMap((text) => hang(text, width));
}

type Line = (mark: Mark, text: string) => string;

function sourceLines(proof: SourceProof, line: Line): string[] {
  const platform = proof.buckets.reduce((sum, bucket) => sum + (bucket.platform ?? 0), 0);
  const journal = proof.buckets.reduce((sum, bucket) => sum + bucket.journal, 0);
  const pending = proof.buckets.reduce((sum, bucket) => sum + bucket.pending, 0);
  const young = pending === 0 ? '' : `, ${pending.toLocaleString('en-US')} too young to judge`;
  const differ = proof.missing.total + proof.gone.total + proof.altered.total + proof.unshown.length;
  const agreed = proof.failure === null && differ === 0;
  const how = proof.counts === false ? ', which does not count: everything was read' : '';
  return [
    line(
      agreed ? 'ok' : 'fail',
      `source ${proof.name}: ${count(platform, 'event')} on the Platform${how}, ${journal.toLocaleString('en-US')} known to the journal${young}`,
    ),
    ...(proof.failure === null
      ? []
      : [`      could not be asked about all of it: ${shown(proof.failure, 600)}`]),
    ...names('missing in the journal', proof.missing),
    ...names('in the journal, not on the Platform any more', proof.gone),
    ...names('altered', proof.altered),
    ...remark(proof.noted.total, 'changed only below user, which the Platform joins when it is read'),
    ...proof.unshown
      .slice(0, SHOWN_NAMES)
      .map(
        ({ startNs, endNs, reason }) =>
          `      not shown by the Platform: ${formatTime(startNs)} to ${formatTime(endNs)} (${shown(reason, 300)})`,
      ),
    ...remark(proof.beforeStart, "on the Platform, from before the source's start: not read"),
    ...remark(proof.expired, 'gone on the Platform, older than the audit horizon'),
    ...remark(proof.explained, 'gone on the Platform, and acknowledged'),
    ...remark(proof.leftOut, "left out by the source's filters"),
    ...remark(proof.pruned, 'pruned from the journal; their ids are known'),
    ...(proof.unreadable === 0
      ? []
      : [
          `      ${count(proof.unreadable, 'item')} that cannot be read as events: dead letters of the source`,
        ]),
    ...(proof.unread.length === 0
      ? []
      : [
          `      ${count(proof.unread.length, 'part')} of the range no poll has read; compared with the Platform just now`,
        ]),
  ];
}

function journalLines({ chain }: VerifyResult, line: Line): string[] {
  const head = `      head ${chain.head}`;
  if (chain.intact)
    return [line('ok', `journal: the chain holds over ${count(chain.checked, 'event')}`), head];
  const faults = chain.faults.slice(0, SHOWN_NAMES).map(({ kind, seq, id, reason }) => {
    return `      ${kind}  ${id === null ? 'an event whose id is not known' : shown(id, 100)}  (seq ${seq}: ${reason})`;
  });
  const broken = line('fail', `journal: the chain is broken in ${count(chain.faults.length, 'place')}`);
  const damaged = line('fail', `journal: damaged in ${count(chain.damage.length, 'place')}`);
  return [
    ...(chain.faults.length === 0 ? [] : [broken, ...faults]),
    ...(chain.damage.length === 0 ? [] : [damaged]),
    ...chain.damage.slice(0, SHOWN_NAMES).map((place) => `      ${shown(place)}`),
    '      stop the daemon and put back a backup, or run `auditferry journal repair` where the journal is in SQLite',
    head,
  ];
}

function sinkLines(proof: SinkProof, line: Line): string[] {
  const standing = standingOf(proof);
  const short = undeliveredClause(standing);
  const mark: Mark = proof.missing.total > 0 ? 'fail' : short.length > 0 || !proof.canBeAsked ? 'warn' : 'ok';
  const due =
    proof.expected +
    standing.waiting +
    standing.deadLetters +
    standing.tooOld +
    standing.prunedBeforeDelivery;
  const what = proof.canBeAsked
    ? `holds ${proof.found.toLocaleString('en-US')} of ${count(due, 'event')}`
    : `cannot be asked what it holds (${proof.delivery}): ${proof.expected.toLocaleString('en-US')} of ${count(due, 'event')} handed over`;
  return [
    line(mark, `sink ${proof.name}${proof.canBeAsked ? ':' : ''} ${what}`),
    ...short.map((clause) => `      ${shown(clause, 800)}`),
    ...names('missing at the receiver', proof.missing),
    ...names('there more than once', proof.repeated),
    ...remark(proof.discarded, 'whose dead letters somebody discarded'),
    ...remark(proof.filtered, "left out by the sink's where"),
    ...remark(proof.pending, 'appended while this ran: too young to be judged'),
    ...remark(
      proof.pruned,
      proof.canBeAsked
        ? `pruned from the journal; the receiver holds ${proof.prunedFound.toLocaleString('en-US')} of them`
        : 'pruned from the journal',
    ),
  ];
}

function verdict(result: VerifyResult, line: Line): string[] {
  const pending = pendingIn(result);
  const young = pending === 0 ? '' : ` ${count(pending, 'event')} too young to judge.`;
  // A summary that is whole has told few of them.
  const isCut = result.reasons.length > TOLD || result.summary.length > SUMMARY_MOST;
  const reasons = isCut ? result.reasons : [];
  return [
    line(MARKS[result.verdict], `${shown(result.summary, SUMMARY_MOST)}${young}`),
    ...reasons.map((reason) => `      ${shown(reason, 800)}`),
  ];
}

function names(what: string, { named, total }: NameList<NamedEvent>): string[] {
  if (total === 0) return [];
  const lines = named
    .slice(0, SHOWN_NAMES)
    .map((event) => `        ${shown(event.id, 100)}  ${shown(event.createdAt, 40)}`);
  const more =
    total > lines.length ? [`        and ${(total - lines.length).toLocaleString('en-US')} more`] : [];
  return [`      ${what}: ${count(total, 'event')}`, ...lines, ...more];
}

function remark(number: number, what: string): string[] {
  return number === 0 ? [] : [`      ${count(number, 'event')} ${what}`];
}
