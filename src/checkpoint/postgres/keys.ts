import { NS_PER_SECOND } from '../../model/time.ts';
import type { Window } from '../../model/event.ts';
import { bytes, int64, secondOf, type Row } from '../columns.ts';
import { corrupt } from '../corrupt.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** The first byte tells how the rest is written. */
const TEXT = 0;
const UUID_BYTES = 1;

/** How an id stands in the list of known ids: a UUID in its usual form as its 16 bytes, any other as UTF-8. */
export function idKey(id: string): Buffer {
  return UUID.test(id)
    ? Buffer.concat([Buffer.of(UUID_BYTES), Buffer.from(id.replaceAll('-', ''), 'hex')])
    : Buffer.concat([Buffer.of(TEXT), Buffer.from(id, 'utf8')]);
}

/** The id of a row with the column `id`. */
export function idOf(row: Row): string {
  const key = bytes(row, 'id');
  const rest = key.subarray(1);
  if (key[0] === TEXT) return rest.toString('utf8');
  if (key[0] !== UUID_BYTES || rest.length !== 16)
    throw corrupt('the list of known ids holds something that is not an id');
  return rest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Condition of a row of `ids`: created in a window, of which `windowBounds` gives the six values from `$first` on. */
export function inWindow(first: number): string {
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((more) => `$${first + more}`);
  return `second BETWEEN ${a} AND ${b} AND (second > ${c} OR ns >= ${d}) AND (second < ${e} OR ns <= ${f})`;
}

export function windowBounds({ startNs, endNs }: Window): readonly bigint[] {
  const [start, end] = [int64(startNs), int64(endNs)];
  const [first, last] = [secondOf(start), secondOf(end)];
  return [first, last, first, start - first * NS_PER_SECOND, last, end - last * NS_PER_SECOND];
}
