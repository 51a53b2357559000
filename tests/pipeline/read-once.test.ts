import { describe, expect, it } from 'vitest';

import type { CanonicalEvent } from '../../src/formats/format.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { createReadOnce } from '../../src/pipeline/read-once.ts';

function eventAt(seq: number, original = '{}'): AuditEvent {
  return { seq: BigInt(seq), source: 'p', id: `id-${seq}`, createdAt: '', original, receivedAt: '' };
}

function counting(): { read: (event: AuditEvent) => CanonicalEvent; seqs: number[] } {
  const seqs: number[] = [];
  const read = createReadOnce((event) => {
    seqs.push(Number(event.seq));
    return { seq: event.seq } as CanonicalEvent;
  });
  return { read, seqs };
}

describe('reading once', () => {
  it('reads an event for the first sink that asks, and gives the others the same', () => {
    const { read, seqs } = counting();
    const first = read(eventAt(1));
    expect(read(eventAt(1))).toBe(first);
    expect(read(eventAt(2))).not.toBe(first);
    expect(seqs).toEqual([1, 2]);
  });

  it('forgets the oldest of what is more than it may hold, also an event that is more by itself', () => {
    const { read, seqs } = counting();
    const large = 'x'.repeat(500_000);
    for (const seq of [1, 2, 3]) read(eventAt(seq, large));
    read(eventAt(3, large));
    read(eventAt(1, large));
    const huge = 'x'.repeat(9_000_000);
    read(eventAt(4, huge));
    read(eventAt(4, huge));
    expect(seqs).toEqual([1, 2, 3, 1, 4, 4]);
  });
});
