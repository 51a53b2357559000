import { generateKeyPairSync } from 'node:crypto';

import type { Heartbeat } from '../../src/formats/heartbeat.ts';
import { heartbeatHash, renderHeartbeat } from '../../src/formats/heartbeat.ts';
import { createSeal, streamOf } from '../../src/formats/seal.ts';
import { signHeartbeat } from '../../src/pipeline/heartbeat.ts';
import { chained, runsText } from '../../src/pipeline/segment.ts';
import { proveRecords } from '../../src/records/prove.ts';
import type { RecordsProof, StreamProof } from '../../src/records/prove.ts';
import { openRecordTable } from '../../src/records/record-table.ts';
import type { PublicKeys } from '../../src/records/signatures.ts';
import { HEARTBEAT } from '../contract/items.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

export const RAW = { name: 'raw', kind: 'json' } as const;
const ORIGIN = {
  product: CLOUDQUERY,
  instance: 'x',
  apiVersion: 'v2',
  forwarderVersion: '0',
  labels: {},
} as const;

export function keyPair(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

export interface MadeStream {
  /** Records and heartbeats as lines, in the order of sending. */
  readonly lines: readonly string[];
  /** Where the record of a seq stands. */
  at(seq: number): number;
  /** Where a heartbeat stands. */
  heartbeat(number: number): number;
}

/** What a file holds after segments of these seqs were sent, each closed by a heartbeat. */
export function made(
  segments: readonly (readonly number[])[],
  privatePem?: string,
  sink = 'archive',
): MadeStream {
  const stream = streamOf('installation', sink);
  const seal = createSeal(RAW, stream);
  const lines: string[] = [];
  const places = new Map<string, number>();
  let previous: string | null = null;
  let lastSeq = 0;
  for (const [index, seqs] of segments.entries()) {
    let digest = '';
    for (const seq of seqs) {
      const body = JSON.stringify({
        id: `id-${seq}`,
        created_at: '2026-01-02T03:04:05Z',
        who: `user-${seq}`,
      });
      const sealed = seal(body, { seq: BigInt(seq), id: `id-${seq}` });
      digest = chained(digest, sealed.digest);
      places.set(`seq ${seq}`, lines.length);
      lines.push(sealed.body);
    }
    const upTo = Math.max(lastSeq, ...seqs);
    const plain: Heartbeat = {
      ...HEARTBEAT,
      sink,
      stream,
      number: index + 1,
      closed_at: new Date(Date.UTC(2026, 0, 2, 3, index)).toISOString(),
      first_seq: lastSeq + 1,
      last_seq: upTo,
      events: seqs.length,
      seqs: runsText(runsOf(seqs)),
      digest,
      previous,
    };
    const heartbeat: Heartbeat = privatePem === undefined ? plain : signHeartbeat(plain, privatePem);
    previous = heartbeatHash(heartbeat);
    lastSeq = upTo;
    places.set(`heartbeat ${index + 1}`, lines.length);
    lines.push(renderHeartbeat(heartbeat, RAW, ORIGIN));
  }
  return {
    lines,
    at: (seq) => places.get(`seq ${seq}`) ?? -1,
    heartbeat: (number) => places.get(`heartbeat ${number}`) ?? -1,
  };
}

function runsOf(seqs: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const seq of seqs) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === seq) last[1] = seq;
    else runs.push([seq, seq]);
  }
  return runs;
}

export const from = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

export async function prove(lines: readonly string[], keys: PublicKeys | null = null): Promise<RecordsProof> {
  const table = openRecordTable();
  try {
    return await proveRecords(
      lines.map((text, index) => ({ number: index + 1, text })),
      keys,
      table,
    );
  } finally {
    table.close();
  }
}

/** Of a file that holds one stream. */
export async function proveOne(
  lines: readonly string[],
  keys: PublicKeys | null = null,
): Promise<StreamProof> {
  const { streams } = await prove(lines, keys);
  if (streams.length !== 1 || streams[0] === undefined) throw new Error(`${streams.length} streams`);
  return streams[0];
}
