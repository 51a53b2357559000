import { describe, expect, it } from 'vitest';

import { dutyCounts, replicaDocuments, replicaNotes } from '../../src/admin/replicas.ts';
import { aReplica } from './room.ts';

const own = aReplica('a/1', { self: true, duties: ['source:platform', 'sink:splunk', 'sink:soc', 'upkeep'] });

describe('replicas', () => {
  it('are named with what each does', () => {
    expect(replicaDocuments([own, aReplica('b/2', { alive: false })])).toMatchObject([
      { name: 'a/1', self: true, alive: true, same_configuration: true, duties: own.duties },
      { name: 'b/2', self: false, alive: false, same_configuration: true, duties: [] },
    ]);
    expect(dutyCounts([aReplica('b/2'), own]).map(({ kind, held }) => [kind, held])).toEqual([
      ['source', 1],
      ['sink', 2],
      ['job', 0],
      ['upkeep', 1],
    ]);
  });

  it('are noted, with those that run another configuration', () => {
    expect(replicaNotes([])).toEqual([]);
    expect(replicaNotes([own, aReplica('b/2')])).toEqual([
      {
        part: 'daemon',
        text: '2 replicas over one journal; this is a/1, which does source:platform, sink:splunk, sink:soc, upkeep',
      },
    ]);
    expect(replicaNotes([aReplica('a/1', { self: true }), own])[0]?.text).toMatch(
      /a\/1, which is on standby$/,
    );
    const many = Array.from({ length: 40 }, (_, at) => `source:s${at}` as const);
    expect(replicaNotes([aReplica('a/1', { self: true, duties: many })])[0]?.text).toMatch(
      /s3, source:s4 and 35 more$/,
    );
    const others = [
      aReplica('b/2', { fingerprint: 'other' }),
      aReplica('c/3', { fingerprint: 'x', alive: false }),
    ];
    expect(replicaNotes([own, ...others])[1]?.text).toBe('the configuration differs from that of b/2');
    expect(replicaDocuments([own, ...others])[1]?.same_configuration).toBe(false);
  });
});
