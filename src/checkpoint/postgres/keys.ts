import { bytes, type Row } from '../columns.ts';
import { corrupt } from '../corrupt.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** First byte of a key: whether UTF-8 or the 16 bytes of a UUID follow. */
const TEXT = 0;
const UUID_BYTES = 1;

/** The key of an id in the table `ids`. A UUID in its usual form is kept as 16 bytes, half of its text: the table has a row for each event. */
export function idKey(id: string): Buffer {
  return UUID.test(id)
    ? Buffer.concat([Buffer.of(UUID_BYTES), Buffer.from(id.replaceAll('-', ''), 'hex')])
    : Buffer.concat([Buffer.of(TEXT), Buffer.from(id, 'utf8')]);
}

/** The id whose key is in the column `id`. */
export function idOf(row: Row): string {
  const key = bytes(row, 'id');
  const rest = key.subarray(1);
  if (key[0] === TEXT) return rest.toString('utf8');
  if (key[0] !== UUID_BYTES || rest.length !== 16)
    throw corrupt('the list of known ids holds something that is not an id');
  return rest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** SQL condition for rows of `ids` created in a window. Its six values, `$first` and up, are those of `windowBounds`. */
export function inWindow(first: number): string {
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((more) => `$${first + more}`);
  return `second BETWEEN ${a} AND ${b} AND (second > ${c} OR ns >= ${d}) AND (second < ${e} OR ns <= ${f})`;
}
