import { vi } from 'vitest';

import { msToNs } from '../../src/model/time.ts';
import type { Agenda } from './agenda.ts';
import { RENAMED_TIME } from './facts.ts';
import { DAY } from './scenario.ts';
import type { Plan } from './scenario.ts';
import type { Running, World } from './world.ts';

const LETTERS_LIMIT = 1000;

/** Puts the plans of the scenario on the agenda. Returns what ends every fault at once. */
export function carryOut(
  world: World,
  agenda: Agenda,
  running: () => Running | null,
  restart: () => void,
): () => void {
  const { facts, vault, disk, states, trace } = world;
  const startMs = performance.now();
  let keys = 0;

  /** Null where nobody is there whose journal could be asked: crashed, or ended in order and not begun again. */
  function present(): Running | null {
    const now = running();
    return now === null || now.life.dead() || now.ended ? null : now;
  }

  function begin(plan: Plan): (() => void) | null {
    switch (plan.kind) {
      case 'crash':
        return crash(plan.how);
      case 'restart':
        restart();
        return null;
      case 'clock jump':
        vi.setSystemTime(Date.now() + plan.byMs);
        states.seen(plan.byMs < 0 ? 'clock set back' : 'clock set forward');
        return null;
      case 'disk full':
        disk.full = true;
        return () => void (disk.full = false);
      case 'platform key':
        return newKey('platform', `platform-key-${(keys += 1)}`, (key) =>
          facts.platform.set({ api_key: key }),
        );
      case 'sink key':
        return newKey(plan.sink, `sink-key-${(keys += 1)}`, (key) => {
          const receiver = facts.receivers.get(plan.sink);
          if (receiver !== undefined) receiver.key = key;
        });
      case 'mass rejection':
        return spell(plan.sink, (receiver, on) => (receiver.refusesAll = on));
      case 'sink down':
        return spell(plan.sink, (receiver, on) => (receiver.down = on));
      case 'sink away':
        return away(plan.sink);
      case 'retry dead letters':
        for (const receiver of facts.receivers.values()) receiver.takesPoison = world.random() < 0.5;
        retryDeadLetters();
        return null;
      case 'backfill':
        backfill(plan.spanMs);
        return null;
      case 'counts ahead':
        world.countsAhead = true;
        return () => void (world.countsAhead = false);
      case 'wrong date':
        return wrongDate(plan.byMs, plan.every);
      case 'renamed field':
        facts.platform.set({ created_at_key: RENAMED_TIME });
        return () => facts.platform.set({ created_at_key: 'created_at' });
    }
  }

  /** On every so many-th answer; with 0 on the next one only. */
  function wrongDate(byMs: number, every: number): () => void {
    let answers = 0;
    const wrong = {
      next: () => {
        answers += 1;
        return every === 0 ? (answers === 1 ? byMs : 0) : answers % every === 0 ? byMs : 0;
      },
    };
    world.wrongDate = wrong;
    return () => {
      if (world.wrongDate === wrong) world.wrongDate = null;
    };
  }

  function crash(how: Extract<Plan, { kind: 'crash' }>['how']): null {
    const now = present();
    if (now === null) return null;
    if (how === 'now') now.life.crash('at some moment');
    else if (how === 'before write') disk.crashAtWrite = 'before';
    else if (how === 'after write') disk.crashAtWrite = 'after';
    else if (how === 'in a write') disk.crashAtWrite = 'in';
    else {
      for (const receiver of facts.receivers.values()) {
        receiver.afterStore = () => now.life.crash('between store and cursor');
      }
    }
    return null;
  }

  /** The other side has a new key; only later does the operator put it where we read it. */
  function newKey(name: string, key: string, install: (key: string) => void): () => void {
    install(key);
    return () => void vault.set(name, key);
  }

  function spell(
    sink: string,
    change: (receiver: NonNullable<ReturnType<typeof facts.receivers.get>>, on: boolean) => void,
  ): () => void {
    const receiver = facts.receivers.get(sink);
    if (receiver === undefined) return () => {};
    change(receiver, true);
    return () => change(receiver, false);
  }

  /** An operator takes a sink out of the configuration, and back long after its events were kept for it. */
  function away(sink: string): () => void {
    world.away.add(sink);
    restart();
    return () => {
      world.away.delete(sink);
      const now = present();
      if (now === null) return;
      const others = [...facts.receivers.keys()].filter((name) => name !== sink);
      // A loop that is still to end may hold it: what it has not settled stays.
      const loops = now.daemon.status.sinks.has(sink) ? [sink, ...others] : others;
      void now.inner.prune(loops, new Date(Date.now() + DAY).toISOString(), 0n);
      restart();
    };
  }

  /** As the command does it, beside the running daemon. */
  function retryDeadLetters(): void {
    const now = present();
    if (now === null) return;
    void now.inner.retryDeadLetters({ states: ['open'], limit: LETTERS_LIMIT });
  }

  /** The time before now is read once more, as the command asks for it. */
  function backfill(spanMs: number): void {
    const now = present();
    if (now === null) return;
    const nowMs = Date.now();
    const window = [msToNs(nowMs - spanMs).toString(), msToNs(nowMs).toString()];
    void now.inner.addJob('backfill', { source: null, windows: [window], sink: null });
  }

  const ends = new Set<() => void>();
  for (const plan of world.scenario.plans) {
    agenda.add(startMs + plan.atMs, () => {
      trace.add(`plan ${JSON.stringify(plan)}`);
      const end = begin(plan);
      if (end === null || !('forMs' in plan)) return;
      ends.add(end);
      agenda.add(startMs + plan.atMs + plan.forMs, () => {
        ends.delete(end);
        trace.add(`over ${plan.kind}`);
        end();
      });
    });
  }
  return () => {
    for (const end of ends) end();
    disk.crashAtWrite = null;
    facts.platform.set({
      rate: 0,
      drift: 0,
      burst: { every: 0 },
      late: { share: 0 },
      faults: { share: 0 },
      retention: 0,
    });
    for (const receiver of facts.receivers.values()) {
      receiver.faulty = false;
      receiver.afterStore = null;
      receiver.takesPoison = world.scenario.seed % 2 === 0;
    }
    retryDeadLetters();
  };
}
