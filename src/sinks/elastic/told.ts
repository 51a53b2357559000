import { ForwardError } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { floorTo, NS_PER_MS, parseTime } from '../../model/time.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import type { Cluster } from './cluster.ts';
import { refusalOf, shortReason } from './fates.ts';
import { at, listAt, textAt } from './json.ts';

/**
 * What a document tells of its event beside the id. Two Platforms may give one id to two events, and so may one Platform over the years: that
 * a document with the id is there does not say that it is this event's.
 */
export interface Told {
  readonly time: bigint | null;
  readonly eventType: string | null;
  /** The Platform it came from. */
  readonly instance: string | null;
}

const NOTHING: Told = { time: null, eventType: null, instance: null };

type Path = readonly string[];

/** Where the formats say it. `@timestamp` comes last, because pipelines of the receiver's own like to set it. */
const TIMES: readonly Path[] = [
  ['created_at'],
  ['cloudquery', 'created_at'],
  ['metadata', 'original_time'],
  ['@timestamp'],
];
const TYPES: readonly Path[] = [
  ['cloudquery', 'audit', 'event_type'],
  ['metadata', 'event_code'],
  ['event_type'],
];
const INSTANCES: readonly Path[] = [
  ['cloudquery', 'audit', 'instance'],
  ['metadata', 'product', 'url_string'],
  ['dvc'],
];

/** What to ask for of a document. */
export const TOLD_FIELDS: readonly string[] = [...TIMES, ...TYPES, ...INSTANCES].map((path) =>
  path.join('.'),
);

/** Reads a document, ours or one that the cluster gave back. */
export function toldBy(source: unknown): Told {
  if (!isObject(source)) return NOTHING;
  const first = (paths: readonly Path[]): string | null =>
    paths.map((path) => textAt(source, ...path)).find((text) => text !== '') ?? null;
  const time = first(TIMES);
  return {
    time: time === null ? null : parseTime(time),
    eventType: first(TYPES),
    instance: first(INSTANCES),
  };
}

/** The same of a document as text. */
export function toldByText(json: string): Told {
  try {
    return toldBy(JSON.parse(json));
  } catch {
    return NOTHING;
  }
}

/** Whether two documents under one id are of two events. What one of them does not tell proves nothing. */
export function isAnother(ours: Told, theirs: Told): boolean {
  const differs = (one: unknown, other: unknown): boolean => one !== null && other !== null && one !== other;
  // A cluster may keep times to the millisecond only.
  const ms = ({ time }: Told): bigint | null => (time === null ? null : floorTo(time, NS_PER_MS));
  return (
    differs(ms(ours), ms(theirs)) ||
    differs(ours.eventType, theirs.eventType) ||
    differs(ours.instance, theirs.instance)
  );
}

/** A document that stood in the way of a `create`. */
export interface Occupant {
  readonly index: string;
  readonly id: string;
}

/** Documents in one question. */
const PER_QUESTION = 500;

/** The cluster will not be asked, in its words. */
export interface Refused {
  readonly refused: string;
}

/**
 * Asks for what these documents tell, in their order and as they are now: a search would not see the newest. What may pass throws
 * `transient`.
 */
export async function askTold(
  cluster: Cluster,
  occupants: readonly Occupant[],
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Told[] | Refused> {
  const told: Told[] = [];
  for (let start = 0; start < occupants.length; start += PER_QUESTION) {
    const asked = occupants.slice(start, start + PER_QUESTION);
    const query = new URLSearchParams({ _source_includes: TOLD_FIELDS.join(',') });
    const docs = asked.map(({ index, id }) => ({ _index: index, _id: id }));
    const request = {
      method: 'POST',
      path: `/_mget?${query.toString()}`,
      body: JSON.stringify({ docs }),
    } as const;
    const answer = await cluster.ask(request, signal);
    if (reactionTo(answer.status) === 'transient') {
      const failure = statusFailure(answer.where, answer, nowMs);
      throw new ForwardError('transient', failure.message, { retryAfterMs: failure.retryAfterMs });
    }
    if (answer.status !== 200) return { refused: refusalOf(answer) ?? `answered ${answer.status}` };
    const answered = listAt(answer.json, 'docs');
    // OpenSearch answers 200 and refuses each document by itself.
    const refused = answered.find((doc) => textAt(doc, 'error', 'type') === 'security_exception');
    if (refused !== undefined)
      return { refused: shortReason('security_exception', textAt(refused, 'error', 'reason')) };
    const found = new Map(
      answered.map((doc) => [
        keyOf({ index: textAt(doc, '_index'), id: textAt(doc, '_id') }),
        at(doc, '_source'),
      ]),
    );
    for (const occupant of asked) told.push(toldBy(found.get(keyOf(occupant))));
  }
  return told;
}

function keyOf({ index, id }: Occupant): string {
  return `${index}\n${id}`;
}
