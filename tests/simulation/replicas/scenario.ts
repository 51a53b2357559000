import { randomFrom } from '../../../src/simulator/random.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { MINUTE, SECOND, scenarioOf } from '../scenario.ts';
import type { Scenario, SinkScenario } from '../scenario.ts';

/** Where a transaction that changes the journal is struck: before the database hears of its end, or before we hear of it. */
export type Moment = 'before' | 'after';

/** What happens to a replica, or to the database. Times are milliseconds. */
export type ReplicaPlan = { readonly atMs: number } & (
  | { readonly kind: 'crash' | 'restart'; readonly replica: number }
  | { readonly kind: 'freeze' | 'cut off' | 'no answer'; readonly replica: number; readonly forMs: number }
  | { readonly kind: 'crash at commit' | 'lose commit'; readonly replica: number; readonly moment: Moment }
  | {
      readonly kind: 'freeze at commit';
      readonly replica: number;
      readonly moment: Moment;
      readonly forMs: number;
    }
  | {
      readonly kind: 'freeze at write' | 'freeze at renewal';
      readonly replica: number;
      readonly forMs: number;
    }
  | { readonly kind: 'database restart' }
);

export const PLAN_KINDS = [
  'crash',
  'restart',
  'freeze',
  'cut off',
  'no answer',
  'crash at commit',
  'lose commit',
  'freeze at commit',
  'freeze at write',
  'freeze at renewal',
  'database restart',
] as const;

export interface ReplicasScenario {
  readonly seed: number;
  /** Of the Platform and the receivers. */
  readonly around: Scenario;
  /** How far the clock of each replica is ahead. Milliseconds. */
  readonly skewMs: readonly number[];
  readonly leaseMs: number;
  readonly plans: readonly ReplicaPlan[];
}

const SALT = 0x2e91;
const DIRECTED_SEED = 1;
export const LEASE_MS = 6 * SECOND;
/** The latest row comes so late. */
export const LATE_MS = 30 * SECOND;
const FAULT_MS = 4 * MINUTE;
const PLANS_MIN = 6;
const PLANS_MORE = 4;
const SKEW_MAX_MS = 20 * MINUTE;

/** What a test plans itself, to show one thing soon. Everything else is as with some seed. */
export function directed(
  skewMs: readonly number[],
  plans: readonly ReplicaPlan[],
  faultMs: number,
): ReplicasScenario {
  const { around, ...usual } = replicasScenario(DIRECTED_SEED);
  return { ...usual, around: { ...around, faultMs }, skewMs, plans };
}

/** Two or three replicas; every kind of plan has its turn among a few seeds. */
export function replicasScenario(seed: number): ReplicasScenario {
  const random = randomFrom(seed, SALT);
  const skewMs = Array.from({ length: 2 + (seed % 2) }, () => random.below(2 * SKEW_MAX_MS) - SKEW_MAX_MS);
  // Every tenth has no faults of its own: the Platform and the receivers get theirs here.
  const usual = scenarioOf(seed * 10);
  const { platform } = usual;
  return {
    seed,
    around: {
      ...usual,
      platform: {
        ...platform,
        late: { share: 0.05, up_to: LATE_MS },
        drift: seed % 2,
        rate: 40,
        history: FAULT_MS,
        burst: { every: 0 },
      },
      pollMs: 20 * SECOND,
      overlapMs: 5 * MINUTE,
      faultMs: FAULT_MS,
      heartbeatMs: 0,
      sinks: [sink('sink0', true, random), sink('sink1', false, random), sink('sink2', false, random)],
    },
    skewMs,
    leaseMs: LEASE_MS,
    plans: Array.from({ length: PLANS_MIN + random.below(PLANS_MORE) }, (_, index) =>
      planOf(PLAN_KINDS[(seed * PLANS_MIN + index) % PLAN_KINDS.length] ?? 'crash', skewMs.length, random),
    ).toSorted((a, b) => a.atMs - b.atMs),
  };
}

function planOf(kind: ReplicaPlan['kind'], replicas: number, random: Random): ReplicaPlan {
  const atMs = 5 * SECOND + random.below(FAULT_MS - 20 * SECOND);
  const replica = random.below(replicas);
  // Some are over before anybody takes over, some long after.
  const forMs = Math.floor(LEASE_MS * (0.3 + 4 * random.unit()));
  const moment = random.below(2) === 0 ? 'before' : 'after';
  switch (kind) {
    case 'crash':
    case 'restart':
      return { kind, atMs, replica };
    case 'freeze':
    case 'cut off':
    case 'no answer':
    case 'freeze at write':
    case 'freeze at renewal':
      return { kind, atMs, replica, forMs };
    case 'crash at commit':
    case 'lose commit':
      return { kind, atMs, replica, moment };
    case 'freeze at commit':
      return { kind, atMs, replica, moment, forMs };
    case 'database restart':
      return { kind, atMs };
  }
}

/** Answers are never lost: a repeat is the work of a takeover then. */
function sink(name: string, idempotent: boolean, random: Random): SinkScenario {
  return {
    name,
    concurrent: 1 + random.below(3),
    maxEvents: [8, 12, 40][random.below(3)] ?? 12,
    maxBytes: 65_536,
    maxWaitMs: 1000,
    rateLimit: null,
    idempotent,
    only: '',
    latencyMs: 200 + random.below(2000),
    loseRequest: 0.05,
    loseResponse: 0,
    partial: 0.05,
    tooMany: 0,
    serverError: 0.05,
    oddError: 0,
    poison: 0,
    unrenderable: 0,
  };
}
