import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import type { Json } from '../../src/model/event.ts';
import { workOff } from '../../src/pipeline/jobs.ts';
import { listLog } from './pieces.ts';
import type { Line } from './pieces.ts';
import { installations, memorySink, never } from './proving.ts';
import type { Installation } from './proving.ts';

const install = installations();
const untilNone = { untilNone: true };

function params(its: Installation): Json {
  const { startNs, endNs } = its.range();
  return { source: 'platform', sink: null, windows: [[startNs.toString(), endNs.toString()]] };
}

async function states({ journal }: Installation): Promise<[string, string][]> {
  const jobs = await journal.jobs(['queued', 'running', 'done', 'failed']);
  return jobs.map(({ kind, state }) => [kind, state]);
}

describe('jobs', () => {
  it('are done one after the other, and one that cannot be done stops no other', async () => {
    const its = await install();
    await its.journal.addJob('unheard of', null);
    await its.journal.addJob('replay', {
      sink: 'nobody',
      source: null,
      window: ['0', '1'],
      ids: null,
      force: false,
    });
    await its.journal.addJob('backfill', params(its));
    await workOff(its.jobs(), untilNone, never);
    expect(await states(its)).toEqual([
      ['unheard of', 'failed'],
      ['replay', 'failed'],
      ['backfill', 'done'],
    ]);
    expect((await its.journal.size()).headSeq).toBeGreaterThan(0n);
    const [, replay] = await its.journal.jobs(['failed']);
    expect((replay?.progress as { error: string }).error).toMatch(/no sink named nobody/);
  });

  it('are found by a loop that waits for them, until it is stopped', async () => {
    const its = await install();
    const stop = new AbortController();
    const working = workOff(its.jobs(), { untilNone: false }, stop.signal);
    await its.journal.addJob('backfill', params(its));
    while ((await its.journal.jobs(['done'])).length === 0) await its.clock.sleep(1);
    stop.abort(new Error('stopped'));
    await working;
  });

  it('wait for what passes and hold for what is denied, and go on by themselves', async () => {
    const its = await install();
    const { source } = its;
    const faults = [
      new ForwardError('transient', 'no answer'),
      new ForwardError('denied', 'status 401'),
      new TypeError('key values mismatch'),
    ];
    const flaky = {
      ...source,
      read: (...asked: Parameters<typeof source.read>) => {
        const fault = faults.shift();
        if (fault !== undefined) throw fault;
        return source.read(...asked);
      },
    };
    await its.journal.addJob('backfill', params(its));
    const context = { ...its.jobs(), sources: new Map([['platform', flaky]]) };
    await workOff(context, untilNone, never);
    expect(await states(its)).toEqual([['backfill', 'done']]);
    expect(its.clock.slept.length).toBeGreaterThanOrEqual(3);
  });

  it('fail when they meet again and again what nobody foresaw, and the next has its turn', async () => {
    const its = await install();
    const { source } = its;
    let tries = 0;
    const broken = {
      ...source,
      read: (): never => {
        tries += 1;
        throw new TypeError('a bug');
      },
    };
    await its.journal.addJob('backfill', params(its));
    await its.journal.addJob('unheard of', null);
    await workOff({ ...its.jobs(), sources: new Map([['platform', broken]]) }, untilNone, never);
    expect(await states(its)).toEqual([
      ['backfill', 'failed'],
      ['unheard of', 'failed'],
    ]);
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(10);
  });

  it('stay in the journal when the run ends, and go on with the next', async () => {
    const its = await install();
    const stop = new AbortController();
    const { source } = its;
    const interrupted = {
      ...source,
      read: (...asked: Parameters<typeof source.read>) => {
        stop.abort(new Error('stopped'));
        return source.read(...asked);
      },
    };
    await its.journal.addJob('backfill', params(its));
    await workOff({ ...its.jobs(), sources: new Map([['platform', interrupted]]) }, untilNone, stop.signal);
    expect(await states(its)).toEqual([['backfill', 'running']]);
    await its.reopen();
    await workOff(its.jobs(new Map([['memory', its.sink(memorySink())]])), untilNone, never);
    expect(await states(its)).toEqual([['backfill', 'done']]);
  });

  it('are left alone while their sink is handed over to another replica', async () => {
    const its = await install();
    const stop = new AbortController();
    const wanted = AbortSignal.abort(new ForwardError('lease_lost', 'another replica takes over'));
    const lease = { duty: 'sink:memory', epoch: 1n, lost: never, wanted, release: async () => {} } as const;
    const context = its.jobs(new Map([['memory', { ...its.sink(memorySink()), lease }]]));
    let claimed = 0;
    const journal = {
      ...its.journal,
      tryClaim: (duty: 'job:1') => {
        claimed += 1;
        if (claimed > 20) stop.abort(new Error('asked again and again'));
        return its.journal.tryClaim(duty);
      },
      waitForNews: async () => {
        stop.abort(new Error('waits'));
        throw stop.signal.reason;
      },
    };
    const window = ['0', '1'];
    await its.journal.addJob('replay', { sink: 'memory', source: null, window, ids: null, force: false });
    await workOff({ ...context, journal }, { untilNone: false }, stop.signal);
    expect([claimed, (stop.signal.reason as Error).message]).toEqual([0, 'waits']);
    expect(await states(its)).toEqual([['replay', 'queued']]);
  });

  it('are given up for this run when patience ends, and kept', async () => {
    const its = await install();
    its.platform.set({ role_ok: false });
    await its.journal.addJob('backfill', params(its));
    const lines: Line[] = [];
    const context = { ...its.jobs(new Map(), 1000), log: listLog(lines) };
    await expect(workOff(context, untilNone, never)).rejects.toMatchObject({ kind: 'denied' });
    // Nothing is promised that this run will not do.
    expect(lines.flatMap(({ fields }) => fields['next'] ?? [])).not.toContain(
      'the jobs are looked at again in 1s',
    );
    expect(await states(its)).toEqual([['backfill', 'running']]);
  });
});
