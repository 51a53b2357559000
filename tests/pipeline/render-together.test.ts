import { describe, expect, it } from 'vitest';

import type { CanonicalEvent } from '../../src/formats/format.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import type { Prepare } from '../../src/pipeline/prepare.ts';
import { renderTogether } from '../../src/pipeline/render-together.ts';
import { makeItem } from '../contract/items.ts';

const AHEAD_MS = 5_000;

function eventAt(seq: number): AuditEvent {
  return { seq: BigInt(seq), source: 'p', id: `id-${seq}`, createdAt: '', original: '{}', receivedAt: '' };
}

/** A group of sinks, and in order what was read, and rendered for whom. */
function group(bodyBytes = 10) {
  const done: string[] = [];
  let nowMs = 0;
  const together = renderTogether(
    (event) => {
      done.push(`read ${event.seq}`);
      return { seq: event.seq } as CanonicalEvent;
    },
    { monotonic: () => nowMs },
  );
  const join = (name: string) => {
    const own: Prepare = (event) => {
      together.canonicalize(event);
      done.push(`${name} ${event.seq}`);
      return {
        kind: 'item',
        item: makeItem(Number(event.seq), { body: `${name} ${event.seq}`.padEnd(bodyBytes) }),
      };
    };
    const { prepare, leave } = together.join(own);
    const ask = (seq: number): string => {
      const prepared = prepare(eventAt(seq));
      return prepared.kind === 'item' ? prepared.item.body.trim() : prepared.kind;
    };
    return { ask, prepare, leave };
  };
  const said = (): string[] => done.splice(0);
  return { join, said, pass: (ms: number) => (nowMs += ms) };
}

describe('sinks that render together', () => {
  it('read an event once and render it for all whose next one it is', () => {
    const { join, said } = group();
    const [a, b, c] = [join('a'), join('b'), join('c')];
    for (const sink of [a, b, c]) sink.ask(1);
    said();
    expect(a.ask(2)).toBe('a 2');
    expect(said()).toEqual(['read 2', 'a 2', 'b 2', 'c 2']);
    a.ask(3);
    said();
    expect([b.ask(2), b.ask(3), c.ask(2), c.ask(3)]).toEqual(['b 2', 'b 3', 'c 2', 'c 3']);
    expect(said()).toEqual([]);
    expect(c.ask(4)).toBe('c 4');
    expect(said()).toEqual(['read 4', 'c 4', 'a 4', 'b 4']);
  });

  it('are asked again for what no batch had room for, and keep what lies behind it', () => {
    const { join, said } = group();
    const [a, b] = [join('a'), join('b')];
    for (const sink of [a, b]) sink.ask(1);
    for (const seq of [2, 3, 4]) a.ask(seq);
    b.ask(2);
    said();
    expect([b.ask(2), b.ask(3), b.ask(3), b.ask(4), a.ask(4)]).toEqual(['b 2', 'b 3', 'b 3', 'b 4', 'a 4']);
    expect(said()).toEqual([]);
  });

  it('render for themselves when they are behind, when they begin again, and once they are alone', () => {
    const { join, said } = group();
    const [a, b] = [join('a'), join('b')];
    a.ask(10);
    b.ask(1);
    said();
    a.ask(11);
    b.ask(2);
    expect(said()).toEqual(['read 11', 'a 11', 'read 2', 'b 2']);
    expect(a.ask(5)).toBe('a 5');
    said();
    b.leave();
    a.ask(6);
    expect(said()).toEqual(['read 6', 'a 6']);
  });

  it('render anew what a sink that was held up did not come for', () => {
    const { join, said, pass } = group();
    const [a, b] = [join('a'), join('b')];
    for (const sink of [a, b]) sink.ask(1);
    for (const seq of [2, 3]) a.ask(seq);
    said();
    pass(AHEAD_MS);
    expect(b.ask(2)).toBe('b 2');
    expect(b.ask(3)).toBe('b 3');
    expect(said()).toEqual(['read 2', 'b 2', 'read 3', 'b 3']);
  });

  it.each([2, 4])('keep no more for those that do not move than some megabytes, for %i sinks', (count) => {
    const { join, said } = group(100_000);
    const [a, b, ...others] = Array.from({ length: count }, (_, index) => join('abcd'[index] ?? ''));
    for (const sink of [a, b, ...others]) sink?.ask(1);
    said();
    for (let seq = 2; seq <= 200; seq += 1) a?.ask(seq);
    const ahead = said().filter((text) => text.startsWith('b ')).length;
    expect(ahead).toBeGreaterThan(120 / count);
    expect(ahead).toBeLessThan(200 / count);
    expect(b?.ask(2)).toBe('b 2');
  });

  it('leave alone what is asked for in another way', () => {
    const { join, said } = group();
    const [a, b] = [join('a'), join('b')];
    for (const sink of [a, b]) sink.ask(1);
    a.ask(2);
    said();
    b.prepare(eventAt(7), { evenFiltered: true });
    expect(said()).toEqual(['read 7', 'b 7']);
    expect(b.ask(2)).toBe('b 2');
    expect(said()).toEqual([]);
  });
});
