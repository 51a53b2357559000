import type { Replica } from '../checkpoint/journal.ts';
import { counted } from '../pipeline/verdict.ts';

/** A process that shares the journal, in the status document. */
export interface ReplicaDocument {
  /** Host and process. */
  readonly name: string;
  /** True for the one that answers. */
  readonly self: boolean;
  /** False once it was not heard of for the length of a lease. */
  readonly alive: boolean;
  readonly started_at: string;
  readonly seen_at: string;
  readonly version: string;
  /** False where its configuration is another one than that of the replica that answers. */
  readonly same_configuration: boolean;
  /** What it does: `source:NAME`, `sink:NAME`, `job:ID` and `upkeep`. */
  readonly duties: readonly string[];
}

export function replicaDocuments(replicas: readonly Replica[]): ReplicaDocument[] {
  const own = replicas.find(({ self }) => self) ?? replicas.find(({ alive }) => alive);
  return replicas.map(({ name, self, alive, startedAt, seenAt, version, fingerprint, duties }) => ({
    name,
    self,
    alive,
    started_at: startedAt,
    seen_at: seenAt,
    version,
    same_configuration: own === undefined || fingerprint === own.fingerprint,
    duties,
  }));
}

/** Who shares the journal, and who does not do the same as this one. */
export function replicaNotes(
  replicas: readonly Replica[],
): { readonly part: string; readonly text: string; readonly hint?: string }[] {
  const alive = replicas.filter((replica) => replica.alive);
  const own = replicas.find(({ self }) => self);
  if (own === undefined) return [];
  const others = differing(replicas);
  const shared = {
    part: 'daemon',
    text: `${counted(alive.length, 'replica')} over one journal; this is ${own.name}, which ${doing(own)}`,
  };
  if (others.length === 0) return [shared];
  const names = others.map(({ name }) => name).join(', ');
  return [
    shared,
    {
      part: 'daemon',
      text: `the configuration differs from that of ${names}`,
      hint: 'give every replica the same configuration: sources and sinks move between them',
    },
  ];
}

const TOLD = 5;

function doing({ duties }: Replica): string {
  if (duties.length === 0) return 'is on standby';
  const more = duties.length - TOLD;
  return `does ${duties.slice(0, TOLD).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Those that are alive and run another configuration than this one. */
export function differing(replicas: readonly Replica[]): readonly Replica[] {
  const own = replicas.find(({ self }) => self);
  return replicas.filter((one) => one.alive && own !== undefined && one.fingerprint !== own.fingerprint);
}

const KINDS = ['source', 'sink', 'job', 'upkeep'];

/** What this replica does of what replicas share, how much of each kind; none where the journal is not shared. */
export function dutyCounts(
  replicas: readonly Replica[],
): { readonly replica: string; readonly kind: string; readonly held: number }[] {
  return replicas
    .filter(({ self }) => self)
    .flatMap(({ name, duties }) =>
      KINDS.map((kind) => ({
        replica: name,
        kind,
        held: duties.filter((duty) => duty.split(':')[0] === kind).length,
      })),
    );
}
