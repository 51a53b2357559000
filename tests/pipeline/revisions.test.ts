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
    expect(finding).toMatchObject({
      kind: 'user_changed',
      detail: { events: 1, fields: ['user.email'], named: [{ id: 'a' }] },
    });
  });

  it('is one finding with the same words for all events of a sign-in, and for each later one', () => {
    const user = (login: number, id: number): string => `{"id":"${id}","user":{"last_login_at":"${login}"}}`;
    const signIn = (login: number, events: number) =>
      describeRevisions(
        Array.from({ length: events }, (_, id) => revision(user(0, id), user(login, id), String(id))),
      );
    const [first, ...more] = signIn(1, 900);
    expect(more).toEqual([]);
    expect(first).toMatchObject({ kind: 'user_changed', detail: { events: 900 } });
    expect((first?.detail as { named: unknown[] }).named).toHaveLength(10);
    const { subject, summary } = signIn(2, 30)[0] ?? {};
    expect({ subject, summary }).toEqual({ subject: first?.subject, summary: first?.summary });
    const other = describeRevisions([revision('{"user":{"email":"x"}}', '{"user":{"email":"y"}}')])[0];
    expect(other?.subject).not.toBe(first?.subject);
  });

  it('is a finding each when a few are altered, and one with their number when many are', () => {
    const altered = (events: number) =>
      describeRevisions(
        Array.from({ length: events }, (_, id) => revision('{"name":"x"}', '{"name":"y"}', String(id))),
      );
    expect(altered(10).map(({ eventId }) => eventId)).toEqual(
      Array.from({ length: 10 }, (_, id) => String(id)),
    );
    const [many, ...more] = altered(11);
    expect(more).toEqual([]);
    expect(many?.summary).toMatch(/^11 events/);
    expect(altered(12)[0]?.summary).not.toBe(altered(11)[0]?.summary);
  });

  it('is told apart by a bounded number of fields', () => {
    const many = Array.from({ length: 300 }, (_, n) => revision('{}', `{"f${n}":1}`, String(n)));
    expect(describeRevisions(many)).toHaveLength(21);
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

  it('is noted, once for all, when our bytes are pruned: a sign-in would look the same', () => {
    const findings = describeRevisions([
      ...Array.from({ length: 30 }, (_, id) => revision(null, '{}', String(id))),
      revision('{"type":"x"}', '{"type":"y"}'),
    ]);
    expect(findings.map(({ kind }) => kind)).toEqual(['altered_event', 'changed_after_pruning']);
    expect(findings[1]).toMatchObject({ detail: { events: 30, fields: null } });
    expect(describeRevisions([revision(null, '[]', 'other')])[0]?.summary).toBe(findings[1]?.summary);
  });

  it('cannot stop the program by its depth', () => {
    const deep = (core: string): string => `{"d":${'['.repeat(50_000)}${core}${']'.repeat(50_000)}}`;
    const { kind, detail } = one(deep('1'), deep('2')) ?? {};
    // Node.js 26 parses any depth, 24 does not.
    expect([null, ['d']]).toContainEqual((detail as { readonly fields: unknown }).fields);
    expect(kind).toBe('altered_event');
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
