import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Clock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Window } from '../../src/model/event.ts';
import type { RangeHarvest, Source, SourceContext } from '../../src/sources/source.ts';
import { createLedger } from '../fakes/ledger.ts';
import type { Ledger } from '../fakes/ledger.ts';

/** A source with its server, made anew for every test. */
export interface SourceHarness {
  /** A source as after a start: it knows nothing but what it is handed. */
  open(): Source;
  /** Puts so many further events on the server, none of them older than the last. */
  add(events: number): void;
  /** Ids of everything that the server shows, and a window around it. */
  shown(): { readonly ids: ReadonlySet<string>; readonly window: Window };
  /** From now on the server refuses the credential, or does not answer; null: all is well again. */
  fail(how: 'refused' | 'silent' | null): void;
  /** Runs work to its end, in the harness's own time. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Lets so much time pass that nothing is too new to be read. */
  settle(): Promise<void>;
  readonly secretTexts: readonly string[];
}

export interface SourceContractOptions {
  readonly name: string;
  begin(): SourceHarness;
  end?(): void;
}

const never = new AbortController().signal;

export function silentContext(clock: Clock): SourceContext {
  return { name: 'under test', warn: () => {}, clock, forwarderVersion: '0' };
}

/** The contract of every source, as tests (see src/sources/source.ts). */
export function sourceContract(options: SourceContractOptions): void {
  describe(`the contract of a source: ${options.name}`, () => {
    let harness: SourceHarness;
    let ledger: Ledger;
    beforeEach(() => {
      harness = options.begin();
      ledger = createLedger();
    });
    afterEach(() => options.end?.());

    const poll = async (source: Source, harvests = Infinity, signal = never): Promise<number> => {
      let committed = 0;
      for await (const harvest of source.poll(ledger, ledger.progress, signal)) {
        if (committed >= harvests) return committed; // a crash: what was yielded is lost
        ledger.commit(harvest);
        committed += 1;
      }
      return committed;
    };
    const pollAll = async (source: Source): Promise<void> => {
      do await harness.run(poll(source));
      while (source.state().openWindows > 0 || source.state().pendingReconcile > 0);
    };
    const missing = (): string[] => [...harness.shown().ids].filter((id) => !ledger.events.has(id));

    it('reads everything that its server shows, and what comes later', async () => {
      harness.add(120);
      await harness.settle();
      const source = harness.open();
      await pollAll(source);
      expect(missing()).toEqual([]);
      harness.add(30);
      await harness.settle();
      await pollAll(source);
      expect(missing()).toEqual([]);
      expect(ledger.events.size).toBe(harness.shown().ids.size);
      await source.close();
    });

    it('loses nothing when each of its harvests is the last before a crash', async () => {
      harness.add(120);
      await harness.settle();
      for (let crash = 0; crash < 40 && (crash === 0 || missing().length > 0); crash += 1) {
        const source = harness.open();
        await harness.run(poll(source, 1));
        await source.close();
      }
      await pollAll(harness.open());
      expect(missing()).toEqual([]);
    });

    it('yields progress that survives being written as JSON, and refuses what it did not write', async () => {
      harness.add(5);
      await harness.settle();
      await pollAll(harness.open());
      const again = harness.open();
      await harness.run(poll(again));
      expect(ledger.events.size).toBe(harness.shown().ids.size);
      const foreign = harness.open().poll(createLedger(), ['not', 'ours'], never);
      const asked = harness.run(foreign[Symbol.asyncIterator]().next());
      await expect(asked).rejects.toMatchObject({ kind: 'corrupt' });
    });

    it('reads past windows without touching the progress', async () => {
      harness.add(60);
      await harness.settle();
      const { ids, window } = harness.shown();
      const source = harness.open();
      const harvests = await harness.run(rangeOf(source, [window]));
      expect(new Set(harvests.flatMap(({ events }) => events.map(({ id }) => id)))).toEqual(ids);
      for (const { progress, purpose } of harvests) expect([progress, purpose]).toEqual([null, 'backfill']);
      expect(harvests.at(-1)?.open).toEqual([]);
    });

    it('counts what its server has in a window, or says that it cannot', async () => {
      harness.add(25);
      await harness.settle();
      const { ids, window } = harness.shown();
      const counted = await harness.run(harness.open().count(window, ids.size, never));
      expect([ids.size, null]).toContain(counted);
    });

    it.each([
      ['refused', 'denied'],
      ['silent', 'transient'],
    ] as const)('fails as %s when it is, shows no secret, and goes on afterwards', async (how, kind) => {
      harness.add(5);
      await harness.settle();
      harness.fail(how);
      const source = harness.open();
      const thrown: unknown = await harness.run(poll(source)).catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(ForwardError);
      expect(thrown).toMatchObject({ kind });
      const { message, hint } = thrown as ForwardError;
      for (const secret of harness.secretTexts) expect(`${message} ${hint}`).not.toContain(secret);
      expect(ledger.events.size).toBe(0);
      harness.fail(null);
      await pollAll(source);
      expect(missing()).toEqual([]);
    });

    it('ends with the reason of the signal, before it begins and in the middle', async () => {
      harness.add(120);
      await harness.settle();
      const reason = new Error('stopped');
      const source = harness.open();
      await expect(harness.run(poll(source, Infinity, AbortSignal.abort(reason)))).rejects.toBe(reason);
      const stop = new AbortController();
      const aborting = async (): Promise<void> => {
        for await (const harvest of source.poll(ledger, ledger.progress, stop.signal)) {
          ledger.commit(harvest);
          stop.abort(reason);
        }
        stop.signal.throwIfAborted(); // it may have been at its end
      };
      await expect(harness.run(aborting())).rejects.toBe(reason);
    });

    it('tells where its events come from as one object until it knows more, and how far it is', async () => {
      harness.add(5);
      await harness.settle();
      const source = harness.open();
      await pollAll(source);
      expect(source.origin()).toBe(source.origin());
      expect(source.origin().product.slug).toMatch(/^[a-z][a-z0-9_]*$/);
      const { frontierNs, openWindows, troubles } = source.state();
      expect({ openWindows, troubles }).toEqual({ openWindows: 0, troubles: [] });
      expect(frontierNs).toBeTypeOf('bigint');
      const { items } = await harness.run(source.check(never));
      expect(items.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
      await source.close();
      await source.close();
    });
  });
}

async function rangeOf(source: Source, windows: readonly Window[]): Promise<RangeHarvest[]> {
  const harvests: RangeHarvest[] = [];
  for await (const harvest of source.read(windows, never)) harvests.push(harvest);
  return harvests;
}
