import { describe, expect, it } from 'vitest';

import { OpenFates } from '../../../src/sinks/open-fates.ts';
import { packed } from '../../../src/sinks/splunk/packed.ts';
import { makeItem } from '../../contract/items.ts';

const LIMIT = 100_000;

describe('envelopes in one piece of memory', () => {
  it.each([
    ['of one byte a character', 'a'],
    ['of three', '\u20ac'],
    ['of four in two units', '\u{1f600}'],
  ])('stand behind each other, with characters %s', (_, character) => {
    const texts = Array.from({ length: 40 }, (_unused, place) => character.repeat(place * 200));
    const items = texts.map((body, place) => makeItem(place, { body: '', id: body }));
    const { placed, bodyOf } = packed(
      items,
      ({ canonical }) => ['', canonical.id, ''],
      LIMIT,
      new OpenFates(40),
    );
    expect(bodyOf(placed).toString()).toBe(texts.join('\n'));
    expect(bodyOf(placed.slice(3, 5)).toString()).toBe(texts.slice(3, 5).join('\n'));
  });

  it('leave out what is over the limit', () => {
    const items = ['x', '\u20ac'.repeat(4), 'y'].map((body, place) => makeItem(place, { body }));
    const open = new OpenFates(3);
    const { placed, bodyOf } = packed(items, ({ body }) => ['', body, ''], 12, open);
    expect(bodyOf(placed).toString()).toBe('x\ny');
    const reason = 'the event takes 13 bytes, max_event_size allows 12';
    expect(open.receipt('open').fates[1]).toEqual({ outcome: 'rejected', reason });
  });
});
