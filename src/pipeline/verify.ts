import type { ChainReport, FindingCount, Journal } from '../checkpoint/journal.ts';
import type { Json, Window } from '../model/event.ts';
import { formatTime, msToNs } from '../model/time.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Source } from '../sources/source.ts';
import { COUNTED_APART, everyFinding, findingClause, unreadableClause } from './open-findings.ts';
import type { Patience } from './verify/patience.ts';
import type { Prepare } from './prepare.ts';
import { pollEveryMs } from './schedule.ts';
import type { PollSchedule } from './schedule.ts';
import { counted, events, NO_SHORTFALL, verdictOf } from './verdict.ts';
import type { Evidence, SinkStanding } from './verdict.ts';
import { provePlatform } from './verify/platform.ts';
import { ASK_AGAIN_MS, proveReceiver } from './verify/receiver.ts';
import type { SinkProof, SourceProof, VerifyResult, Waits } from './verify/result.ts';

export interface VerifyContext extends Patience {
  /** A guest's will do: nothing is written. */
  readonly journal: Journal;
  readonly sources: ReadonlyMap<
    string,
    { readonly source: Source; readonly schedule: PollSchedule; readonly auditHorizonMs: number }
  >;
  readonly sinks: ReadonlyMap<string, { readonly sink: Sink; readonly prepare: Prepare }>;
  /** Sinks that a running daemon says are waiting, and why; empty when nobody could be asked. */
  readonly waits?: ReadonlyMap<string, Waits>;
  /** Sources or sinks of the configuration are left out, so that the verdict may not speak of all. */
  readonly partial?: { readonly sources: boolean; readonly sinks: boolean };
  /** Read and compare every event, also where the counts agree. */
  readonly deep: boolean;
  /** Told often how far it has come. */
  readonly onProgress?: (step: VerifyStep) => void;
}

/** How far one of the comparisons has come, in events. */
export interface VerifyStep {
  readonly name: string;
  readonly done: number;
  readonly of: number;
}

/** An event may take this much longer than a poll and the overlap until it is in the journal. */
const GRACE_MS = 300_000;
/** Windows that the Platform does not show, each with its reason. */
const UNSHOWN_NAMED = 5;

/**
 * Compares Platform, journal and receivers over a range and names every event that is missing, gone, altered or repeated.
 * Changes nothing anywhere. Works bucket by bucket, so that what it holds in memory does not grow with the range.
 */
export async function verify(
  context: VerifyContext,
  range: Window,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const { journal, clock } = context;
  const startedMs = clock.now();
  const { headSeq, events: kept } = await journal.size();
  const chain = await journal.verifyChain(signal, steps(context, 'journal', kept));
  const sources: SourceProof[] = [];
  let known = 0;
  for (const [name, { source, schedule, auditHorizonMs }] of context.sources) {
    const youngMs = source.state().overlapMs + pollEveryMs(schedule, clock) + GRACE_MS;
    const held = await journal.held(name).count(range);
    known += held;
    const its = {
      ...context,
      name,
      source,
      advance: steps(context, `source ${name}`, held),
      youngNs: msToNs(startedMs - youngMs),
      horizonNs: msToNs(startedMs - auditHorizonMs),
      explained: await acknowledgedGone(journal, name, range),
    };
    sources.push(await provePlatform(its, range, signal));
  }
  await letSettle(context, headSeq, signal);
  const sinks: SinkProof[] = [];
  for (const [name, part] of context.sinks) {
    const waits = context.waits?.get(name) ?? null;
    const advance = steps(context, `sink ${name}`, known);
    const its = { ...context, ...part, name, sources: [...context.sources.keys()], headSeq, waits, advance };
    sinks.push(await proveReceiver(its, range, signal));
  }
  const about = {
    unacknowledgedOnly: true,
    owners: [...context.sources.keys(), ...context.sinks.keys()],
    exceptKinds: COUNTED_APART,
    about: range,
  };
  const counts = await journal.findingCounts(about);
  return {
    ...verdictOf(evidence(chain, sources, counts, sinks, context.partial)),
    range,
    startedMs,
    finishedMs: clock.now(),
    deep: context.deep,
    installationId: journal.installationId,
    chain,
    sources,
    sinks,
    findings: (await everyFinding(journal, about)).reverse(),
  };
}

function steps({ onProgress }: VerifyContext, name: string, of: number): (events: number) => void {
  let done = 0;
  return (events) => {
    done += events;
    onProgress?.({ name, done, of });
  };
}

/** What a running daemon has at hand is on its way, and no reason for a verdict: it gets the time of one batch. */
async function letSettle(
  { journal, sinks, clock }: VerifyContext,
  headSeq: bigint,
  signal: AbortSignal,
): Promise<void> {
  const cursors = await Promise.all([...sinks.keys()].map((name) => journal.cursor(name)));
  if (cursors.some((cursor) => cursor < headSeq)) await clock.sleep(ASK_AGAIN_MS, signal);
}

/** Windows about which an operator has accepted that the Platform has fewer events than we hold. */
async function acknowledgedGone(journal: Journal, source: string, range: Window): Promise<Window[]> {
  const found = await everyFinding(journal, {
    unacknowledgedOnly: false,
    owners: [source],
    kinds: ['fewer_on_server'],
    about: range,
  });
  return found.flatMap(({ acknowledgedAt, window }) => (acknowledgedAt === null ? [] : (window ?? [])));
}

function evidence(
  chain: ChainReport,
  sources: readonly SourceProof[],
  findings: readonly FindingCount[],
  sinks: readonly SinkProof[],
  partial: VerifyContext['partial'],
): Evidence {
  const known = sources.flatMap(({ buckets }) => buckets).reduce((sum, { journal: its }) => sum + its, 0);
  const silent = sinks.filter(({ canBeAsked }) => !canBeAsked).map(({ name }) => name);
  const but = silent.length === 0 ? '' : `; what ${silent.join(', ')} did with them cannot be asked`;
  const of = partial?.sources === true ? ` of ${sources.map(({ name }) => name).join(', ')}` : '';
  const receivers =
    partial?.sinks === true ? sinks.map(({ name }) => `sink ${name}`).join(', ') : 'every sink';
  return {
    lacks: [
      ...chainReasons(chain),
      ...sources.flatMap(sourceReasons),
      ...findingClause(findings, ' about this range'),
    ],
    sinks: sinks.map(standingOf),
    journal: 'The journal has everything.',
    complete: `${events(known)}${of} known to the journal: the Platform, the journal and ${receivers} agree${but}`,
  };
}

/** A proof in the words of the verdict. */
export function standingOf(proof: SinkProof): SinkStanding {
  const { name, waiting, waits, deadLetters, tooOld, prunedBeforeDelivery, failure } = proof;
  return {
    ...NO_SHORTFALL,
    name,
    waiting,
    held: waits?.held === true ? waiting : 0,
    deadLetters,
    tooOld,
    prunedBeforeDelivery,
    missing: proof.missing.total,
    unconfirmed: failure === null ? 0 : proof.expected - proof.found - proof.missing.total,
    waitsFor: waits?.reason ?? null,
    unasked: failure,
  };
}

function chainReasons({ intact, faults, damage }: ChainReport): string[] {
  if (intact) return [];
  const lost = faults.filter((fault) => fault.kind === 'lost').length;
  const changed = faults.length - lost;
  return [
    ...(lost > 0 ? [`${events(lost)} of the journal lost after they were appended`] : []),
    ...(changed > 0 ? [`${events(changed)} of the journal changed after they were appended`] : []),
    ...(damage[0] === undefined
      ? []
      : [`the journal is damaged in ${counted(damage.length, 'place')}: ${damage[0]}`]),
  ];
}

function sourceReasons(proof: SourceProof): string[] {
  const at = `source ${proof.name}`;
  return [
    ...(proof.failure === null
      ? []
      : [`${at}: the Platform could not be asked about all of it: ${proof.failure}`]),
    ...few(proof.missing.total, `${at}: missing in the journal`),
    ...few(proof.gone.total, `${at}: in the journal, but not on the Platform any more`),
    ...few(proof.altered.total, `${at}: other bytes on the Platform than in the journal`),
    ...(proof.unsure.length === 0
      ? []
      : [
          `${at}: ${counted(proof.unsure.length, 'window')} that the Platform does not show to agreement with its own count`,
        ]),
    ...proof.unshown
      .slice(0, UNSHOWN_NAMED)
      .map(
        ({ startNs, endNs, reason }) =>
          `${at}: the Platform does not show all of ${formatTime(startNs)} to ${formatTime(endNs)}: ${reason}`,
      ),
    ...(proof.unshown.length > UNSHOWN_NAMED
      ? [`${at}: and of ${counted(proof.unshown.length - UNSHOWN_NAMED, 'more window')}`]
      : []),
    ...unreadableClause(proof.unreadable).map((clause) => `${at}: ${clause}`),
  ];
}

function few(count: number, what: string): string[] {
  return count === 0 ? [] : [`${what}: ${events(count)}`];
}

/** A job that fixes a part of what a verification found: see jobs.ts for kinds and parameters. */
export interface Repair {
  readonly kind: 'backfill' | 'replay';
  readonly params: Json;
  /** For the operator. */
  readonly does: string;
}

/** What can be fixed: events that the Platform still has are appended, events that the journal has are sent again. */
export function repairsFor(result: VerifyResult): Repair[] {
  const backfills = result.sources
    .filter((proof) => proof.missingIn.length > 0)
    .map((proof): Repair => {
      const windows = proof.missingIn.map((window) => [window.startNs.toString(), window.endNs.toString()]);
      return {
        kind: 'backfill',
        params: { source: proof.name, sink: null, windows },
        does: `reads ${windows.length} windows of ${proof.name} again, which hold ${events(proof.missing.total)} that the journal lacks`,
      };
    });
  const replays = result.sinks
    .filter((proof) => proof.missing.total > 0)
    .map((proof): Repair => {
      const { startNs, endNs } = result.range;
      const all = proof.missing.named.length < proof.missing.total;
      const ids = all ? null : proof.missing.named.map(({ id }) => id);
      return {
        kind: 'replay',
        params: {
          sink: proof.name,
          source: null,
          window: [startNs.toString(), endNs.toString()],
          ids,
          force: false,
        },
        does: `sends ${events(proof.missing.total)} to ${proof.name} again`,
      };
    });
  return [...backfills, ...replays];
}

/** Events too young to be judged: a poll may still bring them. */
export function pendingIn(result: VerifyResult): number {
  return result.sources.flatMap(({ buckets }) => buckets).reduce((sum, { pending }) => sum + pending, 0);
}
