import { hash } from 'node:crypto';

/** What one event's hash covers, beside the hash before it. */
export interface ChainedFields {
  readonly seq: bigint;
  readonly source: string;
  readonly id: string;
  readonly createdAt: string;
  readonly original: Buffer;
  readonly receivedAt: string;
}

const HASH_BYTES = 32;
const SEQ_BYTES = 8;
const LENGTH_BYTES = 4;

export function sha256(data: Buffer | string): Buffer {
  return hash('sha256', data, 'buffer');
}

/** Where a chain starts: bound to its installation, so that events cannot move between journals unseen. */
export function genesisHash(installationId: string): Buffer {
  return sha256(`auditferry journal chain 1\n${installationId}`);
}

/**
 * SHA-256 over the hash before it and every field with its length in front, so that no two different events give the
 * same input. Layout: hash (32 bytes), seq (8, big endian), then source, id, created_at, received_at and original,
 * each as a length (4, big endian) and its UTF-8 bytes.
 */
export function chainHash(before: Buffer, fields: ChainedFields): Buffer {
  const texts = [fields.source, fields.id, fields.createdAt, fields.receivedAt];
  const lengths = texts.map((one) => Buffer.byteLength(one));
  const fixed = HASH_BYTES + SEQ_BYTES + LENGTH_BYTES * (texts.length + 1);
  const input = Buffer.allocUnsafe(
    fixed + lengths.reduce((sum, one) => sum + one, 0) + fields.original.length,
  );
  before.copy(input, 0);
  input.writeBigUInt64BE(fields.seq, HASH_BYTES);
  let at = HASH_BYTES + SEQ_BYTES;
  for (const [index, one] of texts.entries()) {
    at = input.writeUInt32BE(lengths[index] ?? 0, at);
    at += input.write(one, at, 'utf8');
  }
  at = input.writeUInt32BE(fields.original.length, at);
  fields.original.copy(input, at);
  return sha256(input);
}
