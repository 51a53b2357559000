import { free } from '../../model/free.ts';
import { bytesIn, fits, writeParts } from '../../model/text-room.ts';
import type { OpenFates } from '../open-fates.ts';
import { bytesOf } from '../sink.ts';
import type { Item } from '../sink.ts';
import type { WriteEnvelope } from './envelope.ts';

/** One event on its way: its index in the batch, and where its envelope stands. */
export interface Placed {
  readonly place: number;
  readonly start: number;
  /** In the request, line break included. */
  readonly bytes: number;
}

/** The envelopes of a batch behind each other, each with a line break after it. */
export interface Packed {
  readonly placed: readonly Placed[];
  /** What a request with a run of them carries; a run is what stands behind each other here. */
  readonly bodyOf: (run: readonly Placed[]) => Buffer;
  /** Gives their memory back, once nobody reads a body any more. */
  readonly free: () => void;
}

/** Room for an envelope around each body; where it is not enough the room is doubled. Bytes. */
const AROUND = 512;

/**
 * Writes the envelopes of what can be sent at all into one piece of memory: as texts of their own they would outlive several collections
 * of garbage. An event over the limit is refused here, before compression.
 */
export function packed(items: readonly Item[], write: WriteEnvelope, limit: number, open: OpenFates): Packed {
  let room = Buffer.allocUnsafeSlow(items.reduce((sum, item) => sum + bytesOf(item) + AROUND, 0));
  let at = 0;
  const placed: Placed[] = [];
  items.forEach((item, place) => {
    const envelope = write(item);
    if (!fits(envelope, room.length - at - 1)) room = roomFor(at + bytesIn(envelope) + 1, room, at);
    const bytes = writeParts(envelope, room, at) - at + 1;
    if (bytes > limit) {
      const reason = `the event takes ${bytes} bytes, max_event_size allows ${limit}`;
      open.settle(place, { outcome: 'rejected', reason });
      return;
    }
    room[at + bytes - 1] = LINE_BREAK;
    placed.push({ place, start: at, bytes });
    at += bytes;
  });
  return {
    placed,
    bodyOf: (run) => {
      const [first, last] = [run[0], run.at(-1)];
      return first === undefined || last === undefined
        ? Buffer.alloc(0)
        : room.subarray(first.start, last.start + last.bytes - 1);
    },
    free: () => free(room),
  };
}

const LINE_BREAK = 0x0a;

/** The same room where it has so many bytes, else a larger one that begins with what is used of it. */
function roomFor(bytes: number, room: Buffer<ArrayBuffer>, used: number): Buffer<ArrayBuffer> {
  if (bytes <= room.length) return room;
  const larger = Buffer.allocUnsafeSlow(2 * bytes);
  room.copy(larger, 0, 0, used);
  return larger;
}
