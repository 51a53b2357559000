import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { formatTime, msToNs } from '../../src/model/time.ts';
import { runJob } from '../../src/pipeline/jobs.ts';
import { repairsFor, verify } from '../../src/pipeline/verify.ts';
import { bucketsOf, cutWindow, gapsIn } from '../../src/pipeline/verify/buckets.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { HOUR, installations, memorySink, MINUTE, never } from './proving.ts';
import type { Installation } from './proving.ts';

const install = installations();
const ids = (list: { readonly named: readonly { readonly id: string }[] }): string[] =>
  list.named.map(({ id }) => id);

/** Everything that is on the Platform is old enough and in the journal. */
async function settled(patch = {}): Promise<Installation> {
  const its = await install(patch);
  its.platform.set({ rate: 0 });
  its.clock.advance(2 * MINUTE);
  await its.poll();
  its.clock.advance(30 * MINUTE);
  await its.poll();
  return its;
}

async function someEvent({ journal }: Installation, seq = 100n): Promise<AuditEvent> {
  const [event] = await journal.read(seq - 1n, { maxEvents: 1, maxBytes: 1 });
  if (event === undefined) throw new Error('no such event');
  return event;
}

describe('a sound installation', () => {
  it.each([
    ['that counts', {}],
    ['that does not count', { totals: false, last_page: false }],
    ['with times finer than its filter', { filter_precision: 's', rate: 40 }],
    [
      'with repeats, nameless events and events that are none',
      { duplicate_ids: 0.1, missing_ids: 0.1, malformed: 0.1 },
    ],
    ['with an instant of many events', { instant: { rows: 1500, ago: 2 * HOUR } }],
  ] as const)('is complete on a Platform %s', async (_name, patch) => {
    const its = await settled(patch);
    const to = its.sink(memorySink());
    await its.deliver('memory', to);
    const result = await verify(its.verifying(new Map([['memory', to]])), its.range(), never);
    expect(result.reasons).toEqual([]);
    const [sink] = result.sinks;
    expect(sink?.found).toBeGreaterThan(400);
    expect(sink?.found).toBe(sink?.expected);
  });

  it('costs one request an interval, and one to see that the list ends', async () => {
    const its = await settled();
    const before = its.http.asked.length;
    const result = await verify(its.verifying(), its.range(), never);
    const intervals = result.sources[0]?.buckets.length ?? 0;
    expect(its.http.asked.length - before).toBeLessThanOrEqual(intervals + 1);
  });

  it('does not name what is too young to be judged', async () => {
    const its = await settled();
    its.platform.insert([{ createdAt: formatTime(msToNs(its.clock.now() - MINUTE)) }]);
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.reasons).toEqual([]);
    expect(result.sources[0]?.buckets.reduce((sum, { pending }) => sum + pending, 0)).toBe(1);
  });
});

describe('Platform against journal', () => {
  it('names a row that was added late, and a repair appends it', async () => {
    const its = await settled();
    const createdAt = formatTime(msToNs(its.clock.now() - 2 * HOUR));
    const [late] = its.platform.insert([{ createdAt }]);
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.sources[0]?.missing).toEqual({
      total: 1,
      named: [{ source: 'platform', id: late, createdAt }],
    });
    expect(result.reasons).toEqual(['source platform: missing in the journal: 1 event']);
    await repairAll(its, result);
    expect((await verify(its.verifying(), its.range(), never)).reasons).toEqual([]);
  });

  it('names what is not on the Platform any more, until the finding is acknowledged', async () => {
    const its = await settled();
    const { id } = await someEvent(its);
    its.platform.remove([id]);
    const result = await verify(its.verifying(), its.range(), never);
    expect(ids(result.sources[0]?.gone ?? { named: [] })).toEqual([id]);
    expect(result.reasons).toHaveLength(1);
    its.clock.advance(16 * MINUTE);
    await its.poll();
    const open = await its.journal.findings({ unacknowledgedOnly: true, limit: 10 });
    expect(open.map(({ kind }) => kind)).toEqual(['fewer_on_server']);
    const [finding] = open;
    await its.journal.acknowledge(finding === undefined ? [] : [finding.id], 'known');
    const again = await verify(its.verifying(), its.range(), never);
    expect(again.reasons).toEqual([]);
    expect(again.sources[0]?.explained).toBe(1);
  });

  it('names other bytes under the same id, with what differs, when it compares every event', async () => {
    const its = await settled();
    const event = await someEvent(its);
    const item = JSON.parse(event.original) as Record<string, unknown>;
    its.platform.remove([event.id]);
    const json = JSON.stringify({ ...item, event_type: 'Nothing Happened' });
    its.platform.insert([{ createdAt: event.createdAt, id: event.id, json }]);
    expect((await verify(its.verifying(), its.range(), never)).reasons).toEqual([]); // the counts agree
    const deep = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(deep.sources[0]?.altered.named).toMatchObject([{ id: event.id, fields: ['event_type'] }]);
    expect(deep.reasons).toHaveLength(1);
  });

  it('notes a change below user apart', async () => {
    const its = await settled();
    const event = await someEvent(its);
    const item = JSON.parse(event.original) as { user: Record<string, unknown> };
    its.platform.remove([event.id]);
    const json = JSON.stringify({ ...item, user: { ...item.user, name: 'Somebody Else' } });
    its.platform.insert([{ createdAt: event.createdAt, id: event.id, json }]);
    const deep = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(deep.reasons).toEqual([]);
    expect(deep.sources[0]?.noted.named).toMatchObject([{ id: event.id, fields: ['user.name'] }]);
  });

  it('says that it could not ask, and never that all is well', async () => {
    const its = await settled();
    its.platform.set({ role_ok: false });
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.reasons.join()).toMatch(/could not be asked/);
  });

  it('asks again where the Platform fails for a moment', async () => {
    const its = await settled();
    const { source } = its;
    let failures = 3;
    const flaky = {
      ...source,
      count: (...asked: Parameters<typeof source.count>) => {
        if (failures === 0) return source.count(...asked);
        failures -= 1;
        return Promise.reject(new ForwardError('transient', 'no answer'));
      },
    };
    const context = its.verifying();
    const part = context.sources.get('platform');
    const sources = new Map(part === undefined ? [] : [['platform', { ...part, source: flaky }]]);
    expect((await verify({ ...context, sources }, its.range(), never)).reasons).toEqual([]);
    expect(failures).toBe(0);
  });
});

describe('the journal itself', () => {
  it('names a deleted row', async () => {
    const its = await settled();
    const { id } = await someEvent(its);
    its.tamper('DELETE FROM events WHERE id = ?', id);
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.chain.faults).toMatchObject([{ kind: 'lost', seq: 100n, source: 'platform', id }]);
    expect(result.reasons).toEqual(['1 event of the journal lost after they were appended']);
  });

  it('names a row that was deleted with its id as missing, which a repair appends', async () => {
    const its = await settled();
    const { id } = await someEvent(its);
    its.tamper('DELETE FROM events WHERE id = ?', id);
    its.tamper('DELETE FROM ids WHERE id = ?', id);
    const result = await verify(its.verifying(), its.range(), never);
    expect(ids(result.sources[0]?.missing ?? { named: [] })).toEqual([id]);
    expect(result.chain.faults).toMatchObject([{ kind: 'lost', seq: 100n, id: null }]);
    await repairAll(its, result);
    const after = await verify(its.verifying(), its.range(), never);
    expect(after.sources[0]?.missing.total).toBe(0);
    expect(after.chain.intact).toBe(false); // a repair is no cover-up
  });

  it('names each row in which a byte was changed', async () => {
    const its = await settled();
    const changed = [await someEvent(its, 50n), await someEvent(its, 90n)];
    for (const { id, original } of changed) {
      its.tamper(
        'UPDATE events SET original = ? WHERE id = ?',
        Buffer.from(original.replace(/.}$/, '9}')),
        id,
      );
    }
    const { chain } = await verify(its.verifying(), its.range(), never);
    expect(chain.faults.map(({ kind, id }) => [kind, id])).toEqual(changed.map(({ id }) => ['changed', id]));
  });

  it('shows a gap until it is acknowledged', async () => {
    const its = await settled();
    const window = its.range();
    await its.journal.addFindings('platform', [{ kind: 'gap', window, summary: 'nothing was read' }]);
    const result = await verify(its.verifying(), window, never);
    expect(result.findings).toHaveLength(1);
    expect(result.reasons).toHaveLength(1);
    const before = { startNs: 1n, endNs: window.startNs - 1n };
    expect((await verify(its.verifying(), before, never)).findings).toEqual([]);
    await its.journal.acknowledge(
      result.findings.map(({ id }) => id),
      'seen',
    );
    expect((await verify(its.verifying(), window, never)).reasons).toEqual([]);
  });
});

describe('journal against a receiver', () => {
  it('names what is missing and what is there twice, and a repair sends only what is missing', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.deliver('memory', to);
    const sinks = new Map([['memory', to]]);
    const lost = await someEvent(its, 100n);
    const twice = await someEvent(its, 101n);
    memory.copies.delete(lost.id);
    memory.copies.set(twice.id, 2);
    const result = await verify(its.verifying(sinks), its.range(), never);
    expect(ids(result.sinks[0]?.missing ?? { named: [] })).toEqual([lost.id]);
    expect(result.sinks[0]?.repeated.named).toMatchObject([{ id: twice.id, copies: 2 }]);
    expect(result.reasons).toEqual(['sink memory: missing at the receiver: 1 event']);
    memory.batches.length = 0;
    await repairAll(its, result, sinks);
    expect(memory.batches).toEqual([[lost.id]]);
    expect((await verify(its.verifying(sinks), its.range(), never)).reasons).toEqual([]);
  });

  it('asks once more before it names anything', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.deliver('memory', to);
    const { id } = await someEvent(its);
    let asked = 0;
    const slow = {
      ...memory,
      holds: async (wanted: readonly string[]) => {
        asked += 1;
        return new Map(wanted.map((one) => [one, one === id && asked < 2 ? 0 : 1]));
      },
    };
    const result = await verify(
      its.verifying(new Map([['memory', { ...to, sink: slow }]])),
      its.range(),
      never,
    );
    expect(result.reasons).toEqual([]);
  });

  it('counts dead letters, filtered and pending events apart', async () => {
    const its = await settled();
    const memory = memorySink();
    const refused = await someEvent(its, 10n);
    memory.refuses.set(refused.id, 'too long');
    const to = its.sink(memory, { status: ['failure'] });
    const all = its.sink(memory);
    await its.deliver('all', all);
    const { headSeq } = await its.journal.size();
    await its.journal.settle('some', headSeq - 5n, []);
    const sinks = new Map([
      ['all', all],
      ['some', to],
    ]);
    const [whole, part] = (await verify(its.verifying(sinks), its.range(), never)).sinks;
    expect(whole).toMatchObject({ deadLetters: 1, pending: 0, filtered: 0 });
    expect(part).toMatchObject({ pending: 5, deadLetters: 0 });
    expect(part?.filtered).toBeGreaterThan(0);
    expect((part?.expected ?? 0) + (part?.filtered ?? 0) + 5).toBe(
      whole === undefined ? -1 : whole.expected + 1,
    );
  });

  it('says plainly that a receiver cannot be asked', async () => {
    const its = await settled();
    const to = its.sink(memorySink(false));
    await its.deliver('syslog', to);
    const result = await verify(its.verifying(new Map([['syslog', to]])), its.range(), never);
    expect(result.sinks[0]).toMatchObject({ canBeAsked: false, found: 0, missing: { total: 0 } });
    expect(result.reasons).toEqual([]);
  });
});

describe('buckets', () => {
  it.each([1n, 59n, 3600n, 86_400n, 2_592_000n, 1_767_000_000n])(
    'cover a range of %i s without a hole',
    (seconds) => {
      const range = { startNs: 1_234_567_891n, endNs: 1_234_567_891n + seconds * 1_000_000_000n };
      for (const parts of [bucketsOf(range), cutWindow(range, 7)]) {
        expect(parts.length).toBeLessThanOrEqual(101);
        expect(gapsIn(parts, range)).toEqual([]);
        expect(parts.at(-1)?.endNs).toBe(range.endNs);
        expect(
          parts.every((part, index) => index === 0 || part.startNs === (parts[index - 1]?.endNs ?? 0n) + 1n),
        ).toBe(true);
      }
    },
  );
});

async function repairAll(
  its: Installation,
  result: Awaited<ReturnType<typeof verify>>,
  sinks: Parameters<Installation['jobs']>[0] = new Map(),
): Promise<void> {
  const repairs = repairsFor(result);
  expect(repairs.length).toBeGreaterThan(0);
  for (const { kind, params } of repairs) {
    const id = await its.journal.addJob(kind, params);
    const [job] = (await its.journal.jobs(['queued'])).filter((one) => one.id === id);
    if (job === undefined) throw new Error('no job');
    expect(await runJob(its.jobs(sinks), job, never)).toBe('done');
  }
}
