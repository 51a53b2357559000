import { describe, expect, it } from 'vitest';

import type { Window } from '../../../src/model/event.ts';
import { formatTime, NS_PER_SECOND } from '../../../src/model/time.ts';
import { createOutside } from '../../../src/sources/cloudquery/outside.ts';
import type { ReadItem } from '../../../src/sources/cloudquery/wire.ts';
import { createLedger } from '../../fakes/ledger.ts';

const MINUTE = 60n * NS_PER_SECOND;
const HOUR = 60n * MINUTE;
const T0 = 1_767_355_200n * NS_PER_SECOND;
const window: Window = { startNs: T0, endNs: T0 + 10n * MINUTE };

function items(...times: bigint[]): ReadItem[] {
  return times.map((createdNs, index) => ({
    event: {
      id: `${createdNs}-${index}`,
      createdAt: formatTime(createdNs),
      createdNs,
      original: '{}',
      eventType: '',
      wanted: true,
    },
  }));
}
const spread = (byNs: bigint, count = 4): ReadItem[] =>
  items(...Array.from({ length: count }, (_, index) => T0 + byNs + BigInt(index) * MINUTE));

describe('rows outside of what was asked for', () => {
  it('what is listed elsewhere does not count where it lies, or it would hide a late event', async () => {
    const ledger = createLedger();
    const outside = createOutside('0');
    const stray = items(T0 - 5n * HOUR);
    for (const { event } of [...spread(0n), ...stray])
      ledger.events.set(event.id, { ...event, wanted: true });
    outside.note(window, [...spread(0n), ...stray]);
    const listed = outside.asListed(ledger);
    const there = { startNs: T0 - 6n * HOUR, endNs: T0 - 4n * HOUR };
    expect(await ledger.count(there)).toBe(1);
    expect(await listed.count(there)).toBe(0);
    expect(await listed.count(window)).toBe(4);
    // A window counts what lies at either edge.
    const upTo = { startNs: T0 - 6n * HOUR, endNs: T0 - 5n * HOUR };
    expect(await ledger.count(upTo)).toBe(1);
    expect(await listed.count(upTo)).toBe(0);
  });

  it('one among others is named, and is no rule', () => {
    const outside = createOutside('0');
    const findings = outside.note(window, [...spread(0n), ...items(T0 - 5n * HOUR)]);
    expect(findings).toEqual([
      expect.objectContaining({
        kind: 'stray_row',
        summary: expect.stringContaining('it is kept') as string,
      }),
    ]);
    expect(outside.standing()).toEqual([]);
    expect(outside.note(window, spread(0n))).toEqual([]);
  });

  it.each([
    [3n * HOUR, '3h (shown later): time zone?'],
    [-5n * HOUR, '5h (shown earlier): time zone?'],
    [5n * HOUR + 45n * MINUTE, '5h45m (shown later): time zone?'],
    [7n * MINUTE + 30n * NS_PER_SECOND, 'lists events by another time'],
  ])('all by %i ns are one finding that says so', (byNs, words) => {
    const outside = createOutside('0');
    outside.note(window, spread(byNs, 8));
    expect(outside.standing()).toEqual([
      { kind: 'times_differ', summary: expect.stringContaining(words) as string },
    ]);
    expect(outside.note(window, spread(byNs, 8))).toEqual([]);
  });

  it('a single one may be chance, three in quiet polls are not', () => {
    const outside = createOutside('0');
    for (let polls = 0; polls < 3; polls += 1) {
      expect(outside.standing()).toEqual([]);
      outside.note(window, items(T0 + 2n * HOUR + BigInt(polls) * MINUTE));
    }
    expect(outside.offsetNs()).toBe(2n * HOUR);
  });

  it('keep the time zone that was learned in a window that many would fit', () => {
    const outside = createOutside((-5n * HOUR).toString());
    outside.note({ startNs: T0 - 8n * HOUR, endNs: T0 }, spread(-9n * HOUR, 4));
    expect(outside.offsetNs()).toBe(-5n * HOUR);
    outside.note({ startNs: T0 - 2n * HOUR, endNs: T0 }, spread(-4n * HOUR, 4));
    expect(outside.offsetNs()).not.toBe(-5n * HOUR);
  });

  it('in every answer are no rule where a quiet window lists nothing else', () => {
    const outside = createOutside('0');
    const always = items(T0 - 900n * HOUR, T0 - 2000n * HOUR, T0 - 7000n * HOUR);
    outside.note(window, [...always, ...spread(0n, 8)]);
    outside.note(window, always);
    expect(outside.standing()).toEqual([]);
  });

  it('do not tell a time zone in a window that many would fit', () => {
    const outside = createOutside('0');
    outside.note({ startNs: T0 - 24n * HOUR, endNs: T0 }, spread(HOUR, 3));
    expect(outside.offsetNs()).toBe(0n);
  });

  it('are over once a narrow window shows its own rows, and not because of a wide one', () => {
    const outside = createOutside((3n * HOUR).toString());
    outside.note({ startNs: T0 - 24n * HOUR, endNs: T0 + 24n * HOUR }, spread(0n));
    expect(outside.offsetNs()).toBe(3n * HOUR);
    outside.note(window, []);
    expect(outside.standing()).toHaveLength(1);
    outside.note(window, spread(0n));
    expect(outside.standing()).toEqual([]);
  });

  it.each([undefined, null, 7, 'x', '1e9', {}])('begin anew where %j was kept', (saved) => {
    expect(createOutside(saved).offsetNs()).toBe(0n);
  });

  it('are counted where they are listed, and not missed where they lie', async () => {
    const ledger = createLedger();
    const outside = createOutside((3n * HOUR).toString());
    const shown = spread(3n * HOUR);
    for (const { event } of shown) ledger.events.set(event.id, { ...event, wanted: true });
    const listed = outside.asListed(ledger);
    expect(await listed.count(window)).toBe(4);
    expect(await listed.missing(window, new Set(), 9)).toHaveLength(4);
    const [stray] = items(T0 + 9n * HOUR);
    if (stray !== undefined) ledger.events.set(stray.event.id, { ...stray.event, wanted: true });
    outside.note(window, [...shown, ...(stray === undefined ? [] : [stray])]);
    const there = { startNs: T0 + 5n * HOUR, endNs: T0 + 7n * HOUR };
    expect(
      await ledger.missing({ startNs: T0 + 8n * HOUR, endNs: T0 + 10n * HOUR }, new Set(), 9),
    ).toHaveLength(1);
    expect(await listed.missing(there, new Set(), 9)).toEqual([]);
  });

  it('are left out of a count after a restart as well, until they are too old to be counted', async () => {
    const ledger = createLedger();
    const [stray] = items(T0 - 9n * HOUR);
    if (stray === undefined) throw new Error('no row');
    ledger.events.set(stray.event.id, { ...stray.event, wanted: true });
    const before = createOutside('0');
    before.note(window, [stray, ...spread(0n)]);
    const after = createOutside('0', before.writeStrays());
    const where = { startNs: T0 - 10n * HOUR, endNs: T0 - 8n * HOUR };
    expect(await ledger.count(where)).toBe(1);
    expect(await after.asListed(ledger).count(where)).toBe(0);
    after.forget(T0 - 9n * HOUR + 1n);
    expect(after.writeStrays()).toEqual([]);
  });

  it('are remembered in bounded number, the newest', () => {
    const outside = createOutside('0', 'not what was kept');
    for (let row = 0n; row < 1003n; row += 1n)
      outside.note(window, [...items(T0 + 99n * HOUR + row), ...spread(0n)]);
    const kept = outside.writeStrays() as [string, string][];
    expect(kept).toHaveLength(1000);
    expect(kept.at(-1)?.[1]).toBe((T0 + 99n * HOUR + 1002n).toString());
  });
});
