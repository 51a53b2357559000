import { describe, expect, it } from 'vitest';

import { act } from '../../src/admin/actions.ts';
import { groupLetters } from '../../src/admin/letter-groups.ts';
import { exportLetters, readLetters } from '../../src/admin/letter-reader.ts';
import type { DeadLetter } from '../../src/checkpoint/journal.ts';
import { sharedReason } from '../../src/model/reason.ts';
import { aLetter, anEvent, createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

const MAPPING = 'mapper_parsing_exception: failed to parse field […]';

function refused(count: number): Room {
  const room = createRoom();
  for (let id = 1; id <= count; id += 1) {
    const event = anEvent(id, START_MS + id, { event_type: id % 3 === 0 ? 'policy_updated' : 'user_login' });
    const reason = id % 2 === 0 ? `the document takes ${id * 1_000} bytes` : MAPPING;
    room.letters.push(aLetter(id, event, reason));
  }
  return room;
}

describe('dead letters by reason', () => {
  it.each([
    ['the document takes 70123 bytes', 'the document takes … bytes'],
    [
      'too old: it is of 2026-11-01T10:00:00.123Z, and max_event_age is 18h',
      'too old: it is of …, and max_event_age is …h',
    ],
    ['document 0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f01 was refused', 'document … was refused'],
    ['unknown field "user.email"', 'unknown field …'],
    ['refused with 422: {"error":"no field user.name"}', 'refused with 422: {"error":"no field user.name"}'],
    [
      'refused with 400: {"error":"\\"a.b\\" is unknown at 12","seq":7}',
      'refused with 400: {"error":"… is unknown at …",…:…}',
    ],
    ['refused with code 7 (Incorrect index)', 'refused with code 7 (Incorrect index)'],
  ])('%s is of the group %s', (reason, group) => {
    expect(sharedReason(reason)).toBe(group);
    expect(sharedReason(group)).toBe(group);
  });

  it('are counted, largest group first, with the types of their events', async () => {
    const room = refused(2_501);
    const { groups, whole } = await groupLetters(room.options.journal);
    expect(whole).toBe(true);
    expect(groups).toMatchObject([
      { owner: 'splunk', reason_group: MAPPING, count: 1251, example: MAPPING },
      { owner: 'splunk', reason_group: 'the document takes … bytes', count: 1250 },
    ]);
    const types = groups[0]?.event_types ?? {};
    expect(Object.keys(types).toSorted()).toEqual(['policy_updated', 'user_login']);
    expect(Object.values(types).reduce((a, b) => a + b, 0)).toBe(20);
  });

  it('says when there are more than it looked at', async () => {
    expect((await groupLetters(refused(20_001).options.journal)).whole).toBe(false);
  });

  it('are retried and discarded by reason, and no others', async () => {
    const room = refused(6);
    await act(room.options, '/api/dead-letters/retry', { owner: 'splunk', reason_group: MAPPING });
    await act(room.options, '/api/dead-letters/discard', {
      owner: 'splunk',
      reason_group: 'the document takes … bytes',
      reason: 'too large for good',
    });
    expect(room.asked).toEqual([
      { what: 'retry', with: { ids: [1n, 3n, 5n], limit: 3 } },
      { what: 'discard', with: { filter: { ids: [2n, 4n, 6n], limit: 3 }, reason: 'too large for good' } },
    ]);
    await expect(
      act(room.options, '/api/dead-letters/retry', { owner: 'splunk', reason_group: '' }),
    ).rejects.toMatchObject({ status: 400 });
  });

  it('are listed and exported by reason, in parts', async () => {
    const room = refused(450);
    room.letters.splice(2, 1, {
      ...(room.letters[2] as DeadLetter),
      sent: { text: '{"event":3}', cut: false },
    });
    const query = new URLSearchParams({ owner: 'splunk', reason_group: MAPPING });
    const listed = JSON.parse(String((await readLetters(room.options, query, true)).body)) as {
      dead_letters: { id: string; content: string; sent: unknown; rendered_now: unknown }[];
    };
    expect(listed.dead_letters.length).toBe(50);
    expect(listed.dead_letters[1]).toMatchObject({
      id: '3',
      sent: '{"event":3}',
      rendered_now: { format: 'cim' },
    });
    const ids: string[] = [];
    for (let after: string | null = '0'; after !== null;) {
      query.set('after', after);
      const { body } = await exportLetters(room.options, query);
      const part = JSON.parse(String(body)) as { dead_letters: { id: string }[]; next_after: string | null };
      ids.push(...part.dead_letters.map(({ id }) => id));
      after = part.next_after;
    }
    expect(ids).toEqual(Array.from({ length: 225 }, (_, at) => String(at * 2 + 1)));
  });

  it('are shown without what redaction takes out', async () => {
    const room = createRoom();
    const event = anEvent(1, START_MS, { event_details: { password: 'hunter2hunter2' } });
    room.letters.push(aLetter(1, event, 'refused'));
    const { body } = await readLetters(room.options, new URLSearchParams(), true);
    expect(String(body)).toContain('[redacted]');
    expect(String(body)).not.toContain('hunter2');
  });
});
