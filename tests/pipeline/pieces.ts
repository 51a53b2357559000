import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import type { Log } from '../../src/model/log.ts';
import type { Prepare } from '../../src/pipeline/prepare.ts';
import type { Batch, Fate, Item, Receipt, Sink } from '../../src/sinks/sink.ts';
import { makeItem } from '../contract/items.ts';
import { simulatedClock, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';

export const START = Date.parse('2026-03-01T12:00:00Z');
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;

export interface Stage {
  /** A journal on disk; what it holds outlives `reopen`. */
  journal: Journal;
  reopen(): Promise<Journal>;
}

/** Simulated time and a real journal for every test of a file. */
export function stageJournal(maxBytes = 1e9): Stage {
  let dir = '';
  const open = async (): Promise<Journal> => {
    stage.journal = await openJournal({
      dir,
      maxBytes,
      clock: simulatedClock(() => 0.5),
      access: 'writer',
      onWarn: () => {},
    });
    return stage.journal;
  };
  const stage = {
    journal: undefined as unknown as Journal,
    reopen: async () => {
      await stage.journal.close();
      return open();
    },
  };
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'pipeline-'));
    startSimulatedTime(START);
    await open();
  });
  afterEach(async () => {
    await stage.journal.close();
    stopSimulatedTime();
    rmSync(dir, { recursive: true, force: true });
  });
  return stage;
}

export interface Line {
  readonly level: string;
  readonly text: string;
  readonly fields: Record<string, unknown>;
}

export function listLog(lines: Line[]): Log {
  const at =
    (level: string) =>
    (fields: object, text: string): void =>
      void lines.push({ level, text, fields: { ...fields } });
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

/** The event's own bytes are the document. */
export const plain: Prepare = (event: AuditEvent) => {
  const made = makeItem(Number(event.seq), { id: event.id, body: event.original });
  return {
    kind: 'item',
    item: { ...made, canonical: { ...made.canonical, seq: event.seq, source: event.source } },
  };
};

export type Answer = (batch: Batch, signal: AbortSignal) => Promise<Receipt> | Receipt;

export interface FakeSink extends Sink {
  readonly batches: Batch[];
  /** Ids taken, in order. */
  readonly taken: string[];
  /** What `credentialReplaced` says. */
  secretReplaced: boolean;
  refreshes: number;
}

export const idOf = (item: Item): string => item.canonical.id;
export const DELIVERED: Fate = { outcome: 'delivered' };
export const takeAll: Answer = (batch) => ({ fates: batch.items.map(() => DELIVERED) });

/** A sink that answers as told, and remembers what it took. */
export function fakeSink(answer: Answer = takeAll): FakeSink {
  const sink: FakeSink = {
    delivery: 'confirmed',
    batches: [],
    taken: [],
    secretReplaced: false,
    refreshes: 0,
    async send(batch, signal) {
      signal.throwIfAborted();
      sink.batches.push(batch);
      const receipt = await answer(batch, signal);
      batch.items.forEach((item, index) => {
        if (receipt.fates[index]?.outcome === 'delivered') sink.taken.push(idOf(item));
      });
      return receipt;
    },
    check: async () => ({ items: [] }),
    credentialReplaced: () => {
      sink.refreshes += 1;
      return sink.secretReplaced;
    },
    close: async () => {},
  };
  return sink;
}
