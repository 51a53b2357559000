import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import { wallClock } from '../../src/model/clock.ts';
import { collect } from '../../src/pipeline/collect.ts';
import { deliver } from '../../src/pipeline/deliver.ts';
import { workOff } from '../../src/pipeline/jobs.ts';
import { NO_HEARTBEATS } from '../../src/pipeline/heartbeat.ts';
import { createOutlet } from '../../src/pipeline/outlet.ts';
import { sinkStatus, sourceStatus } from '../../src/pipeline/status.ts';
import type { Source } from '../../src/sources/source.ts';
import { fakeSink, listLog, plain } from './pieces.ts';

/**
 * However the parts behave, a loop must not keep the event loop for itself: then no request is answered and no signal
 * heard. Each loop here never waits for anything; a timer ends it, if it gets its turn.
 */
const clock = wallClock;
const log = listLog([]);
let dir = '';
let journal: Journal;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'turns-'));
  journal = await openJournal({ dir, maxBytes: 1e9, clock, access: 'writer' });
});
afterEach(async () => {
  await journal.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a loop until a timer ends it; a loop that never gives way is ended by what it asks, after two seconds. */
async function giveATurn(loop: (signal: AbortSignal, asked: () => void) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const beganMs = clock.monotonic();
  const asked = (): void => {
    if (clock.monotonic() - beganMs > 2_000) throw new Error('no timer had its turn for two seconds');
  };
  setTimeout(() => stop.abort(new Error('enough')), 30);
  await loop(stop.signal, asked);
  expect(stop.signal.aborted).toBe(true);
  expect(clock.monotonic() - beganMs).toBeLessThan(1_500);
}

it('a deliver loop whose journal promises events and has none', () =>
  giveATurn((signal, asked) => {
    const status = sinkStatus('splunk', 'confirmed', clock.now());
    const outlet = createOutlet({
      sink: fakeSink(),
      clock,
      log,
      status,
      patienceMs: null,
      onMassRejection: 'hold',
    });
    const liar: Journal = { ...journal, waitForNews: async () => (asked(), 0) };
    return deliver(
      {
        name: 'splunk',
        journal: liar,
        outlet,
        prepare: plain,
        heartbeats: NO_HEARTBEATS,
        batch: { maxEvents: 10, maxBytes: 1e6, maxWaitMs: 0 },
        concurrent: 1,
        ahead: () => 0,
        aheadAtMost: 0,
        clock,
        log,
        status,
        patienceMs: null,
        finishing: () => false,
        halting: new AbortController().signal,
      },
      signal,
    );
  }));

it('a collect loop whose source is never finished and has nothing', () =>
  giveATurn((signal, asked) => {
    const source = {
      poll: async function* () {
        asked();
        yield* [];
      },
      state: () => ({ openWindows: 1, pendingReconcile: 0 }),
      credentialReplaced: () => false,
    } as unknown as Source;
    const status = sourceStatus('platform', clock.now());
    const schedule = { everyMs: 1000 };
    return collect(
      { name: 'platform', source, journal, schedule, clock, log, status, patienceMs: null, beside: [] },
      signal,
    );
  }));

it('jobs that never end', () =>
  giveATurn(async (signal, asked) => {
    await journal.addJob('no such kind', null);
    const endless: Journal = {
      ...journal,
      updateJob: async () => asked(), // so it is never done
    };
    const parts = { journal: endless, sources: new Map(), sinks: new Map(), clock, log, patienceMs: null };
    await workOff(parts, { untilNone: false }, signal);
  }));

it('whatever asks the journal and nothing else', () =>
  giveATurn(async (signal, asked) => {
    while (!signal.aborted) {
      await journal.cursor('splunk');
      asked();
    }
  }));
