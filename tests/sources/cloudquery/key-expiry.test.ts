import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { sourceRoom } from '../../fakes/source-room.ts';
import type { SourceRoom } from '../../fakes/source-room.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 2, 12);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whole days from the start until the key expires, as the source says. */
const daysOf = (room: SourceRoom): number | null => {
  const ms = room.source.state().keyExpiresMs ?? null;
  return ms === null ? null : Math.floor((ms - NOW) / DAY);
};
const asks = (room: SourceRoom): number => room.asked.filter((path) => path.includes('apikeys')).length;

describe('the expiry of the key', () => {
  it('is asked for once a day, after the events, and warned of in time', async () => {
    const room = sourceRoom({}, { api_key_name: 'auditferry-expiring' });
    await room.poll(3, HOUR);
    expect(daysOf(room)).toBe(5);
    expect(asks(room)).toBe(1);
    expect(room.asked.findIndex((path) => path.includes('apikeys'))).toBeGreaterThan(
      room.asked.findIndex((path) => path.includes('audit-logs')),
    );
    expect(room.warnings).toEqual([
      'the key expires in 5 days (2026-01-07): create a new one and replace it',
    ]);
    await room.poll(2, DAY);
    expect(asks(room)).toBe(2);
  });

  it('is no matter as long as it is far away', async () => {
    const room = sourceRoom({}, { api_key_name: 'auditferry' });
    await room.poll();
    expect(daysOf(room)).toBe(300);
    expect(room.warnings).toEqual([]);
  });

  it.each([undefined, 'nobody’s'])('is not known without the name of the key, such as %s', async (name) => {
    const room = sourceRoom({}, name === undefined ? {} : { api_key_name: name });
    await room.poll(3, HOUR / 2);
    expect(daysOf(room)).toBeNull();
    // Asked again within the hour only once it has passed.
    expect(asks(room)).toBe(name === undefined ? 0 : 2);
  });

  it.each([403, 500])('costs no event where the Platform answers %i', async (status) => {
    const room = sourceRoom({}, { api_key_name: 'auditferry' });
    room.change = ({ path, response }) => (path.endsWith('/apikeys') ? { ...response, status } : response);
    await room.poll(2, HOUR / 4);
    expect(room.missing()).toEqual([]);
    expect(daysOf(room)).toBeNull();
  });
});
