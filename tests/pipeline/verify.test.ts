import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { formatTime, msToNs } from '../../src/model/time.ts';
import { runJob } from '../../src/pipeline/jobs.ts';
import { repairsFor, verify } from '../../src/pipeline/verify.ts';
import type { VerifyStep } from '../../src/pipeline/verify.ts';
import { bucketsOf, cutWindow, gapsIn } from '../../src/pipeline/verify/buckets.ts';
import type { AuditEvent, Window } from '../../src/model/event.ts';
import type { Source } from '../../src/sources/source.ts';
import { HOUR, installations, memorySink, MINUTE, never } from './proving.ts';
import type { Installation } from './proving.ts';
import { changeEvent, dropEvents } from '../checkpoint/tamper.ts';

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
    ['with repeats and nameless events', { duplicate_ids: 0.1, missing_ids: 0.1 }],
    ['that shows the times of another zone', { stray: { share: 1, by: -45 * MINUTE }, rate: 8 }],
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

  it('names the place that the Platform cannot show, and compares everything else', async () => {
    const its = await settled();
    const { createdAt } = await someEvent(its);
    const atNs = msToNs(Date.parse(createdAt));
    const place = { startNs: atNs - 2_000_000_000n, endNs: atNs + 2_000_000_000n };
    const isIn = ({ startNs, endNs }: Window): boolean => startNs <= place.endNs && endNs >= place.startNs;
    const source: Source = {
      ...its.source,
      count: async (window, expected, signal) =>
        isIn(window) ? null : its.source.count(window, expected, signal),
      async *read(windows, signal) {
        for await (const harvest of its.source.read(windows, signal)) {
          const open = windows.some(isIn) ? [place] : [];
          const events = harvest.events.filter(
            ({ createdNs }) => !isIn({ startNs: createdNs, endNs: createdNs }),
          );
          const aside = open.map((window) => ({ window, reason: 'answered 500', sinceMs: 0, nextTryMs: 1 }));
          yield { ...harvest, events, open, aside };
        }
        if (windows.some(isIn)) throw new ForwardError('transient', 'not all could be read');
      },
    };
    its.platform.insert([{ createdAt: formatTime(its.range().endNs - 40n * 60_000_000_000n) }]);
    const beganMs = its.clock.now();
    const context = its.verifying();
    const [[name, part] = ['', undefined]] = [...context.sources];
    if (part === undefined) throw new Error('no source');
    const sources = new Map([[name, { ...part, source }]]);
    const result = await verify({ ...context, sources }, its.range(), never);
    expect(its.clock.now() - beganMs).toBeLessThan(MINUTE);
    expect(result.sources[0]).toMatchObject({
      failure: null,
      gone: { total: 0 },
      missing: { total: 1 },
      unshown: [{ ...place, reason: 'answered 500' }],
    });
    expect(result.verdict).toBe('incomplete');
    expect(result.reasons.join('\n')).toContain(
      `does not show all of ${formatTime(place.startNs)} to ${formatTime(place.endNs)}: answered 500`,
    );
  });

  it('does not call missing what lies before the start that the source was given', async () => {
    const its = await settled();
    const { startNs, endNs } = its.range();
    const day = 86_400_000_000_000n;
    its.platform.insert([
      { createdAt: formatTime(startNs - 300n * day) },
      { createdAt: formatTime(startNs - 299n * day) },
    ]);
    const result = await verify(its.verifying(), { startNs: startNs - 400n * day, endNs }, never);
    expect(result.sources[0]).toMatchObject({ beforeStart: 2, missing: { total: 0 } });
    expect(result.reasons).toEqual([]);
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
    const json = JSON.stringify({ ...item, user_ip_address: '192.0.2.99' });
    its.platform.insert([{ createdAt: event.createdAt, id: event.id, json }]);
    expect((await verify(its.verifying(), its.range(), never)).reasons).toEqual([]); // the counts agree
    const deep = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(deep.sources[0]?.altered.named).toMatchObject([{ id: event.id, fields: ['user_ip_address'] }]);
    expect(deep.reasons).toHaveLength(1);
  });

  it('takes another event under the same id for another event', async () => {
    const its = await settled();
    const event = await someEvent(its);
    const item = JSON.parse(event.original) as Record<string, unknown>;
    const other = (changes: object) => ({
      createdAt: event.createdAt,
      id: event.id,
      json: JSON.stringify({ ...item, ...changes }),
    });
    its.platform.insert([other({ event_type: 'Nothing Happened' })]);
    const found = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(found.sources[0]?.missing.named).toMatchObject([{ id: event.id }]);
    expect(found.sources[0]?.altered.named).toEqual([]);
    const windows = found.sources[0]?.missingIn ?? [];
    for await (const harvest of its.source.read(windows, never))
      await its.journal.append('platform', harvest);
    const again = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(again.reasons).toEqual([]);
    its.platform.remove([event.id]);
    its.platform.insert([other({})]);
    const less = await verify(its.verifying(new Map(), true), its.range(), never);
    expect(less.sources[0]?.gone.named).toMatchObject([
      { id: expect.stringContaining(`${event.id}#`) as string },
    ]);
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

  it('is not complete while items cannot be read as events', async () => {
    const its = await settled({ malformed: 0.1 });
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.verdict).toBe('incomplete');
    expect(result.summary).toMatch(
      /^incomplete: source platform: \d+ items that cannot be read as events \(dead letters\)\.$/,
    );
    await its.journal.discardDeadLetters({ owner: 'platform', limit: 9_999 }, 'reported to the vendor');
    expect((await verify(its.verifying(), its.range(), never)).verdict).toBe('complete');
  });

  it('does not lose a finding behind ten thousand others', async () => {
    const its = await settled();
    const range = its.range();
    await its.journal.addFindings('platform', [{ kind: 'gap', window: range, summary: 'nothing was read' }]);
    its.clock.advance(1000);
    const noise = Array.from({ length: 10_001 }, (_, at) => ({
      kind: 'user_changed',
      eventId: `${at}`,
      summary: 'a user',
    }));
    await its.journal.addFindings('platform', noise);
    const result = await verify(its.verifying(), range, never);
    expect(result.reasons).toEqual(['1 finding about this range that nobody has acknowledged (1 gap)']);
    expect(result.findings.map(({ kind }) => kind)).toEqual(['gap']);
  });

  it('counts findings that a sink owns', async () => {
    const its = await settled();
    await its.journal.addFindings('memory', [{ kind: 'receiver_changed', summary: 'another index' }]);
    const to = its.sink(memorySink());
    await its.deliver('memory', to);
    expect((await verify(its.verifying(), its.range(), never)).verdict).toBe('complete');
    const result = await verify(its.verifying(new Map([['memory', to]])), its.range(), never);
    expect(result.reasons).toEqual([
      '1 finding about this range that nobody has acknowledged (1 receiver_changed)',
    ]);
  });

  it('reads what no poll has read, even where the counts agree', async () => {
    const its = await settled();
    const { startNs, endNs } = {
      startNs: msToNs(its.clock.now() - 2 * HOUR),
      endNs: msToNs(its.clock.now() - HOUR),
    };
    const [event] = (await its.journal.readWindow('platform', { startNs, endNs }, 0n, 1)) ?? [];
    its.platform.remove([event?.id ?? '']);
    its.platform.insert([{ createdAt: event?.createdAt ?? '' }]);
    expect((await verify(its.verifying(), its.range(), never)).verdict).toBe('complete'); // counts cannot tell
    its.tamper('DELETE FROM coverage');
    const result = await verify(its.verifying(), its.range(), never);
    expect(result).toMatchObject({
      verdict: 'incomplete',
      sources: [{ missing: { total: 1 }, gone: { total: 1 } }],
    });
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
    const { id, seq } = await someEvent(its);
    dropEvents(its.file, seq);
    const result = await verify(its.verifying(), its.range(), never);
    expect(result.chain.faults).toContainEqual(
      expect.objectContaining({ kind: 'lost', seq: 100n, source: 'platform', id }),
    );
    expect(result.reasons).toContain('1 event of the journal lost after they were appended');
  });

  it('names a row that was deleted with its id as missing, which a repair appends', async () => {
    const its = await settled();
    const { id, seq } = await someEvent(its);
    dropEvents(its.file, seq);
    its.tamper(`DELETE FROM ids WHERE seq = ${seq}`);
    const result = await verify(its.verifying(), its.range(), never);
    expect(ids(result.sources[0]?.missing ?? { named: [] })).toEqual([id]);
    expect(result.chain.faults).toContainEqual(
      expect.objectContaining({ kind: 'lost', seq: 100n, id: null }),
    );
    await repairAll(its, result);
    const after = await verify(its.verifying(), its.range(), never);
    expect(after.sources[0]?.missing.total).toBe(0);
    expect(after.chain.intact).toBe(false); // a repair is no cover-up
  });

  it('names each row in which a byte was changed', async () => {
    const its = await settled();
    const changed = [await someEvent(its, 50n), await someEvent(its, 90n)];
    for (const { seq, original } of changed) {
      changeEvent(its.file, seq, { body: Buffer.from(original.replace(/.}$/, '9}')) });
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

  it('asks as many ids at once as the sink takes, over all intervals, and tells how far it is', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.deliver('memory', to);
    const asked: number[] = [];
    const sink = {
      ...memory,
      idsAtOnce: 300,
      holds: async (wanted: readonly string[]) => {
        asked.push(wanted.length);
        return new Map(wanted.map((one) => [one, 1]));
      },
    };
    const told = new Map<string, VerifyStep>();
    const context = {
      ...its.verifying(new Map([['memory', { ...to, sink }]])),
      onProgress: (step: VerifyStep) => void told.set(step.name, step),
    };
    const result = await verify(context, its.range(), never);
    const { found = 0 } = result.sinks[0] ?? {};
    expect(found).toBeGreaterThan(300);
    expect(asked).toEqual([...Array<number>(Math.floor(found / 300)).fill(300), found % 300]);
    expect(told.get('sink memory')).toEqual({ name: 'sink memory', done: found, of: found });
    expect(told.get('source platform')?.of).toBe(found);
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
    await its.journal.moveCursor('some', headSeq - 5n, []);
    const sinks = new Map([
      ['all', all],
      ['some', to],
    ]);
    const result = await verify(its.verifying(sinks), its.range(), never);
    const [whole, part] = result.sinks;
    expect(whole).toMatchObject({ deadLetters: 1, waiting: 0, filtered: 0 });
    expect(part).toMatchObject({ deadLetters: 0, pending: 0 });
    expect(part?.filtered).toBeGreaterThan(0);
    expect((part?.expected ?? 0) + (part?.filtered ?? 0) + (part?.waiting ?? 0)).toBe(
      whole === undefined ? -1 : whole.expected + 1,
    );
    expect(result).toMatchObject({
      verdict: 'undelivered',
      summary: /^undelivered: sink all: 1 dead letter; /,
    });
  });

  it('does not call complete what a receiver that never answered lacks', async () => {
    const its = await settled();
    const { headSeq } = await its.journal.size();
    for (const askable of [true, false]) {
      const sinks = new Map([['memory', its.sink(memorySink(askable))]]);
      const result = await verify(its.verifying(sinks), its.range(), never);
      const many = Number(headSeq).toLocaleString('en-US');
      expect(result).toMatchObject({
        verdict: 'undelivered',
        summary: `undelivered: sink memory: ${many} events waiting. The journal has everything.`,
        sinks: [{ waiting: Number(headSeq), expected: 0 }],
      });
      const waits = new Map([['memory', { held: true, reason: '403 invalid token' }]]);
      const held = await verify({ ...its.verifying(sinks), waits }, its.range(), never);
      expect(held.summary).toMatch(
        /^undelivered: sink memory: [\d,]+ events waiting, held \(403 invalid token\)\./,
      );
    }
  });

  it('gives what is on its way the time of a batch, and does not judge what came while it ran', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    const { headSeq } = await its.journal.size();
    await its.journal.moveCursor('memory', headSeq - 3n, []);
    for (const event of await its.journal.read(0n, { maxEvents: 5000, maxBytes: 1e9 }))
      memory.copies.set(event.id, 1);
    const context = its.verifying(new Map([['memory', to]]));
    let moved = false;
    const clock = {
      ...context.clock,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (!moved) {
          moved = true;
          await its.deliver('memory', to);
          its.platform.insert([{ createdAt: formatTime(msToNs(its.clock.now() - HOUR)) }]);
          await its.poll();
          await its.poll();
        }
        await its.clock.sleep(ms, signal);
      },
    };
    const result = await verify({ ...context, clock }, its.range(), never);
    expect(moved).toBe(true);
    expect(result.sinks[0]).toMatchObject({ waiting: 0, missing: { total: 0 } });
    expect(result.verdict).toBe('complete');
  });

  it('takes a receiver that could not be asked for no proof', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    await its.deliver('memory', to);
    const holds = async (): Promise<never> => {
      throw new ForwardError('denied', '401 unknown user');
    };
    const result = await verify(
      its.verifying(new Map([['memory', { ...to, sink: { ...memory, holds } }]])),
      its.range(),
      never,
    );
    const { expected } = result.sinks[0] ?? { expected: 0 };
    expect(expected).toBeGreaterThan(400);
    expect(result.verdict).toBe('undelivered');
    expect(result.summary).toContain(
      `sink memory: ${expected} events unconfirmed, the receiver could not be asked about all of it: 401 unknown user.`,
    );
  });

  it('counts dead letters as long as nobody discards them, also after their events were pruned', async () => {
    const its = await settled();
    const memory = memorySink();
    const to = its.sink(memory);
    for (const seq of [7n, 8n, 9n]) memory.refuses.set((await someEvent(its, seq)).id, 'mapping');
    await its.deliver('memory', to);
    const sinks = new Map([['memory', to]]);
    const summary = async (): Promise<string> =>
      (await verify(its.verifying(sinks), its.range(), never)).summary;
    expect(await summary()).toBe('undelivered: sink memory: 3 dead letters. The journal has everything.');
    await its.journal.prune(['memory'], new Date(its.clock.now() + HOUR).toISOString(), 0n);
    expect(await summary()).toBe('undelivered: sink memory: 3 dead letters. The journal has everything.');
    await its.journal.discardDeadLetters({ owner: 'memory', limit: 9 }, 'test events');
    expect(await summary()).toMatch(/^complete: /);
  });

  it('counts what was pruned before a sink had it, with or without a finding, until that is acknowledged', async () => {
    const its = await settled();
    const [memory, mute] = [memorySink(), memorySink(false)];
    const sinks = new Map([
      ['memory', its.sink(memory)],
      ['mute', its.sink(mute)],
    ]);
    await its.deliver('memory', its.sink(memory));
    await its.journal.moveCursor('mute', 100n, []);
    await its.journal.prune(['memory'], new Date(its.clock.now() + HOUR).toISOString(), 0n);
    const { headSeq } = await its.journal.size();
    const gone = Number(headSeq) - 100;
    const proved = () => verify(its.verifying(sinks), its.range(), never);
    const text = `undelivered: sink mute: ${gone} events pruned before delivery. The journal has everything.`;
    expect((await proved()).summary).toBe(text);
    await its.journal.moveCursor('mute', headSeq, []); // which leaves the finding
    expect((await proved()).summary).toBe(text);
    const [finding] = await its.journal.findings({ unacknowledgedOnly: true, limit: 9 });
    await its.journal.acknowledge([finding?.id ?? 0n], 'known');
    expect((await proved()).verdict).toBe('complete');
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
