import { PRUNED_BEFORE_DELIVERY } from '../checkpoint/journal.ts';
import type { FindingCount } from '../checkpoint/journal.ts';
import { formatSize } from '../model/units.ts';
import { COUNTED_APART } from '../pipeline/open-findings.ts';
import { counted, events, number } from '../pipeline/verdict.ts';
import { STANDING_KINDS } from '../sources/source.ts';
import { SEVERITIES } from './document-shape.ts';
import type { AttentionItem, SinkDocument, SourceDocument, StatusDocument } from './document-shape.ts';

type Seen = Omit<StatusDocument, 'attention'>;

const TROUBLED: readonly string[] = ['held', 'retrying', 'stopped'];
const FULL = 'waiting_for_space';
const GAP = 'gap';

/** Worst first; of one severity, what began first. `counts`: open findings, also those that the document does not list. */
export function attentionOf(seen: Seen, counts: readonly FindingCount[]): readonly AttentionItem[] {
  if (seen.started_at === null) return inOrder([notRunning(), ...leftItems(seen, counts)]);
  return inOrder([
    ...loopItems(seen),
    ...fullItems(seen),
    ...readinessItems(seen),
    ...troubleItems(seen),
    ...replicaItems(seen),
    ...leftItems(seen, counts),
  ]);
}

const NOTHING_KNOWN = {
  effect: null,
  hint: null,
  since: null,
  next_try: null,
  tries: 0,
  finding_ids: [],
} as const;

function notRunning(): AttentionItem {
  return {
    ...NOTHING_KNOWN,
    severity: 'critical',
    label: 'not running',
    parts: ['daemon'],
    cause: 'No daemon is running.',
    hint: 'Start it with auditferry run.',
  };
}

/** What is left for a person whether or not anything flows. */
function leftItems(seen: Seen, counts: readonly FindingCount[]): AttentionItem[] {
  return [
    ...prunedItems(seen, counts),
    ...letterItems(seen),
    ...tooOldItems(seen),
    ...findingItems(seen, counts),
  ];
}

type Loop = SourceDocument | SinkDocument;

const isSink = (loop: Loop): loop is SinkDocument => 'undelivered' in loop;

/** Loops that fail for one reason are one item: a proxy that is down stops all of them. */
function loopItems(seen: Seen): AttentionItem[] {
  const groups = new Map<string, Loop[]>();
  for (const loop of [...seen.sources, ...seen.sinks]) {
    if (!TROUBLED.includes(loop.state) || (loop.state === 'stopped' && seen.stopping)) continue;
    const key = JSON.stringify([isSink(loop), loop.state, alike(loop.reason ?? '', loop.name), loop.hint]);
    groups.set(key, [...(groups.get(key) ?? []), loop]);
  }
  return [...groups.values()].map((loops) => loopItem(loops, seen));
}

/** What of a reason is about this part or this try only does not make it another cause. */
function alike(reason: string, name: string): string {
  return reason.replaceAll(name, '').replaceAll(/\d+/g, '#');
}

function loopItem(loops: readonly Loop[], seen: Seen): AttentionItem {
  const { state, reason, hint } = loops[0] as Loop;
  const unready = new Set(seen.ready.reasons.map(({ part }) => part));
  // What has failed for long, and what keeps a journal full.
  const stops = loops.some(
    (loop) => unready.has(loop.name) || (isSink(loop) && loop.undelivered > 0 && isFull(seen)),
  );
  return {
    ...NOTHING_KNOWN,
    severity: state !== 'retrying' || stops ? 'critical' : 'warning',
    label: state,
    parts: loops.map(({ name }) => name),
    cause: reason ?? (state === 'stopped' ? 'The loop has ended.' : 'No reason was given.'),
    effect: loops.every(isSink) ? sinksEffect(loops, seen) : SOURCE_EFFECT,
    hint,
    since: least(loops.map(({ since }) => since)),
    next_try: least(loops.map(({ next_try }) => next_try)),
    tries: Math.max(...loops.map(({ retries }) => retries.transient + retries.denied)),
  };
}

const SOURCE_EFFECT =
  'New events are not read. The Platform keeps them meanwhile; what gets older than the audit horizon is lost.';

function sinksEffect(sinks: readonly SinkDocument[], seen: Seen): string {
  const waiting = Math.max(...sinks.map(({ undelivered }) => undelivered));
  const each = sinks.length > 1 ? ' for each of them at most' : '';
  if (waiting === 0) return 'No event is waiting for it.';
  const wait = `${events(waiting)} ${waiting === 1 ? 'waits' : 'wait'} in the journal${each}`;
  if (!isFull(seen)) return `${wait}. Nothing is lost meanwhile.`;
  return `${wait}, and the journal is full, so nothing new is read. The Platform keeps new events for now.`;
}

const isFull = ({ sources }: Seen): boolean => sources.some(({ state }) => state === FULL);

/** A full journal whose sink fails is that sink's item. */
function fullItems(seen: Seen): AttentionItem[] {
  const failing = seen.sinks.some(({ state, undelivered }) => TROUBLED.includes(state) && undelivered > 0);
  const full = seen.sources.filter(({ state }) => state === FULL);
  if (full.length === 0 || failing) return [];
  const { used_bytes: used, limit_bytes: limit } = seen.journal;
  const [slowest] = seen.sinks.toSorted((a, b) => b.undelivered - a.undelivered);
  const behind =
    slowest === undefined || slowest.undelivered === 0
      ? ''
      : ` ${slowest.name} is ${events(slowest.undelivered)} behind.`;
  return [
    {
      ...NOTHING_KNOWN,
      severity: 'critical',
      label: 'journal full',
      parts: ['journal'],
      cause: `The journal is full: ${formatSize(used)} of ${formatSize(limit)}.${behind}`,
      effect: SOURCE_EFFECT,
      hint: full[0]?.hint ?? 'Fix the sink that is behind, or raise state.max_size.',
      since: least(full.map(({ since }) => since)),
    },
  ];
}

/** Reasons for not being ready that none of the others tells. */
function readinessItems(seen: Seen): AttentionItem[] {
  const told = new Set(
    [...seen.sources, ...seen.sinks]
      .filter(({ state }) => TROUBLED.includes(state) || state === FULL)
      .map(({ name }) => name),
  );
  if (isFull(seen)) told.add('journal');
  const troubled = new Set(
    seen.sources.filter(({ troubles }) => troubles.length > 0).map(({ name }) => name),
  );
  return [...seen.healthy.reasons, ...seen.ready.reasons]
    .filter(({ part, text }) => !told.has(part) && !(troubled.has(part) && text.includes(CANNOT_READ)))
    .map(({ part, text, hint }) => ({
      ...NOTHING_KNOWN,
      severity: part === 'daemon' && seen.stopping ? ('notice' as const) : ('critical' as const),
      label: part === 'daemon' && seen.stopping ? 'stopping' : 'not ready',
      parts: [part],
      cause: text,
      hint: hint ?? null,
    }));
}

/** As readiness says it of a window. */
const CANNOT_READ = ' cannot be read for ';

function troubleItems({ sources }: Seen): AttentionItem[] {
  return sources.flatMap(({ name, troubles }) => {
    const groups = Map.groupBy(troubles, ({ reason }) => alike(reason, name));
    return [...groups.values()].map((alikes) => {
      const [first] = alikes;
      const from = least(alikes.map((one) => one.from));
      const to = greatest(alikes.map((one) => one.to));
      const where = alikes.length === 1 ? 'A window' : `${number(alikes.length)} windows`;
      return {
        ...NOTHING_KNOWN,
        severity: 'warning' as const,
        label: 'unreadable window',
        parts: [name],
        cause: first?.reason ?? '',
        effect: `${where} from ${from} to ${to} cannot be read. Everything else is.`,
        hint: first?.hint ?? null,
        since: least(alikes.map(({ since }) => since)),
      };
    });
  });
}

/** Sources and sinks move between replicas, so that a difference shows as settings that come and go. */
function replicaItems({ replicas }: Seen): AttentionItem[] {
  const others = replicas.filter((one) => one.alive && !one.same_configuration);
  if (others.length === 0) return [];
  return [
    {
      ...NOTHING_KNOWN,
      severity: 'warning',
      label: 'another configuration',
      parts: ['daemon'],
      cause: `The configuration differs from that of ${others.map(({ name }) => name).join(', ')}.`,
      effect: 'What a source or sink does depends on the replica that has it.',
      hint: 'Give every replica the same configuration.',
      since: least(others.map(({ started_at: at }) => at)),
    },
  ];
}

/** What a sink that does not run will find gone: its loop makes the finding when it begins. */
function prunedItems({ sinks }: Seen, counts: readonly FindingCount[]): AttentionItem[] {
  const told = new Set(
    counts.filter(({ kind }) => kind === PRUNED_BEFORE_DELIVERY).map(({ source }) => source),
  );
  return sinks
    .filter(({ name, pruned_before_delivery: pruned }) => pruned > 0 && !told.has(name))
    .map(({ name, pruned_before_delivery: pruned }) => ({
      ...NOTHING_KNOWN,
      severity: 'critical' as const,
      label: PRUNED_BEFORE_DELIVERY.replaceAll('_', ' '),
      parts: [name],
      cause: `${events(pruned)} left the journal before the sink had them.`,
      hint: backfillHint(name),
    }));
}

const backfillHint = (sink: string): string =>
  `auditferry backfill --sink ${sink} sends what the Platform still shows.`;

/** Events that no retry helps: only what reads them from elsewhere does. */
function tooOldItems({ sinks }: Seen): AttentionItem[] {
  return sinks
    .filter(({ too_old: tooOld }) => tooOld > 0)
    .map(({ name, too_old: tooOld }) => ({
      ...NOTHING_KNOWN,
      severity: 'warning' as const,
      label: 'too old',
      parts: [name],
      cause: `${events(tooOld)} ${tooOld === 1 ? 'was' : 'were'} older than the receiver takes, and ${tooOld === 1 ? 'was' : 'were'} not sent.`,
      effect: 'They are kept in the journal as dead letters.',
      hint: 'Export them to keep them elsewhere, then discard them; or raise max_event_age and retry them.',
    }));
}

function letterItems({ dead_letters: letters, sources }: Seen): AttentionItem[] {
  const ofSources = new Set(sources.map(({ name }) => name));
  return Object.entries(letters)
    .filter(([, count]) => count > 0)
    .map(([owner, count]) => ({
      ...NOTHING_KNOWN,
      severity: 'warning' as const,
      label: 'dead letters',
      parts: [owner],
      cause: ofSources.has(owner)
        ? `${counted(count, 'item')} of the Platform cannot be read as ${count === 1 ? 'an event' : 'events'}.`
        : `${events(count)} cannot be delivered: refused by the receiver, or over a limit of the sink.`,
      effect: 'They are kept in the journal with the reason.',
      hint: 'Fix the cause that the section Dead letters names, then retry, export or discard them.',
    }));
}

function findingItems(seen: Seen, counts: readonly FindingCount[]): AttentionItem[] {
  const troubled = new Set(
    seen.sources.filter(({ troubles }) => troubles.length > 0).map(({ name }) => name),
  );
  return counts
    .filter(({ source, kind }) => !(troubled.has(source) && STANDING_KINDS.includes(kind)))
    .map(({ source, kind, count }) => {
      const listed = seen.findings.filter((one) => one.source === source && one.kind === kind);
      const more = count > 1 ? ` (${number(count)} findings; this is the newest)` : '';
      return {
        ...NOTHING_KNOWN,
        severity: severityOf(kind),
        label: kind.replaceAll('_', ' '),
        parts: [source],
        cause: `${listed[0]?.summary ?? counted(count, 'finding')}${more}`,
        hint:
          kind === PRUNED_BEFORE_DELIVERY
            ? `${backfillHint(source)} Then acknowledge it.`
            : 'Look into it, then acknowledge it.',
        since: listed.at(-1)?.first_at ?? null,
        finding_ids: listed.map(({ id }) => id),
      };
    });
}

/** Events may be missing by the first two, and by those that are counted apart none is. */
function severityOf(kind: string): AttentionItem['severity'] {
  if (kind === PRUNED_BEFORE_DELIVERY || kind === GAP) return 'critical';
  return COUNTED_APART.includes(kind) ? 'notice' : 'warning';
}

function inOrder(items: readonly AttentionItem[]): readonly AttentionItem[] {
  const weight = ({ severity }: AttentionItem): number => SEVERITIES.indexOf(severity);
  return items.toSorted(
    (a, b) => weight(a) - weight(b) || (a.since ?? '9').localeCompare(b.since ?? '9', 'en'),
  );
}

function least(times: readonly (string | null)[]): string | null {
  return times.filter((time) => time !== null).toSorted()[0] ?? null;
}

function greatest(times: readonly string[]): string | null {
  return times.toSorted().at(-1) ?? null;
}
