import type { FaultClass } from './scenario.ts';

/** A breakage of the product, made while it is loaded, and the checkers that must notice. */
export interface Sabotage {
  readonly name: string;
  /** What it amounts to, for the table in docs/simulation.md. */
  readonly what: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  readonly caughtBy: readonly string[];
  /** Seeds without these cannot show it, and are passed over. */
  readonly needs?: readonly FaultClass[];
}

const DELIVER = '/src/pipeline/deliver.ts';
const OUTLET = '/src/pipeline/outlet.ts';
const COLLECT = '/src/pipeline/collect.ts';
const DAEMON = '/src/pipeline/daemon.ts';
const SOURCE = '/src/sources/cloudquery/source.ts';
const WINDOWS = '/src/sources/cloudquery/windows.ts';
const READ_WINDOW = '/src/sources/cloudquery/read-window.ts';
const READ_WINDOWS = '/src/sources/cloudquery/read-windows.ts';
const RECOUNT = '/src/sources/cloudquery/recount.ts';
const TOTALS = '/src/sources/cloudquery/totals.ts';
const SERVER_CLOCK = '/src/sources/cloudquery/server-clock.ts';
const POLL_TIME = '/src/sources/cloudquery/poll-time.ts';
const CLIENT = '/src/sources/cloudquery/client.ts';

export const sabotages: readonly Sabotage[] = [
  {
    name: 'commit-out-of-order',
    what: 'the cursor follows whichever batch lands first',
    edits: [
      {
        file: DELIVER,
        find: 'while (flights[0]?.done === true) {',
        replace:
          'flights.sort((a, b) => Number(b.done) - Number(a.done));\n  while (flights[0]?.done === true) {',
      },
      {
        file: DELIVER,
        find: 'if (flights[0]?.done !== true) {',
        replace: 'if (!flights.some((flight) => flight.done)) {',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'mark-before-write',
    what: 'the cursor moves when a batch is sent, not when it is answered',
    edits: [
      {
        file: DELIVER,
        find: 'const refusals = await context.outlet.settle(items, signal);',
        replace:
          'await context.journal.settle(context.name, upTo, []);\n    const refusals = await context.outlet.settle(items, signal);',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'drop-on-denied',
    what: 'a 401 counts as delivered',
    edits: [
      {
        file: OUTLET,
        find: 'if (error instanceof ForwardError) return error;',
        replace:
          "if (error instanceof ForwardError && error.kind === 'denied') return { fates: batch.items.map(() => ({ outcome: 'delivered' as const })) };\n      if (error instanceof ForwardError) return error;",
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'give-up-after-three',
    what: 'a batch is dropped after three tries',
    edits: [
      {
        file: OUTLET,
        find: 'for (let attempts = 1; pending.length > 0; attempts += 1) {',
        replace: 'for (let attempts = 1; pending.length > 0 && attempts <= 3; attempts += 1) {',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'drop-the-rest',
    what: 'what a partial answer left over is not sent again',
    edits: [
      {
        file: OUTLET,
        find: 'pending = left.map(({ item }) => item);',
        replace: 'pending = left.length > 0 ? [] : [];',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'lose-dead-letters',
    what: 'refused events are not recorded as dead letters',
    edits: [
      {
        file: DELIVER,
        find: 'flight.rejected = [...unrendered, ...toRejected(refusals, byId)];',
        replace: 'flight.rejected = toRejected(refusals.slice(refusals.length), byId);',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'ignore-failed-settle',
    what: 'a settle that the disk refused counts as done',
    edits: [
      {
        file: DELIVER,
        find: "if (!(error instanceof ForwardError) || error.kind !== 'transient') throw error;",
        replace:
          "if (error instanceof ForwardError && error.kind === 'transient') return;\n      throw error;",
      },
    ],
    caughtBy: ['settled', 'rest', 'progress', 'repeats'],
    needs: ['full disk', 'poison'],
  },
  {
    name: 'resume-from-memory',
    what: 'a restart goes on from the position in memory, ahead of the cursor',
    edits: [
      {
        file: DELIVER,
        find: 'let position = await untilDone(context, () => journal.cursor(name), either);',
        replace:
          'const memory = ((context.batch as unknown as { memory?: object }).memory, (globalThis as unknown as { sabotageMemory: Map<string, bigint> }).sabotageMemory);\n    let position = memory.get(name) ?? (await journal.cursor(name));',
      },
      {
        file: DELIVER,
        find: 'position = next.upTo;',
        replace: 'position = next.upTo;\n        memory.set(name, position);',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'one-lane-too-many',
    what: 'one more batch in flight than configured',
    edits: [
      {
        file: DELIVER,
        find: 'while (flights.length < context.concurrent && !context.halting()) {',
        replace: 'while (flights.length <= context.concurrent && !context.halting()) {',
      },
    ],
    caughtBy: ['in flight'],
  },
  {
    name: 'send-twice',
    what: 'each batch is sent twice',
    edits: [
      {
        file: OUTLET,
        find: 'return sink.send(batch, signal);',
        replace: 'await sink.send(batch, signal);\n      return sink.send(batch, signal);',
      },
    ],
    caughtBy: ['repeats'],
  },
  {
    name: 'no-mass-guard',
    what: 'a receiver that refuses everything makes dead letters of everything',
    edits: [
      {
        file: OUTLET,
        find: "if (reason === null || options.onMassRejection === 'dead_letter') return receipt;",
        replace: 'if (reason === null || reason !== null) return receipt;',
      },
    ],
    caughtBy: ['poison'],
    needs: ['mass rejection'],
  },
  {
    name: 'no-backpressure',
    what: 'polling goes on while the journal is full',
    edits: [
      {
        file: COLLECT,
        find: 'if (usedBytes < limitBytes) {',
        replace: 'if (usedBytes < limitBytes * 1e6) {',
      },
    ],
    caughtBy: ['backpressure'],
  },
  {
    name: 'advance-on-failure',
    what: 'a window that could not be read counts as read and empty',
    edits: [
      {
        file: READ_WINDOWS,
        find: 'running.set(window, readOne(window));',
        replace:
          "running.set(window, readOne(window).catch(() => ({ window, read: { items: [], malformed: [], outcome: { kind: 'done' as const, status: 'read' as const, serverCount: null } } })));",
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'skip-the-overlap',
    what: 'a poll begins where the last one ended',
    edits: [
      {
        file: WINDOWS,
        find: 'const from = min(progress.endNs, endNs) - overlapNs;',
        replace: 'const from = min(progress.endNs, endNs) - 0n * overlapNs;',
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'first-page-is-all',
    what: 'a full page counts as the whole window',
    edits: [
      {
        file: READ_WINDOW,
        find: 'if (full && (total === null || total > first.rows)) return { ...one, status: null };',
        replace: "if (full && (total === null || total > first.rows)) return { ...one, status: 'read' };",
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'times-as-text',
    what: 'a row is kept when its time, as text, is not before the start of the window',
    edits: [
      {
        file: SOURCE,
        find: 'events: toEvents(read.items),',
        replace:
          'events: toEvents(read.items).filter((event) => event.createdAt >= formatTime(window.startNs)),',
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'forget-open-windows',
    what: 'a restart forgets the windows that were still to be read',
    edits: [
      {
        file: SOURCE,
        find: 'open: sortWindows([...progress.open, live])',
        replace: 'open: sortWindows([live])',
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'trust-every-count',
    what: 'closed windows are never read again',
    edits: [
      { file: RECOUNT, find: "if (length.is === 'exactly') {", replace: "if (length.is !== 'unknown') {" },
    ],
    caughtBy: ['coverage', 'no loss', 'progress'],
  },
  {
    name: 'believe-capped-counts',
    what: 'a list that is longer than ours is no news where the Platform counts',
    edits: [
      {
        file: TOTALS,
        find: 'const difference = page.rows - (rows % size);',
        replace:
          'const difference = Math.min(page.rows - (rows % size), page.totalCount === null ? Infinity : 0);',
      },
    ],
    caughtBy: ['coverage', 'no loss', 'progress'],
    needs: ['capped totals', 'late rows'],
  },
  {
    name: 'stop-at-an-absurd-date',
    what: 'the earliest of the last answers says the time, and where that is absurd no poll asks again',
    edits: [
      {
        file: SERVER_CLOCK,
        find: 'const groups = readings.map((one) => readings.filter((other) => agree(one, other)));',
        replace: 'const groups = [readings.toSorted((a, b) => a.lowMs - b.lowMs).slice(0, 1)];',
      },
      {
        file: POLL_TIME,
        find: 'await hear(signal);',
        replace: 'if (serverClock.read() !== null) weigh(null, serverClock.read()?.nowMs ?? 0, 0);',
      },
    ],
    caughtBy: ['progress'],
    needs: ['absurd dates'],
  },
  {
    name: 'start-by-the-later-clock',
    what: 'of two clocks the later one says when to start and to end',
    edits: [
      {
        file: POLL_TIME,
        find: 'const earlierMs = Math.min(theirsMs, oursMs);',
        replace: 'const earlierMs = Math.max(theirsMs, oursMs);',
      },
    ],
    caughtBy: ['coverage', 'no loss', 'progress'],
    needs: ['wrong first date'],
  },
  {
    name: 'key-in-the-error',
    what: 'an error quotes the API key',
    edits: [
      {
        file: CLIENT,
        find: 'const where = `${url.origin}${url.pathname}`;',
        replace: 'const where = `${url.origin}${url.pathname}?key=${options.apiKey.reveal()}`;',
      },
    ],
    caughtBy: ['secrets'],
  },
  {
    name: 'timer-left-behind',
    what: 'a timer outlives the daemon',
    edits: [
      {
        file: DAEMON,
        find: 'const status = createStatus(clock.now());',
        replace: 'const status = createStatus(clock.now());\n  setInterval(() => {}, 3_600_000);',
      },
    ],
    caughtBy: ['timers'],
  },
];
