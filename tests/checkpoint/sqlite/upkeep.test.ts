import { statSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { lastOlder } from '../../../src/checkpoint/sqlite/upkeep.ts';
import { harvest, incompressible, newEvents } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const freshDirectory = stateDirectories();

describe('pruning', () => {
  it('goes in slices, gives the space back, and leaves the chain whole', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    const large = newEvents(1, 5000).map((event) => ({ ...event, original: `"${incompressible(800)}"` }));
    // A page goes as a whole: one ends where the sink stands.
    await journal.append('platform', harvest(large.slice(0, 4500)));
    await journal.append('platform', harvest(large.slice(4500)));
    const full = (await journal.size()).usedBytes;
    await journal.moveCursor('splunk', 4500n, []);
    expect(await journal.prune(['splunk'], '2027-01-01T00:00:00Z', large.at(-1)?.createdNs ?? 0n)).toBe(4500);
    const { usedBytes, events } = await journal.size();
    expect(events).toBe(500);
    expect(usedBytes).toBeLessThan(full / 5);
    expect(await journal.held('platform').count({ startNs: 0n, endNs: 2n ** 62n })).toBe(500);
    expect(await journal.verifyChain(new AbortController().signal)).toMatchObject({
      intact: true,
      checked: 500,
    });
    await journal.close();
    expect(statSync(state.file('journal.db')).size).toBeLessThan(full / 2);
  });

  it('finds the last event that is old enough by halving', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(110), (anchor, length, old) => {
        const settled = anchor + length;
        const found = lastOlder(BigInt(anchor), BigInt(settled), (seq) => seq <= BigInt(old));
        expect(found).toBe(BigInt(Math.max(anchor, Math.min(settled, old))));
      }),
    );
  });

  it('never goes past an event that is itself too young, whatever the clock did', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (older) => {
        const found = lastOlder(0n, BigInt(older.length), (seq) => older[Number(seq) - 1] === true);
        if (found > 0n) expect(older[Number(found) - 1]).toBe(true);
      }),
    );
  });
});
