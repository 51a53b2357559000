import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { testClock } from '../../contract/clock.ts';
import { makeItems } from '../../contract/items.ts';
import { openFaultFront } from '../../fakes/faults.ts';
import type { FakeRequest } from '../../fakes/faults.ts';
import { hec, splunkFake } from '../../fakes/splunk.ts';
import {
  ACK_PATH,
  EVENT_PATH,
  batch,
  channelOf,
  closers,
  failureOf,
  idAt,
  open,
  openBench,
  outcomes,
  posts,
  signal,
} from './bench.ts';

describe('acknowledgement', () => {
  it('asks sooner at first, and never rests longer than ack_poll', async () => {
    const { sink, fake, clock } = await openBench({ ack_poll: 1000 });
    fake.pollsUntilTrue = 5;
    await sink.send(batch(3), signal());
    expect(clock.slept).toEqual([250, 500, 1000, 1000, 1000, 1000]);
  });

  it('lets the next batches be sent in order meanwhile, once it is known that there are acknowledgements', async () => {
    const fake = splunkFake();
    let posting = 0;
    let most = 0;
    const slowly = async (request: FakeRequest) => {
      if (request.path !== EVENT_PATH) return fake.receive(request);
      posting += 1;
      most = Math.max(most, posting);
      for (let turns = 0; turns < 50; turns += 1) await nextTurn();
      posting -= 1;
      return fake.receive(request);
    };
    const clock = testClock();
    const front = await openFaultFront(slowly, { clock });
    closers.push(front.close);
    const sink = open(front.url, { ack_timeout: 1e9 }, clock);
    expect(sink.ahead?.()).toBe(0);
    await sink.send(batch(1), signal());
    expect(sink.ahead?.()).toBe(3);
    fake.requests.length = 0;
    fake.pollsUntilTrue = Number.POSITIVE_INFINITY;
    const sizes = [4, 1, 3, 2];
    const sent = Promise.all(sizes.map((size) => sink.send(batch(size), signal())));
    while (posts(fake).length < sizes.length) await nextTurn(); // none is acknowledged before the last one is posted
    fake.pollsUntilTrue = 0;
    expect(
      (await sent).map((receipt) => outcomes(receipt).filter((one) => one === 'delivered').length),
    ).toEqual(sizes);
    expect(most).toBe(1);
    expect(fake.indexed.slice(1).map(({ id }) => id)).toEqual(
      sizes.flatMap((size) => batch(size).items.map(({ canonical }) => canonical.id)),
    );
    expect(new Set(posts(fake).map(channelOf)).size).toBe(4); // ids of one channel are one batch's
  });

  it('lets no batch go beside another where none waits, or their order is not kept', async () => {
    const { sink } = await openBench({ ack: 'off' });
    await sink.send(batch(1), signal());
    expect(sink.ahead?.()).toBe(0);
  });

  it('throws ambiguous on a timeout and sends again on a new channel', async () => {
    const { sink, fake } = await openBench({ ack_timeout: 60_000 });
    fake.pollsUntilTrue = Number.POSITIVE_INFINITY;
    await expect(sink.send(batch(2), signal())).rejects.toMatchObject({ kind: 'transient', ambiguous: true });
    fake.pollsUntilTrue = 0;
    expect(outcomes(await sink.send(batch(2), signal()))).toEqual(['delivered', 'delivered']);
    expect(new Set(posts(fake).map(channelOf)).size).toBe(2);
  });

  it('sends again at once, on a new channel, when the answer to a poll is lost', async () => {
    const { sink, front, fake, clock } = await openBench({}, (_method, path) => path === ACK_PATH);
    fake.pollsUntilTrue = 0;
    front.arm('reset_after_body');
    await expect(sink.send(batch(2), signal())).rejects.toMatchObject({ kind: 'transient', ambiguous: true });
    expect(clock.monotonic()).toBeLessThan(1000);
    expect(outcomes(await sink.send(batch(2), signal()))).toEqual(['delivered', 'delivered']);
    expect(new Set(posts(fake).map(channelOf)).size).toBe(2);
  });

  it.each([
    ['code 14', hec(400, 14), 'denied'],
    ['code 10', hec(400, 10), 'denied'],
    ['an unknown 400', { status: 400, body: 'no' }, 'denied'],
    ['401', hec(401, 3), 'denied'],
    ['404', { status: 404, body: '' }, 'denied'],
    ['a page with 200', { status: 200, body: '<html>' }, 'transient'],
    ['acks that are no object', { status: 200, body: '{"acks":[true]}' }, 'transient'],
  ])('never takes %s from the ack endpoint for delivered', async (_what, answer, kind) => {
    const { sink, fake } = await openBench();
    fake.scriptedPolls.push(answer);
    const error = await failureOf(sink.send(batch(2), signal()));
    expect([error.kind, error.ambiguous]).toEqual([kind, true]);
  });

  it('keeps asking while the ack endpoint is busy, not sooner than it says', async () => {
    const { sink, fake, clock } = await openBench();
    fake.pollsUntilTrue = 0;
    fake.scriptedPolls.push({ ...hec(503, 9), headers: { 'retry-after': '30' } }, hec(500, 8));
    expect(outcomes(await sink.send(batch(2), signal()))).toEqual(['delivered', 'delivered']);
    expect(clock.slept).toEqual([250, 30_000, 10_000]);
  });

  it('takes nothing queued before a restart for acknowledged by an id that comes again', async () => {
    const { sink, fake } = await openBench();
    fake.pollsUntilTrue = 0;
    const items = makeItems(6);
    fake.poison.add(idAt(items, 2));
    fake.restartBeforePost = 2;
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(outcomes(receipt)).toEqual(['retry', 'retry', 'rejected', 'delivered', 'delivered', 'delivered']);
    expect(fake.indexed.map((event) => event.id)).toEqual([3, 4, 5].map((place) => idAt(items, place)));
  });

  it('keeps the cookies of a channel on every request, polls included', async () => {
    const { sink, fake } = await openBench({ channel_cookie: 'hec-channel' });
    fake.cookies = ['AWSALB=abc; Path=/; Max-Age=600', 'bad name=1', 'gone=; Path=/', 'evil=a\u00e9b'];
    await sink.send(batch(1), signal());
    const [first, ...polls] = fake.requests;
    const channel = first === undefined ? '' : channelOf(first);
    expect(first?.headers.cookie).toBe(`hec-channel=${channel}`);
    for (const poll of polls) expect(poll.headers.cookie).toBe(`hec-channel=${channel}; AWSALB=abc`);
    expect(polls.length).toBeGreaterThan(0);
  });

  it('uses one channel for one send at a time, and the same one again after it', async () => {
    const { sink, fake } = await openBench();
    await Promise.all([sink.send(batch(2), signal()), sink.send(batch(2), signal())]);
    expect(new Set(posts(fake).map(channelOf)).size).toBe(2);
    await sink.send(batch(2), signal());
    expect(new Set(posts(fake).map(channelOf)).size).toBe(2);
    await Promise.all([sink.send(batch(2), signal()), sink.send(batch(2), signal())]);
    expect(new Set(posts(fake).slice(-2).map(channelOf)).size).toBe(2);
  });

  it('gives a channel up before Splunk forgets it', async () => {
    const { sink, fake, clock } = await openBench();
    await sink.send(batch(2), signal());
    clock.advance(300_001);
    await sink.send(batch(2), signal());
    expect(new Set(posts(fake).map(channelOf)).size).toBe(2);
  });

  it('with ack: on sends nothing until the endpoint has shown that it acknowledges', async () => {
    const { sink, fake } = await openBench({ ack: 'on' });
    fake.ack = false;
    await expect(sink.send(batch(2), signal())).rejects.toMatchObject({ kind: 'denied' });
    expect(posts(fake)).toEqual([]);
    fake.ack = true;
    expect(outcomes(await sink.send(batch(2), signal()))).toEqual(['delivered', 'delivered']);
  });

  it('with ack: off asks nothing', async () => {
    const { sink, fake } = await openBench({ ack: 'off' });
    await sink.send(batch(2), signal());
    expect(fake.requests.map((request) => request.path)).toEqual([EVENT_PATH]);
  });

  it('gives up waiting as soon as the signal aborts', async () => {
    const { sink, fake } = await openBench({ ack_timeout: 1e12 });
    fake.pollsUntilTrue = Number.POSITIVE_INFINITY;
    const stop = new AbortController();
    const receive = sink.send(batch(2), stop.signal);
    await expect.poll(() => fake.requests.length).toBeGreaterThan(2);
    const reason = new Error('stopped');
    stop.abort(reason);
    await expect(receive).rejects.toBe(reason);
  });
});
