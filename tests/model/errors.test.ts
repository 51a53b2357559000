import { describe as group, expect, it } from 'vitest';

import { describe, ForwardError, oneLine } from '../../src/model/errors.ts';

group('describe', () => {
  it('names every cause of a connection tried over several addresses', () => {
    const error = new AggregateError([
      new Error('connect ECONNREFUSED ::1:9'),
      new Error('connect ECONNREFUSED 127.0.0.1:9'),
    ]);
    expect(describe(error)).toBe('connect ECONNREFUSED ::1:9; connect ECONNREFUSED 127.0.0.1:9');
    expect(describe(new AggregateError([]))).toBe('AggregateError');
  });

  it('takes anything thrown', () => {
    expect(describe(new TypeError(''))).toBe('TypeError');
    expect(describe(undefined)).toBe('undefined');
    expect(describe({ toString: () => 'odd\nthing' })).toBe('odd thing');
    expect(describe('x'.repeat(5000))).toHaveLength(601);
  });
});

group('oneLine', () => {
  it('leaves nothing that moves a cursor, starts a line or breaks an encoder', () => {
    const hostile = `a\r\n\u001b[31mb\u0000c\u0085d\u2028e\u009bf ${'\ud800'}g`;
    const safe = oneLine(hostile);
    expect(safe).toBe('a [31mb c d e f \ufffdg');
    expect(safe.isWellFormed()).toBe(true);
  });

  it('is cut without half a character', () => {
    expect(oneLine('🛰🛰🛰', 3)).toBe('🛰\ufffd…');
    expect(oneLine('abc', 3)).toBe('abc');
  });
});

group('ForwardError', () => {
  it('is sure of nothing that was not said', () => {
    const error = new ForwardError('transient', 'no', { cause: 'why' });
    expect(error).toMatchObject({
      name: 'ForwardError',
      kind: 'transient',
      ambiguous: false,
      retryAfterMs: undefined,
      hint: undefined,
      cause: 'why',
    });
  });
});
