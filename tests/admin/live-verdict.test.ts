import { describe, expect, it } from 'vitest';

import { buildStatus } from '../../src/admin/document.ts';
import { liveVerdict, STALE_MS } from '../../src/admin/live-verdict.ts';
import type { LiveVerdict } from '../../src/admin/live-verdict.ts';
import { survey } from '../../src/admin/survey.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aFinding, aLetter, anEvent, createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

async function verdict(room: Room): Promise<LiveVerdict> {
  return liveVerdict(await survey(room.options));
}

/** Forty events; both sinks have them. */
function delivered(): Room {
  const room = createRoom();
  room.events.push(...Array.from({ length: 40 }, (_, at) => anEvent(at + 1, START_MS)));
  room.splunk.cursor = room.elastic.cursor = 40n;
  return room;
}

describe('the verdict of a running daemon', () => {
  it('is complete as of a moment, and says that receivers were not asked', async () => {
    const room = delivered();
    expect(await verdict(room)).toMatchObject({
      verdict: 'complete',
      summary:
        'complete: as of the last count (2026-01-02T03:59:56Z) everything is in the journal and, by its own records, delivered to every sink.',
      reasons: [],
    });
    room.state = { ...room.state, pendingReconcile: 12 };
    expect((await verdict(room)).summary).toMatch(/; 12 windows due to be counted again\.$/);
  });

  it('counts events that were too old for a sink apart from its dead letters', async () => {
    const room = delivered();
    const event = anEvent(1, START_MS);
    const letters = ['too old: by a day', 'mapping', 'too old: by two days'];
    room.letters.push(...letters.map((reason, at) => aLetter(at + 1, event, reason)));
    const { summary, sinks } = await verdict(room);
    expect(sinks.get('splunk')).toMatchObject({ deadLetters: 1, tooOld: 2 });
    expect(summary).toContain('1 dead letter, 2 events too old for the receiver');

    const document = await buildStatus(room.options);
    expect(document.dead_letters).toEqual({ splunk: 1 });
    expect(document.sinks[0]).toMatchObject({ name: 'splunk', dead_letters: 1, too_old: 2 });
    const cause = (text: string): unknown => expect.stringContaining(text);
    expect(document.attention).toMatchObject([
      { label: 'dead letters', parts: ['splunk'], cause: cause('1 event cannot be delivered') },
      { label: 'too old', parts: ['splunk'], cause: cause('2 events were older than the receiver takes') },
    ]);
  });

  it('says in its first sentence how many events wait, are held, or are dead letters, per sink', async () => {
    const room = delivered();
    room.splunk.cursor = 9n;
    enterState(room.splunk, 'held', START_MS, { reason: '403 invalid token' });
    room.letters.push(
      ...[1, 2, 3].map((id) => ({ ...aLetter(id, anEvent(id, START_MS), 'no'), owner: 'elastic' })),
    );
    const { verdict: word, summary, sinks } = await verdict(room);
    expect(word).toBe('undelivered');
    expect(summary).toMatch(
      /^undelivered: sink splunk: 31 events waiting, held \(403 invalid token\); sink elastic: 3 dead letters\. /,
    );
    expect(sinks.get('splunk')).toMatchObject({ waiting: 31, held: 31, deadLetters: 0 });
    expect(sinks.get('elastic')).toMatchObject({ waiting: 0, held: 0, deadLetters: 3 });
  });

  it('tells dead letters of a source from those of a sink of the same name', async () => {
    const room = delivered();
    room.letters.push({
      ...aLetter(1, anEvent(1, START_MS), 'no'),
      owner: 'platform',
      side: 'source',
      event: null,
    });
    expect(await verdict(room)).toMatchObject({
      verdict: 'incomplete',
      reasons: ['source platform: 1 item that cannot be read as an event (dead letters)'],
    });
  });

  it('counts the dead letters of a sink that left the configuration', async () => {
    const room = delivered();
    room.letters.push({ ...aLetter(1, anEvent(1, START_MS), 'no'), owner: 'old' });
    expect((await verdict(room)).reasons).toEqual(['sink old: 1 dead letter']);
  });

  it('counts what was pruned before a sink had it, but no finding that is expected', async () => {
    const room = delivered();
    const detail = { sink: 'elastic', from_seq: 3, to_seq: 22, events: 20 };
    room.findings.push(
      { ...aFinding(1, 'a user'), kind: 'user_changed' },
      { ...aFinding(2, 'gone'), source: 'elastic', kind: 'pruned_before_delivery', detail },
    );
    room.pruned.set('elastic', 20);
    expect(await verdict(room)).toMatchObject({
      verdict: 'undelivered',
      reasons: ['sink elastic: 20 events pruned before delivery'],
    });
    room.findings.push({ ...aFinding(3, 'nothing was read'), kind: 'gap' });
    expect(await verdict(room)).toMatchObject({
      verdict: 'incomplete',
      reasons: [
        '1 finding that nobody has acknowledged (1 gap)',
        'sink elastic: 20 events pruned before delivery',
      ],
    });
  });

  it.each([
    [
      'nothing was read to the end yet',
      (room: Room): void => void (room.source.caughtUp = null),
      /not read completely yet/,
    ],
    [
      'the source is held',
      (room: Room): void => enterState(room.source, 'held', START_MS, { reason: '401' }),
      /\(401\)/,
    ],
    [
      'windows stay open for long',
      (room: Room): void => {
        room.state = { ...room.state, openWindows: 3 };
        room.nowMs += 15_000 + STALE_MS + 1;
      },
      /not read completely for 1m15s, 3 windows open/,
    ],
    [
      'a window cannot be read',
      (room: Room): void => {
        const window = { startNs: msToNs(START_MS - 60_000), endNs: msToNs(START_MS) };
        room.state = { ...room.state, troubles: [{ window, reason: 'it answers 504', sinceMs: START_MS }] };
      },
      /1 window cannot be read: .* \(it answers 504\)/,
    ],
  ] as const)('is incomplete while %s', async (_name, arrange, words) => {
    const room = delivered();
    arrange(room);
    const { verdict: word, summary } = await verdict(room);
    expect(word).toBe('incomplete');
    expect(summary).toMatch(words);
  });

  it('bears a poll under way, and a failure that has not lasted', async () => {
    const room = delivered();
    room.state = { ...room.state, openWindows: 1 };
    enterState(room.source, 'retrying', START_MS, { reason: 'reset' });
    room.nowMs += STALE_MS;
    expect((await verdict(room)).verdict).toBe('complete');
  });

  it('does not say that events wait which were pruned', async () => {
    const room = delivered();
    room.events.splice(0, 40);
    const kept = await room.options.journal.size();
    room.options.journal.size = async () => ({ ...kept, events: 0, oldestSeq: 0n, headSeq: 40n });
    room.splunk.cursor = 3n;
    room.pruned.set('splunk', 37);
    expect((await verdict(room)).sinks.get('splunk')).toMatchObject({ waiting: 0, prunedBeforeDelivery: 37 });
    room.splunk.cursor = 0n; // a new sink begins with what the journal holds
    room.pruned.clear();
    expect((await verdict(room)).verdict).toBe('complete');
  });
});
