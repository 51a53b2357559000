import { describe, expect, it } from 'vitest';

import type { Revision } from '../../src/checkpoint/journal.ts';
import { describeRevisions } from '../../src/pipeline/revisions.ts';

const revision = (held: string | null, seen: string, id = 'a'): Revision => ({
  id,
  createdAt: '2026-01-02T12:00:00Z',
  heldHash: 'h',
  seenHash: 's',
  held,
  seen,
});
const one = (
  held: string | null,
  seen: string,
  id = 'a',
): ReturnType<typeof describeRevisions>[number] | undefined =>
  describeRevisions([revision(held, seen, id)])[0];

describe('an event that came again with other bytes', () => {
  it('is expected when the user alone changed', () => {
    const finding = one(
      '{"id":"a","user":{"email":"x","name":"n"}}',
      '{"id":"a","user":{"email":"y","name":"n"}}',
    );
    expect(finding).toMatchObject({ kind: 'user_changed', eventId: 'a', detail: { fields: ['user.email'] } });
  });

  it('is judged by its small fields where others are too large to read, and by their hashes', () => {
    const dense = (one: string): string => `[${`${one},`.repeat(300_000)}${one}]`;
    const event = (email: string, details: string): string =>
      `{"details":${details},"user":{"email":"${email}"}}`;
    expect(one(event('x', dense('[]')), event('y', dense('[]')))).toMatchObject({ kind: 'user_changed' });
    expect(one(event('x', dense('[]')), event('y', dense('{}')))).toMatchObject({
      kind: 'altered_event',
      detail: { fields: ['details', 'user.email'] },
    });
  });

  it.each([
    ['another field', '{"user":{"a":1},"type":"x"}', '{"user":{"a":2},"type":"y"}', ['user.a', 'type']],
    ['a field less', '{"user":1,"type":"x"}', '{"user":1}', ['type']],
    ['a name that only begins alike', '{"user_ip":"x"}', '{"user_ip":"y"}', ['user_ip']],
    ['only the spelling', '{"a":1}', '{ "a": 1 }', []],
    ['deeply', '{"d":{"e":{"f":1}}}', '{"d":{"e":{"f":2}}}', ['d.e']],
  ])('is an alarm when it is %s', (_name, held, seen, fields) => {
    expect(one(held, seen)).toMatchObject({
      kind: 'altered_event',
      detail: { fields, held_sha256: 'h', seen_sha256: 's' },
    });
  });

  it('is an alarm without fields when our bytes are pruned', () => {
    expect(one(null, '{}')).toMatchObject({ kind: 'altered_event', detail: { fields: null } });
  });

  it('cannot stop the program by its depth', () => {
    const deep = (core: string): string => `{"d":${'['.repeat(50_000)}${core}${']'.repeat(50_000)}}`;
    expect(one(deep('1'), deep('2'))).toMatchObject({ kind: 'altered_event', detail: { fields: null } });
  });

  it('cannot forge lines, and names a bounded number of fields', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`f${n}\nforged${'x'.repeat(500)}`, n]),
    );
    const finding = one('{}', JSON.stringify(many), 'a\nb');
    expect(finding?.summary).not.toMatch(/[\r\n]/);
    expect(finding?.summary.length).toBeLessThan(3000);
    expect((finding?.detail as { fields: string[] }).fields).toHaveLength(20);
  });
});
