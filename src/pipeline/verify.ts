import type { ChainReport, Journal, StoredFinding } from '../checkpoint/journal.ts';
import type { Json, Window } from '../model/event.ts';
import { msToNs } from '../model/time.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Source } from '../sources/source.ts';
import type { Patience } from './patience.ts';
import type { Prepare } from './prepare.ts';
import { pollEveryMs } from './schedule.ts';
import type { PollSchedule } from './schedule.ts';
import { overlaps } from './verify/buckets.ts';
import { provePlatform } from './verify/platform.ts';
import { proveReceiver } from './verify/receiver.ts';
import type { SinkProof, SourceProof, VerifyResult } from './verify/result.ts';

export interface VerifyContext extends Patience {
  /** A guest's will do: nothing is written. */
  readonly journal: Journal;
  readonly sources: ReadonlyMap<
    string,
    { readonly source: Source; readonly schedule: PollSchedule; readonly auditHorizonMs: number }
  >;
  readonly sinks: ReadonlyMap<string, { readonly sink: Sink; readonly prepare: Prepare }>;
  /** Read and compare every event, also where the counts agree. */
  readonly deep: boolean;
}

/** An event may take this much longer than a poll and the overlap until it is in the journal. */
const GRACE_MS = 300_000;
const FINDINGS_LIMIT = 10_000;
/** Nothing is missing by them: the Platform joins the user into an event when it is read, events that share an id are all kept, and counts that lie are not used. */
const HARMLESS_FINDINGS = new Set(['user_changed', 'shared_id', 'counts_not_credible']);

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
  const chain = await journal.verifyChain(signal);
  const noted = await journal.findings({ unacknowledgedOnly: false, limit: FINDINGS_LIMIT });
  const sources: SourceProof[] = [];
  for (const [name, { source, schedule, auditHorizonMs }] of context.sources) {
    const settlingMs = source.state().overlapMs + pollEveryMs(schedule, clock) + GRACE_MS;
    const its = {
      ...context,
      name,
      source,
      youngNs: msToNs(startedMs - settlingMs),
      horizonNs: msToNs(startedMs - auditHorizonMs),
      explained: acknowledgedGone(noted, name),
    };
    sources.push(await provePlatform(its, range, signal));
  }
  const sinks: SinkProof[] = [];
  for (const [name, part] of context.sinks) {
    const its = { ...context, ...part, name, sources: [...context.sources.keys()] };
    sinks.push(await proveReceiver(its, range, signal));
  }
  const findings = noted.filter((finding) => isOpen(finding, range, context.sources));
  return {
    range,
    startedMs,
    finishedMs: clock.now(),
    deep: context.deep,
    installationId: journal.installationId,
    chain,
    sources,
    sinks,
    findings,
    reasons: [
      ...chainReasons(chain),
      ...sources.flatMap(sourceReasons),
      ...findingReasons(findings),
      ...sinks.flatMap(sinkReasons),
    ],
  };
}

/** Windows about which an operator has accepted that the Platform has fewer events than we hold. */
function acknowledgedGone(findings: readonly StoredFinding[], source: string): Window[] {
  return findings.flatMap((finding) =>
    finding.source === source && finding.kind === 'fewer_on_server' && finding.acknowledgedAt !== null
      ? (finding.window ?? [])
      : [],
  );
}

/** A finding that names no time may be about any. */
function isOpen(finding: StoredFinding, range: Window, sources: ReadonlyMap<string, unknown>): boolean {
  if (finding.acknowledgedAt !== null || !sources.has(finding.source)) return false;
  return finding.window === undefined || overlaps(finding.window, range);
}

function chainReasons({ intact, faults }: ChainReport): string[] {
  if (intact) return [];
  const lost = faults.filter((fault) => fault.kind === 'lost').length;
  const changed = faults.length - lost;
  return [
    ...(lost > 0 ? [`${events(lost)} of the journal lost after they were appended`] : []),
    ...(changed > 0 ? [`${events(changed)} of the journal changed after they were appended`] : []),
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
          `${at}: ${proof.unsure.length} windows that the Platform does not show to agreement with its own count`,
        ]),
  ];
}

function findingReasons(findings: readonly StoredFinding[]): string[] {
  const open = findings.filter((finding) => !HARMLESS_FINDINGS.has(finding.kind));
  return open.length === 0 ? [] : [`${open.length} findings about this range that nobody has acknowledged`];
}

/** Copies are no fault where delivery is at least once; they are counted and named all the same. */
function sinkReasons(proof: SinkProof): string[] {
  const at = `sink ${proof.name}`;
  return [
    ...(proof.failure === null
      ? []
      : [`${at}: the receiver could not be asked about all of it: ${proof.failure}`]),
    ...few(proof.missing.total, `${at}: missing at the receiver`),
  ];
}

function few(count: number, what: string): string[] {
  return count === 0 ? [] : [`${what}: ${events(count)}`];
}

function events(count: number): string {
  return `${count} ${count === 1 ? 'event' : 'events'}`;
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
