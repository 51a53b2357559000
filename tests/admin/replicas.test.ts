import { describe, expect, it } from 'vitest';

import { dutyCounts, replicaDocuments, replicaNotes } from '../../src/admin/replicas.ts';
import type { Replica } from '../../src/checkpoint/journal.ts';

const replica = (name: string, more: Partial<Replica> = {}): Replica => ({
  name,
  self: false,
  startedAt: '2026-03-01T12:00:00.000Z',
  seenAt: '2026-03-01T12:00:05.000Z',
  alive: true,
  version: '1',
  fingerprint: 'same',
  duties: [],
  ...more,
});
const own = replica('a/1', { self: true, duties: ['source:platform', 'sink:splunk', 'sink:soc', 'upkeep'] });

describe('replicas', () => {
  it('are named with what each does', () => {
    expect(replicaDocuments([own, replica('b/2', { alive: false })])).toMatchObject([
      { name: 'a/1', self: true, alive: true, same_configuration: true, duties: own.duties },
      { name: 'b/2', self: false, alive: false, same_configuration: true, duties: [] },
    ]);
    expect(dutyCounts([replica('b/2'), own]).map(({ kind, held }) => [kind, held])).toEqual([
      ['source', 1],
      ['sink', 2],
      ['job', 0],
      ['upkeep', 1],
    ]);
  });

  it('are noted, with those that run another configuration', () => {
    expect(replicaNotes([])).toEqual([]);
    expect(replicaNotes([own, replica('b/2')])).toEqual([
      { part: 'daemon', text: '2 replicas over one journal; this is a/1' },
    ]);
    const others = [
      replica('b/2', { fingerprint: 'other' }),
      replica('c/3', { fingerprint: 'x', alive: false }),
    ];
    expect(replicaNotes([own, ...others])[1]?.text).toBe('the configuration differs from that of b/2');
    expect(replicaDocuments([own, ...others])[1]?.same_configuration).toBe(false);
  });
});
