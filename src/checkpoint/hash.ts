import { hash } from 'node:crypto';

/** What a page's hash covers, beside the hash before it. */
export interface ChainedPage {
  readonly firstSeq: bigint;
  readonly source: string;
  readonly receivedAt: string;
  /** SHA-256 of the packed entries, which hold each event's id, time and the hash of its bytes. */
  readonly entriesHash: Buffer;
}

const SEQ_BYTES = 8;
const LENGTH_BYTES = 4;

export function sha256(data: Buffer | string): Buffer {
  // As text: memory of its own for 32 bytes takes as long as hashing an event.
  return Buffer.from(hash('sha256', data, 'binary'), 'binary');
}

/** Where a chain starts: bound to its installation, so that events cannot move between journals unseen. */
export function genesisHash(installationId: string): Buffer {
  return sha256(`auditferry journal chain 1\n${installationId}`);
}

/**
 * SHA-256 over the hash before it and every field with its length in front, so that no two different pages give the same
 * input. Layout: hash (32 bytes), first seq (8, big endian), hash of the entries (32), then source and received_at, each as
 * a length (4, big endian) and its UTF-8 bytes.
 */
export function pageHash(before: Buffer, page: ChainedPage): Buffer {
  const seq = Buffer.allocUnsafe(SEQ_BYTES);
  seq.writeBigInt64BE(page.firstSeq);
  const texts = [page.source, page.receivedAt].flatMap((one) => {
    const encoded = Buffer.from(one, 'utf8');
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(encoded.length);
    return [length, encoded];
  });
  return sha256(Buffer.concat([before, seq, page.entriesHash, ...texts]));
}
