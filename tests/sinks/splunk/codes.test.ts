import { describe, expect, it } from 'vitest';

import { hec } from '../../fakes/splunk.ts';
import { batch, failureOf, openBench, outcomes, posts, signal } from './bench.ts';

describe('the code table', () => {
  it.each([
    [403, 1, 'denied'],
    [401, 2, 'denied'],
    [401, 3, 'denied'],
    [403, 4, 'denied'],
    [400, 5, 'denied'],
    [400, 7, 'denied'],
    [500, 8, 'transient'],
    [503, 9, 'transient'],
    [400, 10, 'denied'],
    [400, 11, 'denied'],
    [400, 14, 'denied'],
    [400, 16, 'denied'],
    [503, 18, 'transient'],
    [503, 19, 'transient'],
    [503, 20, 'transient'],
    [400, 21, 'denied'],
    [400, 22, 'denied'],
    [503, 23, 'transient'],
    [429, 26, 'transient'],
    [429, 27, 'transient'],
    [400, 28, 'denied'],
    [200, 77, 'transient'],
    [400, 77, 'denied'],
    [500, 77, 'transient'],
  ])('takes status %i with code %i as %s', async (status, code, kind) => {
    const { sink, fake } = await openBench();
    fake.scriptedPosts.push({ ...hec(status, code), headers: { 'retry-after': '4' } });
    const error = await failureOf(sink.send(batch(2), signal()));
    expect(error.kind).toBe(kind);
    expect(error.ambiguous).toBe(code === 8 || status === 200 || (status === 500 && code === 77));
    if (kind === 'transient' && status !== 200) expect(error.retryAfterMs).toBe(4000);
    expect(posts(fake)).toHaveLength(1);
  });

  it.each([true, false])(
    'takes what stands before the event at which a request ended, ack %s',
    async (ack) => {
      const ends: readonly (readonly [number, number, number])[] = [
        [60, 503, 9],
        [7, 500, 8],
        [1, 429, 26],
        [40, 503, 23],
        [3, 503, 6],
        [2, 502, 77],
        [11, 413, 77],
      ];
      for (const [index, status, code] of ends) {
        const { sink, fake } = await openBench({ ack: ack ? 'on' : 'off' });
        fake.ack = ack;
        fake.stops.push([index, status, code]);
        const wanted = batch(80);
        const receipt = await sink.send(wanted, signal());
        const open = wanted.items.filter((_, place) => receipt.fates[place]?.outcome === 'retry');
        expect(outcomes(receipt)).not.toContain('rejected');
        expect(outcomes(receipt).slice(0, index)).toEqual(Array(index).fill('delivered'));
        if (status !== 413) expect(open).toHaveLength(80 - index);
        if (open.length > 0) await sink.send({ items: open, attempt: 2 }, signal());
        expect(fake.indexed.map(({ id }) => id)).toEqual(wanted.items.map(({ canonical }) => canonical.id));
      }
    },
  );

  it.each([
    [403, 4],
    [400, 7],
    [400, 28],
  ])('takes nothing for taken when every request is refused: status %i, code %i', async (status, code) => {
    const { sink, fake } = await openBench({ ack: 'off' });
    fake.scriptedPosts.push(hec(status, code, { 'invalid-event-number': 1 }));
    expect(await failureOf(sink.send(batch(3), signal()))).toMatchObject({ kind: 'denied' });
  });

  it.each([24, 25])('takes code %i as delivered, and slows down', async (code) => {
    const { sink, fake } = await openBench({ ack: 'off' });
    fake.scriptedPosts.push(hec(200, code));
    const receipt = await sink.send(batch(2), signal());
    expect(outcomes(receipt)).toEqual(['delivered', 'delivered']);
    expect(receipt.slowDown).toBe(true);
  });

  it.each([
    ['an empty body', ''],
    ['a page', '<html>hello</html>'],
    ['an array', '[0]'],
    ['a code that is text', '{"code":"0","text":"Success"}'],
  ])('does not take 200 with %s for success', async (_what, body) => {
    const { sink, fake } = await openBench();
    fake.scriptedPosts.push({ status: 200, body });
    await expect(sink.send(batch(2), signal())).rejects.toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('holds on a wrong index before anything is taken', async () => {
    const { sink, fake } = await openBench({ index: 'forbidden' });
    await expect(sink.send(batch(3), signal())).rejects.toMatchObject({ kind: 'denied' });
    expect(fake.indexed).toEqual([]);
  });

  it('takes a 404 for a restart only where the address has worked, and only for a while', async () => {
    const { sink, fake, clock } = await openBench();
    const missing = { status: 404, body: '{"text":"not found","code":404}' };
    fake.scriptedPosts.push(missing);
    expect((await failureOf(sink.send(batch(1), signal()))).kind).toBe('denied');
    await sink.send(batch(1), signal());
    fake.scriptedPosts.push(missing, missing);
    expect((await failureOf(sink.send(batch(1), signal()))).kind).toBe('transient');
    clock.advance(301_000);
    expect((await failureOf(sink.send(batch(1), signal()))).kind).toBe('denied');
  });
});
