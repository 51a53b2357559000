import { randomFrom } from '../../src/simulator/random.ts';
import type { Random } from '../../src/simulator/random.ts';
import type { FaultKind, SimulatorPatch } from '../../src/simulator/options.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How one receiver behaves during the fault phase. Shares are of requests, in [0, 1]. */
export interface SinkScenario {
  readonly name: string;
  readonly concurrent: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly rateLimit: number | null;
  /** It knows what it holds and says `duplicate`; otherwise it keeps every copy. */
  readonly idempotent: boolean;
  /** Takes only events whose type holds this; empty takes all. */
  readonly only: string;
  readonly latencyMs: number;
  readonly loseRequest: number;
  readonly loseResponse: number;
  readonly partial: number;
  readonly tooMany: number;
  readonly serverError: number;
  /** Of sends that end in an error which is no kind of ours, as when a certificate does not match its key. */
  readonly oddError: number;
  /** Share of ids that it will never take. */
  readonly poison: number;
  /** Share of ids whose rendering fails. */
  readonly unrenderable: number;
}

/** Something that happens at a moment of the fault phase, milliseconds after the start. */
export type Plan =
  | {
      readonly kind: 'crash';
      readonly atMs: number;
      readonly how: 'now' | 'before write' | 'in a write' | 'after write' | 'after store';
    }
  | { readonly kind: 'restart'; readonly atMs: number }
  | { readonly kind: 'clock jump'; readonly atMs: number; readonly byMs: number }
  | { readonly kind: 'disk full'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'platform key'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'sink key'; readonly atMs: number; readonly forMs: number; readonly sink: string }
  | { readonly kind: 'mass rejection'; readonly atMs: number; readonly forMs: number; readonly sink: string }
  | { readonly kind: 'sink down'; readonly atMs: number; readonly forMs: number; readonly sink: string }
  | { readonly kind: 'sink away'; readonly atMs: number; readonly forMs: number; readonly sink: string }
  | { readonly kind: 'retry dead letters'; readonly atMs: number }
  | { readonly kind: 'backfill'; readonly atMs: number; readonly spanMs: number }
  | { readonly kind: 'counts ahead'; readonly atMs: number; readonly forMs: number }
  | {
      readonly kind: 'wrong date';
      readonly atMs: number;
      readonly forMs: number;
      readonly byMs: number;
      /** On every so many-th answer; 0 for a single one. */
      readonly every: number;
    }
  | { readonly kind: 'renamed field'; readonly atMs: number; readonly forMs: number };

/** Everything that a seed decides. */
export interface Scenario {
  readonly seed: number;
  /** The fault classes that this seed has on. */
  readonly classes: readonly FaultClass[];
  readonly platform: SimulatorPatch;
  /** The Platform counts no further; Infinity for true counts. */
  readonly totalsCap: number;
  readonly overlapMs: number;
  readonly horizonMs: number;
  readonly pollMs: number;
  readonly sourceConcurrent: number;
  /** The source keeps only events whose type holds this; empty keeps all. */
  readonly sourceOnly: string;
  readonly platformLatencyMs: number;
  /** Of requests to the Platform whose connection breaks in one of the ways that only a socket knows. */
  readonly brokenConnections: number;
  readonly maxBytes: number;
  readonly retentionMs: number;
  readonly sinks: readonly SinkScenario[];
  /** 0: no heartbeats. */
  readonly heartbeatMs: number;
  /** Length of the fault phase. */
  readonly faultMs: number;
  readonly plans: readonly Plan[];
  /** Rows drift in with this many requests at most: each page read makes rows, which make pages. */
  readonly driftingRequests: number;
  /** More steps than any healthy run of it takes, by far: a livelock. */
  readonly stepsLimit: number;
  /** The same, with what draining may take. */
  readonly drainStepsLimit: number;
  /** The coverage checker looks at all rows of the Platform once in so many polls. */
  readonly lookEveryPolls: number;
}

export const FAULT_CLASSES = [
  'late rows',
  'drift',
  'shuffled order',
  'no totals',
  'page clamp',
  'coarse filter',
  'bursts',
  'one instant',
  'odd items',
  'shared ids',
  'purge',
  'source faults',
  'source gateway',
  'platform key',
  'counts ahead',
  'lost requests',
  'lost responses',
  'partial answers',
  'busy receivers',
  'poison',
  'mass rejection',
  'sink keys',
  'sinks down',
  'latency',
  'crashes',
  'restarts',
  'clock jumps',
  'skewed clock',
  'full disk',
  'full journal',
  'filters',
  'odd errors',
  'sinks away',
  'capped totals',
  'absurd dates',
  'wrong first date',
  'poison rows',
  'heavy windows',
  'stray rows',
  'renamed field',
  'broken connections',
  'torn writes',
] as const;

export type FaultClass = (typeof FAULT_CLASSES)[number];

/** 1970, fourteen years ago, days ago, days ahead, and a time when nobody is left. */
const ABSURD_DATES_MS = [-56 * 365 * DAY, -14 * 365 * DAY, -2 * DAY, 3 * DAY, 150 * 365 * DAY];
/** Rows that a scenario aims at, so that one seed stays cheap. */
const ROWS_MIN = 100;
const ROWS_MORE = 150;
const POLLS_MIN = 10;
const POLLS_MORE = 14;
const SCENARIO_SALT = 0x5ce4;
/** Drawn apart from the others, so that what came later leaves the older scenarios as they were. */
const LATER_CLASSES: readonly FaultClass[] = ['broken connections', 'torn writes'];
const LATER_SALT = 0x7a31;

/** The scenario of a seed: each fault class on with one half; every tenth seed has none at all. */
export function scenarioOf(seed: number): Scenario {
  const random = randomFrom(seed, SCENARIO_SALT);
  const later = randomFrom(seed, LATER_SALT);
  const faultFree = seed % 10 === 0;
  const drawn = FAULT_CLASSES.filter(
    (name) => (LATER_CLASSES.includes(name) ? later : random).unit() < 0.5 && !faultFree,
  );
  const classes = withoutBothClocksWrong(drawn, seed % 2 === 0);
  const on = (name: FaultClass): boolean => classes.includes(name);
  const pollMs = [20 * SECOND, MINUTE, 3 * MINUTE, 5 * MINUTE][random.below(4)] ?? MINUTE;
  const faultMs = pollMs * (POLLS_MIN + random.below(POLLS_MORE));
  const historyMs = 10 * MINUTE + random.below(2 * HOUR);
  const sinks = Array.from({ length: 1 + random.below(3) }, (_, index) => sinkOf(`sink${index}`, on, random));
  return {
    seed,
    classes,
    platform: platformOf(seed, on, random, faultMs, historyMs, pollMs),
    totalsCap: on('capped totals') ? 5 + random.below(60) : Infinity,
    overlapMs: [5 * MINUTE, 10 * MINUTE, 20 * MINUTE][random.below(3)] ?? MINUTE,
    horizonMs: 2 * DAY,
    pollMs,
    sourceConcurrent: 1 + random.below(3),
    sourceOnly: on('filters') && random.unit() < 0.5 ? 'user' : '',
    platformLatencyMs: on('latency') ? random.below(3000) : 0,
    brokenConnections: on('broken connections') ? 0.02 + later.unit() * 0.06 : 0,
    // More than what is never pruned takes: ids, and dead letters with what was sent.
    maxBytes: on('full journal') ? 800 * 1024 + random.below(200 * 1024) : 2 ** 30,
    retentionMs: on('full journal') ? MINUTE : DAY,
    sinks,
    // By the number and not by chance, so that the seeds are what they were.
    heartbeatMs: [0, 7 * MINUTE, 31 * MINUTE][seed % 3] ?? 0,
    faultMs,
    plans: [...plansOf(on, random, faultMs, sinks), ...tornWrites(on, later, faultMs)].toSorted(
      (a, b) => a.atMs - b.atMs,
    ),
    driftingRequests: 150,
    // Where only narrow windows are answered, a first date that is far back makes thousands of them.
    stepsLimit: on('heavy windows') ? 250_000 : 150_000,
    // What was set aside is asked for again until it is answered, which may take a simulated day at a request every other second.
    drainStepsLimit: on('heavy windows') ? 600_000 : 150_000,
    lookEveryPolls: 4,
  };
}

/** Where both clocks are wrong at once nothing tells the time, and only a recount finds what came after a window had ended. */
function withoutBothClocksWrong(drawn: readonly FaultClass[], theirs: boolean): FaultClass[] {
  const ours: readonly FaultClass[] = ['clock jumps', 'skewed clock'];
  if (!drawn.includes('wrong first date') || !ours.some((name) => drawn.includes(name))) return [...drawn];
  return drawn.filter((name) => (theirs ? !ours.includes(name) : name !== 'wrong first date'));
}

function platformOf(
  seed: number,
  on: (name: FaultClass) => boolean,
  random: Random,
  faultMs: number,
  historyMs: number,
  pollMs: number,
): SimulatorPatch {
  const rows = ROWS_MIN + random.below(ROWS_MORE);
  const kinds: FaultKind[] = ['500', '502', '503', '429', 'reset', 'truncate', 'hang'];
  const usual = kinds.filter(() => random.unit() < 0.5);
  return {
    api_key: 'platform-key-0',
    seed,
    history: historyMs,
    rate: Number(((rows * MINUTE) / (historyMs + faultMs)).toFixed(3)),
    // What fills the journal is large: events are kept compressed.
    details_bytes: on('full journal') ? 4000 : 0,
    order: on('shuffled order')
      ? ((['shuffled_ties', 'random', 'desc'] as const)[random.below(3)] ?? 'desc')
      : 'asc',
    precision: (['ns', 'us', 'ms'] as const)[random.below(3)] ?? 'ns',
    filter_precision: on('coarse filter') ? ((['ms', 's'] as const)[random.below(2)] ?? 's') : 'ns',
    totals: !on('no totals'),
    last_page: !on('no totals'),
    page_clamp: on('page clamp') ? ([40, 80, 120][random.below(3)] ?? 80) : 0,
    late: { share: on('late rows') ? 0.01 + random.unit() * 0.1 : 0, up_to: pollMs * (8 + random.below(30)) },
    visibility_lag: on('late rows') ? random.below(5 * SECOND) : 0,
    drift: on('drift') ? 1 + random.below(2) : 0,
    // Purged within the run, but only what every poll has had time to read: the horizon's edge is no gap of ours.
    retention: on('purge') ? historyMs + HOUR : 0,
    burst: {
      every: on('bursts') ? Math.floor((historyMs + faultMs) / 2.5) : 0,
      rows: 60 + random.below(80),
      rows_per_ms: 20,
    },
    instant: { rows: on('one instant') ? 60 + random.below(90) : 0, ago: 5 * MINUTE },
    malformed: on('odd items') ? 0.03 : 0,
    missing_ids: on('odd items') ? 0.03 : 0,
    duplicate_ids: on('odd items') ? 0.02 : 0,
    shared_ids: on('shared ids') ? 0.05 : 0,
    poison: on('poison rows') ? 0.004 : 0,
    limits: {
      span: on('heavy windows') ? 15 * MINUTE + random.below(90 * MINUTE) : 0,
      per_page: on('heavy windows') && random.unit() < 0.3 ? 200 : 0,
      answer: (['400', '413', '422', '502', '504', 'hang', 'reset'] as const)[random.below(7)] ?? '504',
    },
    stray: {
      share: on('stray rows') ? ([0.02, 1][random.below(2)] ?? 1) : 0,
      by: [-5 * HOUR, 3 * HOUR, 7 * MINUTE][random.below(3)] ?? HOUR,
    },
    live_users: false,
    clock_skew: on('skewed clock') ? (random.below(2) === 0 ? -1 : 1) * random.below(2 * HOUR) : 0,
    faults: {
      share: on('source faults') ? 0.05 + random.unit() * 0.3 : on('source gateway') ? 0.03 : 0,
      kinds: [
        ...(on('source faults') ? (usual.length > 0 ? usual : kinds) : []),
        ...(on('source gateway') ? (['html'] as const) : []),
      ],
    },
  };
}

function sinkOf(name: string, on: (name: FaultClass) => boolean, random: Random): SinkScenario {
  const share = (active: boolean): number => {
    const drawn = 0.03 + random.unit() * 0.25;
    return active ? drawn : 0;
  };
  return {
    name,
    concurrent: 1 + random.below(3),
    maxEvents: [5, 12, 40, 100][random.below(4)] ?? 40,
    maxBytes: [4096, 65_536][random.below(2)] ?? 65_536,
    maxWaitMs: [0, 1000, 5000][random.below(3)] ?? 1000,
    rateLimit: random.unit() < 0.3 ? 5 : null,
    idempotent: random.unit() < 0.5,
    only: on('filters') && random.unit() < 0.5 ? 'user' : '',
    latencyMs: on('latency') ? 1 + random.below(4000) : random.below(20),
    loseRequest: share(on('lost requests')),
    loseResponse: share(on('lost responses')),
    partial: share(on('partial answers')),
    tooMany: share(on('busy receivers')),
    serverError: share(on('busy receivers')),
    oddError: on('odd errors') ? 0.03 : 0,
    poison: on('poison') ? 0.02 : 0,
    unrenderable: on('poison') && random.unit() < 0.5 ? 0.01 : 0,
  };
}

/** The process is killed while a transaction is on its way to the disk: a part of it is there. */
function tornWrites(on: (name: FaultClass) => boolean, random: Random, faultMs: number): Plan[] {
  if (!on('torn writes')) return [];
  return Array.from({ length: 1 + random.below(4) }, () => ({
    kind: 'crash',
    atMs: random.below(faultMs),
    how: 'in a write',
  }));
}

function plansOf(
  on: (name: FaultClass) => boolean,
  random: Random,
  faultMs: number,
  sinks: readonly SinkScenario[],
): Plan[] {
  const at = (): number => random.below(faultMs);
  const spell = (): number => MINUTE + random.below(10 * MINUTE);
  const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const oneSink = (): string => sinks[random.below(sinks.length)]?.name ?? '';
  const hows = ['now', 'before write', 'after write', 'after store'] as const;
  const plans: Plan[] = [
    ...times(1 + random.below(6), () => ({
      kind: 'crash' as const,
      atMs: at(),
      how: hows[random.below(4)] ?? 'now',
    })).filter(() => on('crashes')),
    ...times(1 + random.below(2), () => ({ kind: 'restart' as const, atMs: at() })).filter(() =>
      on('restarts'),
    ),
    ...times(1 + random.below(2), () => {
      const byMs = (random.below(2) === 0 ? -1 : 1) * (SECOND + random.below(HOUR));
      return { kind: 'clock jump' as const, atMs: at(), byMs };
    }).filter(() => on('clock jumps')),
    ...times(1 + random.below(2), () => ({ kind: 'disk full' as const, atMs: at(), forMs: spell() })).filter(
      () => on('full disk'),
    ),
    ...times(1, () => ({ kind: 'platform key' as const, atMs: at(), forMs: spell() })).filter(() =>
      on('platform key'),
    ),
    ...times(1, () => ({ kind: 'counts ahead' as const, atMs: at(), forMs: spell() })).filter(() =>
      on('counts ahead'),
    ),
    ...times(1 + random.below(3), () => ({
      kind: 'wrong date' as const,
      atMs: at(),
      forMs: spell(),
      byMs: ABSURD_DATES_MS[random.below(ABSURD_DATES_MS.length)] ?? 0,
      every: [0, 2, 3][random.below(3)] ?? 0,
    })).filter(() => on('absurd dates')),
    // Further than the start lies back, so that a start worked out by it would be past every event.
    ...times(1, () => ({
      kind: 'wrong date' as const,
      atMs: 0,
      forMs: spell(),
      byMs: (random.below(3) === 0 ? -1 : 1) * (31 * DAY + random.below(20 * DAY)),
      every: 1,
    })).filter(() => on('wrong first date')),
    ...times(1, () => ({ kind: 'renamed field' as const, atMs: at(), forMs: spell() })).filter(() =>
      on('renamed field'),
    ),
    ...times(1, () => ({ kind: 'sink key' as const, atMs: at(), forMs: spell(), sink: oneSink() })).filter(
      () => on('sink keys'),
    ),
    ...times(1, () => ({
      kind: 'mass rejection' as const,
      atMs: at(),
      forMs: spell(),
      sink: oneSink(),
    })).filter(() => on('mass rejection')),
    ...times(1 + random.below(2), () => ({
      kind: 'sink down' as const,
      atMs: at(),
      forMs: spell(),
      sink: oneSink(),
    })).filter(() => on('sinks down') || on('full journal')),
    ...times(1, () => ({ kind: 'sink away' as const, atMs: at(), forMs: spell(), sink: oneSink() })).filter(
      () => on('sinks away'),
    ),
    ...times(2, () => ({ kind: 'retry dead letters' as const, atMs: at() })).filter(() => on('poison')),
  ];
  return plans.toSorted((a, b) => a.atMs - b.atMs);
}
