import { Buffer } from 'node:buffer';

import type { Item } from '../sink.ts';

/** An event as Kafka keeps it. */
export interface KafkaRecord {
  /** The item's index in its batch. */
  readonly place: number;
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
  /** About what it adds to a request before compression. */
  readonly bytes: number;
}

const EVENT_ID = Buffer.from('event_id');
const EVENT_TYPE = Buffer.from('event_type');
const SOURCE = Buffer.from('source');
const CONTENT_TYPE = Buffer.from('content-type');
const HEARTBEAT = Buffer.from('heartbeat');
const JSON_TYPE = Buffer.from('application/json');
const TEXT_TYPE = Buffer.from('text/plain; charset=utf-8');
const TRUE = Buffer.from('true');
/** Lengths, deltas and the names of the headers. */
const FRAME_BYTES = 96;

/** The time of a record is when it is written: a topic deletes by that, and events that are read late must outlive it. */
export function recordOf(
  { canonical, kind, body, heartbeat }: Item,
  place: number,
  topic: string,
): KafkaRecord {
  const key = Buffer.from(canonical.id);
  const value = Buffer.from(body);
  const source = Buffer.from(canonical.source);
  const headers = new Map([
    [EVENT_ID, key],
    [SOURCE, source],
    [CONTENT_TYPE, kind === 'json' ? JSON_TYPE : TEXT_TYPE],
    heartbeat === undefined
      ? [EVENT_TYPE, Buffer.from(canonical.classification.eventType)]
      : [HEARTBEAT, TRUE],
  ] as const);
  const bytes = FRAME_BYTES + 2 * key.length + source.length + value.length;
  return { place, topic, key, value, headers, bytes };
}
