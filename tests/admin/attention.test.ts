import { describe, expect, it } from 'vitest';

import type { AttentionItem } from '../../src/admin/document-shape.ts';
import { buildStatus } from '../../src/admin/document.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aFinding, aLetter, anEvent, aReplica, createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

async function attention(room: Room): Promise<readonly AttentionItem[]> {
  return (await buildStatus(room.options)).attention;
}

const iso = (ms: number): string => new Date(ms).toISOString();

describe('what needs attention', () => {
  it('is a replica with another configuration', async () => {
    const room = createRoom();
    room.replicas = [
      aReplica('a/1', { self: true }),
      aReplica('b/2', { fingerprint: 'other' }),
      aReplica('c/3', { fingerprint: 'gone', alive: false }),
    ];
    expect(await attention(room)).toMatchObject([
      { severity: 'warning', parts: ['daemon'], cause: 'The configuration differs from that of b/2.' },
    ]);
  });

  it('is nothing while everything flows', async () => {
    expect(await attention(createRoom())).toEqual([]);
  });

  it('names the cause of a hold, what follows, what to do and when it is tried next', async () => {
    const room = createRoom();
    room.events.push(anEvent(1, START_MS - 60_000));
    enterState(room.splunk, 'held', START_MS, {
      reason: '403 invalid token',
      hint: 'create a new token',
      nextTryMs: START_MS + 60_000,
    });
    room.splunk.retries.denied = 3;
    expect(await attention(room)).toEqual([
      {
        severity: 'critical',
        label: 'held',
        parts: ['splunk'],
        cause: '403 invalid token',
        effect: '1 event waits in the journal. Nothing is lost meanwhile.',
        hint: 'create a new token',
        since: iso(START_MS),
        next_try: iso(START_MS + 60_000),
        tries: 3,
        finding_ids: [],
      },
    ]);
  });

  it('takes sinks that fail for one reason together, whatever differs from try to try', async () => {
    const room = createRoom();
    enterState(room.splunk, 'retrying', START_MS + 5, { reason: 'splunk: no answer in 30 s' });
    enterState(room.elastic, 'retrying', START_MS, { reason: 'elastic: no answer in 31 s' });
    const items = await attention(room);
    expect(items).toMatchObject([
      { severity: 'warning', parts: ['splunk', 'elastic'], since: iso(START_MS) },
    ]);
    enterState(room.elastic, 'retrying', START_MS, { reason: 'elastic: the name cannot be resolved' });
    expect((await attention(room)).map(({ parts }) => parts)).toEqual([['elastic'], ['splunk']]);
  });

  it('does not say that nothing is lost where that depends on how long it lasts', async () => {
    const room = createRoom();
    enterState(room.source, 'held', START_MS, { reason: 'the Platform refuses the key (401)' });
    const [item] = await attention(room);
    expect(item?.effect).toMatch(/what gets older than the audit horizon is lost/);
    expect(item?.effect).not.toMatch(/nothing is lost/i);
  });

  it('tells a full journal as what a failing sink has led to, and by itself where none fails', async () => {
    const room = createRoom();
    room.events.push(anEvent(1, START_MS - 60_000), anEvent(2, START_MS - 60_000));
    room.usedBytes = 2_097_152;
    room.splunk.cursor = 2n;
    enterState(room.source, 'working', START_MS);
    enterState(room.source, 'waiting_for_space', START_MS, { reason: 'the journal is full' });
    expect(await attention(room)).toMatchObject([
      { label: 'journal full', cause: 'The journal is full: 2MiB of 1.9MiB. elastic is 2 events behind.' },
    ]);
    enterState(room.elastic, 'held', START_MS, { reason: 'no such index' });
    const items = await attention(room);
    expect(items.map(({ parts }) => parts)).toEqual([['elastic']]);
    expect(items[0]?.effect).toMatch(/^2 events wait in the journal, and the journal is full/);
    enterState(room.elastic, 'retrying', START_MS, { reason: 'no answer' });
    expect(await attention(room)).toMatchObject([{ severity: 'critical', parts: ['elastic'] }]);
  });

  it('takes windows that cannot be read for one reason together, and leaves out the findings that say the same', async () => {
    const room = createRoom();
    const at = (hours: number): bigint => msToNs(START_MS - hours * 3_600_000);
    const window = (hours: number) => ({ startNs: at(hours + 1), endNs: at(hours) });
    room.state = {
      ...room.state,
      troubles: [5, 9].map((hours) => ({
        window: window(hours),
        reason: `status 500 after ${hours} s`,
        sinceMs: START_MS - 600_000,
      })),
    };
    room.findings.push({ ...aFinding(1, 'a window'), kind: 'unreadable_window' });
    expect(await attention(room)).toMatchObject([
      {
        severity: 'warning',
        label: 'unreadable window',
        parts: ['platform'],
        effect: `2 windows from ${iso(START_MS - 36_000_000).replace('.000Z', 'Z')} to ${iso(START_MS - 18_000_000).replace('.000Z', 'Z')} cannot be read. Everything else is.`,
      },
    ]);
  });

  it('is critical where retries have kept a sink from delivering for so long that the daemon is not ready', async () => {
    const room = createRoom();
    enterState(room.splunk, 'retrying', START_MS - 86_400_000, { reason: 'no answer' });
    room.splunk.progressedMs = (room.monotonicMs ?? 0) - 86_400_000;
    enterState(room.elastic, 'retrying', START_MS, { reason: 'the name cannot be resolved' });
    expect(await attention(room)).toMatchObject([
      { severity: 'critical', label: 'retrying', parts: ['splunk'] },
      { severity: 'warning', label: 'retrying', parts: ['elastic'] },
    ]);
  });

  it('puts what may lose events first and what is only good to know last', async () => {
    const room = createRoom();
    const event = anEvent(1, START_MS);
    room.letters.push(aLetter(1, event, 'refused'));
    room.findings.push({ ...aFinding(1, 'the user changed'), kind: 'user_changed' }, aFinding(2, 'fewer'), {
      ...aFinding(3, 'left the journal'),
      kind: 'pruned_before_delivery',
      source: 'elastic',
    });
    enterState(room.splunk, 'retrying', START_MS, { reason: 'no answer' });
    const items = await attention(room);
    expect(items.map(({ severity, label }) => `${severity} ${label}`)).toEqual([
      'critical pruned before delivery',
      'warning retrying',
      'warning fewer on server',
      'warning dead letters',
      'notice user changed',
    ]);
    expect(items[0]).toMatchObject({
      finding_ids: ['3'],
      hint: expect.stringContaining('auditferry backfill --sink elastic') as string,
    });
  });

  it('tells what a sink will find gone, before its loop makes the finding', async () => {
    const room = createRoom();
    room.pruned.set('elastic', 20);
    expect(await attention(room)).toMatchObject([
      {
        severity: 'critical',
        parts: ['elastic'],
        cause: '20 events left the journal before the sink had them.',
      },
    ]);
    const finding = { ...aFinding(1, '20 events'), kind: 'pruned_before_delivery', source: 'elastic' };
    room.findings.push(finding);
    expect(await attention(room)).toMatchObject([{ cause: '20 events', finding_ids: ['1'] }]);
  });

  it('names what readiness says and nothing else does', async () => {
    const room = createRoom();
    room.nowMs = START_MS + 3_600_000;
    const parts = (await attention(room)).map(({ label, parts: its }) => `${label}: ${its.join()}`);
    expect(parts).toContain('not ready: platform');
    room.status.stopping = true;
    expect(await attention(room)).toContainEqual(
      expect.objectContaining({ severity: 'notice', label: 'stopping' }),
    );
  });
});
