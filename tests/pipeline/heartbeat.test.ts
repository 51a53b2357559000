import { describe, expect, it } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import type { Heartbeat } from '../../src/formats/heartbeat.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { createSeal, streamOf } from '../../src/formats/seal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { deliver } from '../../src/pipeline/deliver.ts';
import type { DeliverContext } from '../../src/pipeline/deliver.ts';
import { createHeartbeats, sourcesRead } from '../../src/pipeline/heartbeat.ts';
import { createOutlet } from '../../src/pipeline/outlet.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import { sinkStatus } from '../../src/pipeline/status.ts';
import type { SinkStatus } from '../../src/pipeline/status.ts';
import { readPublicKeys } from '../../src/records/signatures.ts';
import { harvest, newEvent, newEvents } from '../contract/journal.ts';
import { elapse, simulatedClock } from '../fakes/simulated-time.ts';
import { keyPair, proveOne } from '../records/stream.ts';
import { DELIVERED, fakeSink, listLog, MINUTE, SECOND, stageJournal, takeAll } from './pieces.ts';
import type { Answer, Line } from './pieces.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const clock = simulatedClock(() => 0.5);
const stage = stageJournal();
const EVERY = 5 * MINUTE;
const ORIGIN = {
  product: CLOUDQUERY,
  instance: 'acme',
  apiVersion: 'v2',
  forwarderVersion: '0',
  labels: {},
} as const;
const append = (from: number, to: number): Promise<unknown> =>
  stage.journal.append('platform', harvest(newEvents(from, to)));
const NONE = { total: 0, runs: [] };
const CLEAN = {
  deleted: NONE,
  changed: NONE,
  forged: [],
  repeated: NONE,
  reordered: NONE,
  added: NONE,
  faults: [],
};

/** What the receiver has, over every run. */
interface Receiver {
  readonly bodies: string[];
  answer: Answer;
  heartbeats(): Heartbeat[];
}

function receiver(answer: Answer = takeAll): Receiver {
  const bodies: string[] = [];
  return {
    bodies,
    answer,
    heartbeats: () =>
      bodies.flatMap((body) => {
        const { auditferry_heartbeat: found } = JSON.parse(body) as { auditferry_heartbeat?: Heartbeat };
        return found === undefined ? [] : [found];
      }),
  };
}

interface Run {
  readonly status: SinkStatus;
  readonly lines: Line[];
  readonly done: Promise<void>;
  /** As if the process were gone, from here on. */
  kill(): void;
  crash(): Promise<void>;
  /** Drains and ends. */
  finish(): Promise<void>;
}

function run(
  far: Receiver,
  options: {
    readonly journal?: Journal;
    readonly signingKey?: Secret;
    readonly only?: string;
    readonly changes?: Partial<DeliverContext>;
  } = {},
): Run {
  const journal = options.journal ?? stage.journal;
  const status = sinkStatus('splunk', 'confirmed', clock.now());
  const lines: Line[] = [];
  const log = listLog(lines);
  const sink = fakeSink(async (batch, signal) => {
    const receipt = await far.answer(batch, signal);
    batch.items.forEach(({ body }, index) => {
      if (receipt.fates[index]?.outcome === 'delivered') far.bodies.push(body);
    });
    return receipt;
  });
  const outlet = createOutlet({ sink, clock, log, status, patienceMs: null, onMassRejection: 'dead_letter' });
  const format = rawFormat.create({});
  const seal = createSeal(format, streamOf(journal.installationId, 'splunk'));
  const where = {
    eventType: options.only === undefined ? [] : [options.only],
    status: [],
    severity: 'informational',
  } as const;
  let finishing = false;
  const stop = new AbortController();
  const source = { state: () => ({ frontierNs: null }) as never };
  const done = deliver(
    {
      name: 'splunk',
      journal,
      outlet,
      prepare: createPrepare(createCanonicalize(), format, where, () => ORIGIN, { seal }),
      heartbeats: createHeartbeats({
        everyMs: EVERY,
        signingKey: options.signingKey ?? null,
        sink: 'splunk',
        journal,
        format,
        origin: () => ORIGIN,
        sources: sourcesRead(journal, new Map([['platform', { source, auditHorizonMs: 3_600_000 }]]), clock),
        clock,
        log,
      }),
      batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 0 },
      concurrent: 1,
      ahead: () => 0,
      aheadAtMost: 0,
      clock,
      log,
      status,
      patienceMs: null,
      finishing: () => finishing,
      halting: new AbortController().signal,
      ...options.changes,
    },
    stop.signal,
  );
  done.catch(() => {});
  return {
    status,
    lines,
    done,
    kill: () => stop.abort(new Error('gone')),
    crash: () => {
      stop.abort(new Error('gone'));
      return elapse(done);
    },
    finish: () => {
      finishing = true;
      return elapse(done);
    },
  };
}

const pass = (ms: number): Promise<void> => elapse(clock.sleep(ms));

describe('a heartbeat', () => {
  it('closes what was sent when the loop ends, and is no event in the counts', async () => {
    await append(1, 25);
    const far = receiver();
    const one = run(far);
    await one.finish();
    expect(far.bodies).toHaveLength(26);
    expect(one.status.delivered).toBe(25);
    const proof = await proveOne(far.bodies);
    expect(proof).toMatchObject({ ...CLEAN, found: 25, heartbeats: 1, order: 'ascending' });
    const [heartbeat] = far.heartbeats();
    const { seq, hash } = await stage.journal.head();
    expect(heartbeat).toMatchObject({
      number: 1,
      seqs: '1-25',
      previous: null,
      ordered: true,
      waiting: 0,
      journal_seq: Number(seq),
      journal_sha256: hash,
      sources: [{ name: 'platform', frontier: null, verified_up_to: null }],
    });
  });

  it('says that events left in order while the next batches go before the first is confirmed, unless one is sent again', async () => {
    await append(1, 40);
    const calm = receiver(async (batch, signal) => {
      await clock.sleep(SECOND, signal);
      return takeAll(batch, signal);
    });
    const one = run(calm, { changes: { ahead: () => 3 } });
    await pass(2500);
    expect(calm.bodies).toHaveLength(40); // one after the other they would take four seconds
    await one.finish();
    expect(calm.heartbeats().map(({ events, ordered }) => [events, ordered])).toEqual([[40, true]]);
    expect(await proveOne(calm.bodies)).toMatchObject({ ...CLEAN, order: 'ascending' });
    await append(41, 80);
    let failed = false;
    const rough = receiver(async (batch, signal) => {
      const first = batch.items.some(({ canonical }) => canonical.seq === 41n);
      await clock.sleep(SECOND, signal);
      if (first && !failed) {
        failed = true;
        throw new ForwardError('transient', 'not acknowledged', { ambiguous: true });
      }
      return takeAll(batch, signal);
    });
    const two = run(rough, { changes: { ahead: () => 3 } });
    await pass(MINUTE);
    await two.finish();
    expect(rough.heartbeats().map(({ events, ordered }) => [events, ordered])).toEqual([[40, false]]);
  });

  it('comes at each interval, with or without events, and never more often', async () => {
    await append(1, 3);
    const far = receiver();
    const one = run(far);
    await pass(EVERY - SECOND);
    expect(far.heartbeats()).toHaveLength(0);
    await pass(2 * SECOND);
    expect(far.heartbeats().map(({ events }) => events)).toEqual([3]);
    await pass(3 * EVERY);
    await one.finish();
    expect(far.heartbeats().map(({ number, events }) => [number, events])).toEqual([
      [1, 3],
      [2, 0],
      [3, 0],
      [4, 0],
    ]);
    expect(await proveOne(far.bodies)).toMatchObject(CLEAN);
  });

  it('keeps to the interval over a restart', async () => {
    const far = receiver();
    const one = run(far);
    await pass(EVERY + SECOND);
    await one.crash();
    const two = run(far);
    await pass(EVERY - 2 * MINUTE);
    expect(far.heartbeats()).toHaveLength(1);
    await pass(2 * MINUTE + SECOND);
    expect(far.heartbeats()).toHaveLength(2);
    await two.crash();
  });

  it('waits while the receiver is down, and comes once when it is back', async () => {
    await append(1, 3);
    const far = receiver(() => {
      throw new ForwardError('transient', 'connection refused');
    });
    const one = run(far);
    await pass(10 * EVERY);
    expect(far.bodies).toEqual([]);
    far.answer = takeAll;
    await pass(2 * MINUTE);
    expect(far.heartbeats().map(({ events, ordered }) => [events, ordered])).toEqual([[3, false]]);
    await one.finish();
    expect(await proveOne(far.bodies)).toMatchObject(CLEAN);
  });

  it('tells only what was confirmed: a crash between receiver and cursor leaves repeats and nothing else', async () => {
    await append(1, 12);
    const far = receiver();
    let kill = (): void => {};
    const one = run(far, {
      journal: {
        ...stage.journal,
        moveCursor: async (...args) => {
          if (args[1] <= 10n) return stage.journal.moveCursor(...args);
          kill(); // the batch of the last two is at the receiver
          throw new Error('the process is gone');
        },
      },
    });
    kill = () => one.kill();
    await elapse(one.done);
    expect(far.bodies).toHaveLength(12);
    await run(far).finish();
    expect(await proveOne(far.bodies)).toMatchObject({
      ...CLEAN,
      found: 12,
      repeated: { total: 2, runs: [[11, 12]] },
    });
  });

  it('is sent again as it was where nobody knows whether it came through', async () => {
    await append(1, 3);
    const far = receiver();
    let kill = (): void => {};
    const one = run(far, {
      journal: {
        ...stage.journal,
        keepSegment: async (...args) => {
          if (far.heartbeats().length === 0) return stage.journal.keepSegment(...args);
          kill(); // the heartbeat is at the receiver
          throw new Error('the process is gone');
        },
      },
    });
    kill = () => one.kill();
    await pass(EVERY + SECOND);
    await append(4, 6);
    await run(far).finish();
    const sent = far.heartbeats();
    expect(sent.map(({ number }) => number)).toEqual([1, 1, 2]);
    expect(sent[0]).toEqual(sent[1]);
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, heartbeats: 2, found: 6 });
  });

  it('names a part of the events where the sink takes a part, and what was refused is not in it', async () => {
    const events = Array.from({ length: 12 }, (_, index) =>
      newEvent(index + 1, { eventType: index % 3 === 0 ? 'user_login' : 'sync_created' }),
    ).map((event) => ({
      ...event,
      original: JSON.stringify({ id: event.id, created_at: event.createdAt, event_type: event.eventType }),
    }));
    await stage.journal.append('platform', harvest(events));
    let refuses = true;
    const far = receiver((batch) => ({
      fates: batch.items.map(({ canonical }) =>
        refuses && canonical.seq === 7n ? { outcome: 'rejected', reason: 'too odd' } : DELIVERED,
      ),
    }));
    const one = run(far, { only: 'user*' });
    await pass(EVERY + SECOND);
    expect(far.heartbeats()).toMatchObject([
      { seqs: '1,4,10', events: 3, filtered: 8, dead_letters: 1, open_dead_letters: 1, last_seq: 12 },
    ]);
    refuses = false;
    await stage.journal.retryDeadLetters({ states: ['open'], limit: 10 });
    await pass(EVERY);
    await one.finish();
    expect(far.heartbeats()[1]).toMatchObject({ seqs: '7', events: 1, open_dead_letters: 0 });
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, found: 4 });
  });

  it('that is refused keeps nothing back, and is tried again at the next interval', async () => {
    await append(1, 3);
    const far = receiver((batch) => ({
      fates: batch.items.map(({ heartbeat }) =>
        heartbeat === undefined ? DELIVERED : { outcome: 'rejected', reason: 'no such field' },
      ),
    }));
    const one = run(far);
    await pass(EVERY + MINUTE);
    await append(4, 6);
    await pass(MINUTE);
    expect(far.bodies).toHaveLength(6);
    expect(one.lines).toContainEqual(expect.objectContaining({ text: 'the receiver refuses heartbeats' }));
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map());
    far.answer = takeAll;
    await pass(2 * EVERY);
    await one.finish();
    expect(far.heartbeats().map(({ seqs }) => seqs)).toEqual(['1-3', '4-6', '']);
    expect(await proveOne(far.bodies)).toMatchObject(CLEAN);
  });

  it('does not keep the loop from ending while it is refused', async () => {
    await append(1, 3);
    const far = receiver((batch) => ({
      fates: batch.items.map(({ heartbeat }) =>
        heartbeat === undefined ? DELIVERED : { outcome: 'rejected', reason: 'no such field' },
      ),
    }));
    await run(far).finish();
    expect(far.heartbeats()).toEqual([]);
    far.answer = takeAll;
    await run(far).finish();
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, found: 3 });
  });

  it('says what was sent without a seal, and what left the journal first', async () => {
    await append(1, 3);
    const far = receiver();
    await run(far).finish();
    await append(4, 6);
    await stage.journal.moveCursor('splunk', 6n, []); // heartbeats were off
    await append(7, 9);
    await stage.journal.moveCursor('other', 9n, []);
    await stage.journal.prune(['other'], '2027-01-01T00:00:00Z', 0n);
    const brief = run(receiver(async () => ({ fates: [] })));
    await pass(10);
    await brief.finish(); // the cursor is past the gap now
    await append(10, 12);
    await run(far).finish();
    expect(far.heartbeats()[1]).toMatchObject({
      first_seq: 4,
      unsealed: '4-6',
      pruned: '7-9',
      seqs: '10-12',
    });
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, pruned: ['7-9'], unproven: ['4-6'] });
  });
});

describe('what may be there although it is a dead letter', () => {
  const refuseEvents: Answer = (batch) => ({
    fates: batch.items.map(({ heartbeat }) =>
      heartbeat === undefined ? { outcome: 'rejected', reason: 'no such field' } : DELIVERED,
    ),
  });

  /** Gone when three events are at the receiver and the cursor is not past them. */
  async function crashWithThree(far: Receiver): Promise<void> {
    await append(1, 3);
    let kill = (): void => {};
    const moveCursor = async (): Promise<never> => {
      kill();
      throw new Error('the process is gone');
    };
    const one = run(far, { journal: { ...stage.journal, moveCursor } });
    kill = () => one.kill();
    await elapse(one.done);
    expect(far.bodies).toHaveLength(3);
  }

  it('is told with its digest: sent before a crash, and refused after it', async () => {
    const far = receiver();
    await crashWithThree(far);
    await append(4, 20);
    far.answer = refuseEvents;
    await run(far).finish();
    const [heartbeat] = far.heartbeats();
    expect(heartbeat).toMatchObject({ events: 0, dead_letters: 20 });
    // What one run may have on its way, and no more.
    expect(heartbeat?.unanswered?.split(',').map((text) => text.split(':')[0])).toHaveLength(10);
    const three = { total: 3, runs: [[1, 3]] };
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, unanswered: three });
    expect(await proveOne([far.bodies[1] ?? '', ...far.bodies])).toMatchObject({
      unanswered: three,
      repeated: { total: 1, runs: [[2, 2]] },
    });
  });

  it('is no way to add a record: another one under its seq is named', async () => {
    const far = receiver();
    await crashWithThree(far);
    far.answer = refuseEvents;
    await run(far).finish();
    const seal = createSeal(rawFormat.create({}), streamOf(stage.journal.installationId, 'splunk'));
    const made = seal('{"id":"made-up"}', { seq: 2n, id: 'made-up' });
    expect(await proveOne([...far.bodies, made.body])).toMatchObject({
      added: { total: 1, runs: [[2, 2]] },
      unanswered: { total: 3 },
    });
  });

  it('is told of one that became too old while the process was gone', async () => {
    const far = receiver();
    await crashWithThree(far);
    const format = rawFormat.create({});
    const all = { eventType: [], status: [], severity: 'informational' } as const;
    const prepare = createPrepare(createCanonicalize(), format, all, () => ORIGIN, {
      seal: createSeal(format, streamOf(stage.journal.installationId, 'splunk')),
      limits: { maxAgeMs: 1, maxBytes: Infinity },
      clock: { now: () => Date.UTC(2030, 0) },
    });
    await run(far, { changes: { prepare } }).finish();
    expect(await stage.journal.deadLetterCounts()).toEqual(new Map([['splunk', 3]]));
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, unanswered: { total: 3 } });
  });

  it('is told where an answer was lost, of events and of dead letters', async () => {
    const far = receiver();
    const loseThenRefuse = (): Answer => {
      let lost = false;
      return (batch, signal) => {
        const events = batch.items.filter(({ heartbeat }) => heartbeat === undefined);
        if (lost || events.length === 0) return refuseEvents(batch, signal);
        lost = true;
        far.bodies.push(...events.map(({ body }) => body));
        throw new ForwardError('transient', 'no answer', { ambiguous: true });
      };
    };
    await append(1, 3);
    far.answer = loseThenRefuse();
    await run(far).finish();
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, unanswered: { total: 3 } });
    await append(4, 6);
    far.answer = refuseEvents;
    await run(far).finish();
    far.answer = loseThenRefuse();
    const last = run(far);
    await stage.journal.retryDeadLetters({ states: ['open'], limit: 10 });
    await pass(MINUTE);
    await last.finish();
    expect(await proveOne(far.bodies)).toMatchObject({
      unanswered: { total: 6, runs: [[1, 6]] },
      added: NONE,
      faults: [],
    });
  });

  it('is told of dead letters that were on their way in a crash', async () => {
    await append(1, 3);
    const far = receiver(refuseEvents);
    await run(far).finish();
    far.answer = takeAll;
    let kill = (): void => {};
    const recordRetried = async (): Promise<never> => {
      kill();
      throw new Error('the process is gone');
    };
    await stage.journal.retryDeadLetters({ states: ['open'], limit: 10 });
    const one = run(far, { journal: { ...stage.journal, recordRetried } });
    kill = () => one.kill();
    await elapse(one.done);
    far.answer = refuseEvents;
    await run(far).finish();
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, unanswered: { total: 3 } });
  });

  it('is told of again at once when it is delivered late: nobody has to wait with an export', async () => {
    await append(1, 3);
    const far = receiver(refuseEvents);
    const one = run(far);
    await pass(EVERY + MINUTE);
    far.answer = takeAll;
    await stage.journal.retryDeadLetters({ states: ['open'], limit: 10 });
    await pass(MINUTE);
    expect(far.heartbeats().map(({ seqs }) => seqs)).toEqual(['', '1-3']);
    expect(await proveOne(far.bodies)).toMatchObject({ ...CLEAN, found: 3 });
    await pass(EVERY - 2 * MINUTE);
    expect(far.heartbeats()).toHaveLength(2);
    await one.crash();
  });
});

describe('a signature', () => {
  it('is made with the key as it is now', async () => {
    const keys = [keyPair(), keyPair()] as const;
    let pem: string = keys[0].privatePem;
    const far = receiver();
    const one = run(far, { signingKey: new Secret(() => pem) });
    await pass(EVERY + SECOND);
    pem = keys[1].privatePem;
    await pass(EVERY);
    await one.crash();
    const both = readPublicKeys(keys[0].publicPem + keys[1].publicPem);
    expect(await proveOne(far.bodies, both)).toMatchObject({ ...CLEAN, heartbeats: 2, signature: 'holds' });
    const { faults } = await proveOne(far.bodies, readPublicKeys(keys[0].publicPem));
    expect(faults).toEqual([expect.stringMatching(/^heartbeat 2: it is signed with another key/)]);
  });

  it('is left out where the key cannot be used, which is said, and the heartbeat goes', async () => {
    const far = receiver();
    const one = run(far, { signingKey: Secret.of('spoiled') });
    await one.finish();
    expect(far.heartbeats()).toHaveLength(1);
    expect(far.heartbeats()[0]?.signature).toBeUndefined();
    const said = one.lines.find(({ text }) => text === 'a heartbeat goes out unsigned');
    expect(said?.level).toBe('warn');
    expect(JSON.stringify(said)).not.toContain('spoiled');
  });
});
