import { expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { withoutEchoes } from '../../src/sinks/echoes.ts';
import type { Sink, SinkContext } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';

const PAIR = Buffer.from('ana:pass-word-1').toString('base64');
const OPTIONS = {
  username: 'ana',
  password: Secret.of('pass-word-1'),
  search: { token: Secret.of('search-token') },
  list: [Secret.of('in-a-list')],
};
const SAID = `pass-word-1, Basic ${PAIR}, search-token, in-a-list`;
const SHOWN = '[secret], Basic [secret], [secret], [secret]';
const { signal } = new AbortController();

function open(over: Partial<Sink>, warnings: string[] = []) {
  const context: SinkContext = {
    name: 'one',
    warn: (line) => void warnings.push(line),
    clock: testClock(),
    forwarderVersion: '0.0.0-test',
  };
  return withoutEchoes(OPTIONS, context, (_options, around) => {
    around.warn(SAID);
    return {
      delivery: 'sent',
      send: () => Promise.resolve({ fates: [] }),
      check: () => Promise.resolve({ items: [] }),
      refreshSecrets: () => true,
      close: () => Promise.resolve(),
      ...over,
    };
  });
}

it('finds credentials wherever they stand in the options, and takes them out of whatever is told', async () => {
  const warnings: string[] = [];
  const sink = open(
    {
      send: async () => ({
        fates: [
          { outcome: 'rejected', reason: SAID },
          { outcome: 'retry', reason: SAID },
          { outcome: 'delivered' },
        ],
        notice: SAID,
        slowDown: true,
      }),
      check: async () => ({ items: [{ name: 'one', outcome: 'fail', finding: SAID, hint: SAID }] }),
    },
    warnings,
  );
  expect(await sink.send({ items: [], attempt: 1 }, signal)).toEqual({
    fates: [
      { outcome: 'rejected', reason: SHOWN },
      { outcome: 'retry', reason: SHOWN },
      { outcome: 'delivered' },
    ],
    notice: SHOWN,
    slowDown: true,
  });
  expect((await sink.check(signal)).items).toEqual([
    { name: 'one', outcome: 'fail', finding: SHOWN, hint: SHOWN },
  ]);
  expect(warnings).toEqual([SHOWN]);
  expect('holds' in sink).toBe(false);
});

it('throws what was thrown, unless that shows something: then without its cause', async () => {
  const harmless = new ForwardError('denied', 'no', { cause: new Error('why') });
  const cause = new Error(SAID);
  const telling = new ForwardError('transient', 'no', {
    cause,
    ambiguous: true,
    retryAfterMs: 5,
    hint: SAID,
  });
  const stopped = new Error('stopped');
  const failures: Error[] = [harmless, stopped, telling];
  const sink = open({ holds: () => Promise.reject(failures.shift() ?? stopped) });
  await expect(sink.holds?.([], signal)).rejects.toBe(harmless);
  await expect(sink.holds?.([], signal)).rejects.toBe(stopped);
  const error = await sink.holds?.([], signal).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    kind: 'transient',
    message: 'no',
    ambiguous: true,
    retryAfterMs: 5,
    hint: SHOWN,
  });
  expect((error as Error).cause).toBeUndefined();
});
