import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/model/secret.ts';
import { testClock } from '../../contract/clock.ts';
import { openFaultFront } from '../../fakes/faults.ts';
import { closers, openBench, signal } from './bench.ts';

describe('holds', () => {
  it('asks the search for ids, quoted, and tells how many copies there are', async () => {
    const searches: URLSearchParams[] = [];
    const lines = [
      { preview: false, result: { event_id: 'a', count: '2' } },
      { preview: false, result: { event_id: 'other', count: '9' } },
      { preview: false, lastrow: true, result: { event_id: 'b"x', count: '1' } },
    ];
    const front = await openFaultFront(
      (request) => {
        expect(request.path).toBe('/services/search/v2/jobs/export');
        expect(request.headers.authorization).toBe('Bearer search-token');
        searches.push(new URLSearchParams(request.body.toString()));
        return { status: 200, body: lines.map((line) => JSON.stringify(line)).join('\n') };
      },
      { clock: testClock() },
    );
    closers.push(front.close);
    const search = { url: front.url.origin, token: Secret.of('search-token') };
    const { sink } = await openBench({ search });
    const copies = await sink.holds?.(['a', 'b"x', 'c'], signal());
    expect(copies).toEqual(
      new Map([
        ['a', 2],
        ['b"x', 1],
      ]),
    );
    expect(searches[0]?.get('search')).toBe(
      '| tstats count where index="audit" event_id IN ("a","b\\"x","c") by event_id',
    );
  });

  it.each([
    [{ status: 401, body: '' }, 'denied'],
    [{ status: 400, body: '{"messages":[]}' }, 'denied'],
    [{ status: 503, body: '' }, 'transient'],
    [{ status: 200, body: '{"messages":[{"type":"FATAL","text":"no such index"}]}' }, 'transient'],
    [{ status: 200, body: '<html>' }, 'transient'],
  ])('does not take a failed search for an answer', async (answer, kind) => {
    const front = await openFaultFront(() => answer, { clock: testClock() });
    closers.push(front.close);
    const { sink } = await openBench({ search: { url: front.url.origin, token: Secret.of('t') } });
    await expect(sink.holds?.(['a'], signal())).rejects.toMatchObject({ kind });
  });

  it('shows no token that a failed search quotes', async () => {
    const text = 'bad token Zq9-of-a-user';
    const answer = { status: 200, body: JSON.stringify({ messages: [{ type: 'FATAL', text }] }) };
    const front = await openFaultFront(() => answer, { clock: testClock() });
    closers.push(front.close);
    const { sink } = await openBench({
      search: { url: front.url.origin, token: Secret.of('Zq9-of-a-user') },
    });
    await expect(sink.holds?.(['a'], signal())).rejects.toThrow('could not search: bad token [secret]');
  });

  it('cannot be asked without a search address', async () => {
    const { sink } = await openBench();
    expect(Reflect.get(sink, 'holds')).toBeUndefined();
  });
});
