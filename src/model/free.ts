/** Smaller ones are left to the collector of garbage. Bytes. */
const LARGE_BYTES = 2 ** 20;

/**
 * Gives the memory of large bytes back at once; they must not be used any more. The collector sees only the small object that stands for
 * them, and comes too late where several copies of 45 MB follow each other.
 */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.byteLength < LARGE_BYTES || bytes.byteLength !== buffer.byteLength) return; // a part of something larger is not ours alone
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
