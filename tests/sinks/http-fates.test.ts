import { describe, expect, it } from 'vitest';

import type { HttpResponse } from '../../src/net/http.ts';
import { placeOf, reactionTo, statusFailure, unreadableAnswer } from '../../src/sinks/http-fates.ts';

const NOW_MS = Date.parse('2026-01-02T03:04:05Z');

describe('the reaction to a status', () => {
  it.each([
    [200, 'taken'],
    [299, 'taken'],
    [301, 'denied'],
    [308, 'denied'],
    [400, 'isolate'],
    [401, 'denied'],
    [403, 'denied'],
    [404, 'denied'],
    [405, 'denied'],
    [406, 'denied'],
    [407, 'denied'],
    [408, 'transient'],
    [409, 'denied'],
    [410, 'denied'],
    [413, 'split'],
    [415, 'denied'],
    [418, 'denied'],
    [422, 'isolate'],
    [425, 'transient'],
    [429, 'transient'],
    [500, 'transient'],
    [501, 'denied'],
    [502, 'transient'],
    [503, 'transient'],
    [504, 'transient'],
    [505, 'denied'],
    [520, 'transient'],
  ])('%i is %s', (status, reaction) => {
    expect(reactionTo(status)).toBe(reaction);
  });
});

describe('the failure for a status', () => {
  it.each([
    [408, true],
    [425, false],
    [429, false],
    [500, true],
    [502, true],
    [503, false],
    [504, true],
  ])('%i is transient, ambiguous: %s', (status, ambiguous) => {
    expect(statusFailure('https://r/x', answer(status), NOW_MS)).toMatchObject({
      kind: 'transient',
      ambiguous,
    });
  });

  it.each(['9', 'Fri, 02 Jan 2026 03:04:14 GMT'])('honours Retry-After: %s on every status', (value) => {
    for (const status of [301, 413, 429, 503]) {
      const failure = statusFailure('https://r/x', answer(status, { 'retry-after': value }), NOW_MS);
      expect(failure.retryAfterMs).toBe(9000);
    }
  });

  it('shows where, the status and chosen words on one line, never the body', () => {
    const response = answer(401, { 'content-type': 'text/html' }, '<p>secret body</p>');
    expect(statusFailure('https://r/x', response, NOW_MS).message).toBe(
      'https://r/x answered 401 (an HTML page, as proxies send)',
    );
    const told = statusFailure('https://r/x', response, NOW_MS, { said: 'bad\nkey\u001b[31m' });
    expect(told.message).toBe('https://r/x answered 401: bad key [31m');
    expect(told.kind).toBe('denied');
    expect(told.hint).toContain('credentials');
  });

  it('takes a 2xx that nobody can read for nothing', () => {
    const wanted = { kind: 'transient', ambiguous: true };
    expect(unreadableAnswer('https://r/x', answer(200))).toMatchObject(wanted);
    expect(statusFailure('https://r/x', answer(204), NOW_MS)).toMatchObject(wanted);
  });
});

it('shows of an address neither credentials nor query', () => {
  expect(placeOf(new URL('https://user:pass@r.example:8088/a/b?token=x#y'))).toBe(
    'https://r.example:8088/a/b',
  );
});

function answer(status: number, headers: HttpResponse['headers'] = {}, body = ''): HttpResponse {
  return { status, headers, body: Buffer.from(body) };
}
