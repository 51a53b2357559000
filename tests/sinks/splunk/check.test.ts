import { describe, expect, it } from 'vitest';

import { Secret } from '../../../src/model/secret.ts';
import { openBench, signal } from './bench.ts';

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
