import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/model/secret.ts';
import { testClock } from '../../contract/clock.ts';
import { openFaultFront } from '../../fakes/faults.ts';
import type { FakeAnswer } from '../../fakes/faults.ts';
import { closers, open, openBench, signal } from './bench.ts';

describe('check', () => {
  it('proves health, token and acknowledgement, and says what it cannot prove', async () => {
    const { sink } = await openBench();
    const { items } = await sink.check(signal());
    expect(items.map((item) => [item.name, item.outcome])).toEqual([
      ['health', 'ok'],
      ['token', 'ok'],
      ['ack', 'ok'],
      ['index', 'warn'],
    ]);
  });

  it.each([
    ['auto', 'warn'],
    ['on', 'fail'],
  ] as const)('with ack: %s a token without acknowledgement is a %s', async (ack, outcome) => {
    const { sink, fake } = await openBench({ ack });
    fake.ack = false;
    expect((await sink.check(signal())).items).toContainEqual(
      expect.objectContaining({ name: 'ack', outcome }),
    );
  });

  const json = (status: number, body: object): FakeAnswer => ({
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const success = json(200, { text: 'Success', code: 0 });
  const text = (status: number): FakeAnswer => ({
    status,
    headers: { 'content-type': 'text/plain' },
    body: 'no',
  });

  /** Answers of receivers that resemble HEC: to the health question, to an empty request, to a poll for acknowledgements. */
  it.each<[string, FakeAnswer, FakeAnswer, FakeAnswer]>([
    ['VictoriaLogs', { status: 200 }, success, text(400)],
    ['LogScale', text(404), success, text(404)],
    [
      'Cribl',
      json(200, { text: 'HEC is healthy', code: 17 }),
      success,
      json(400, { text: 'ACK is disabled', code: 14 }),
    ],
    ['one that takes everything for events', success, success, success],
    [
      'one that reads an empty request',
      text(405),
      json(400, { text: 'Invalid data format', code: 6 }),
      text(501),
    ],
  ])('passes for %s, and says what it is not', async (_name, health, empty, poll) => {
    const front = await openFaultFront(
      ({ method, path }) => (method === 'GET' ? health : path.endsWith('/ack') ? poll : empty),
      { clock: testClock() },
    );
    closers.push(front.close);
    const outcomes = async (ack: 'auto' | 'on') =>
      Object.fromEntries(
        (await open(front.url, { ack }).check(signal())).items.map(({ name, outcome }) => [name, outcome]),
      );
    expect(await outcomes('auto')).toEqual({
      health: health.status === 200 ? 'ok' : 'warn',
      token: 'ok',
      ack: 'warn',
      index: 'warn',
    });
    expect((await outcomes('on'))['ack']).toBe('fail');
  });

  it('takes no login page for a collector', async () => {
    const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' };
    const front = await openFaultFront(() => page, { clock: testClock() });
    closers.push(front.close);
    const { items } = await open(front.url).check(signal());
    expect(items.find(({ name }) => name === 'token')?.outcome).toBe('fail');
  });

  it('names a wrong token and an address that is no collector', async () => {
    const wrong = await openBench({ token: Secret.of('another-token') });
    expect((await wrong.sink.check(signal())).items).toContainEqual(
      expect.objectContaining({ name: 'token', outcome: 'fail' }),
    );
    await wrong.front.close();
    const { items } = await wrong.sink.check(signal());
    expect(items.filter((item) => item.outcome === 'fail').map((item) => item.name)).toEqual([
      'health',
      'token',
    ]);
  });
});
