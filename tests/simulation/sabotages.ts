import type { FaultClass } from './scenario.ts';

/** A breakage of the product, made while it is loaded, and the checkers that must notice. */
export interface Sabotage {
  readonly name: string;
  /** What it amounts to. */
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
const EVENTS = '/src/checkpoint/sqlite/events.ts';
const SOURCE = '/src/sources/cloudquery/source.ts';
const SOURCE_PROGRESS = '/src/sources/cloudquery/progress.ts';
const READ_WINDOW = '/src/sources/cloudquery/read-window.ts';
const READ_OPEN_WINDOWS = '/src/sources/cloudquery/read-open-windows.ts';
const RECOUNT = '/src/sources/cloudquery/recount.ts';
const IDENTITY = '/src/checkpoint/recorder.ts';
const HIDE = '/src/model/hide.ts';
const TOTALS = '/src/sources/cloudquery/totals.ts';
const SERVER_CLOCK = '/src/sources/cloudquery/server-clock.ts';
const POLL_TIME = '/src/sources/cloudquery/poll-time.ts';
const READING_GUARD = '/src/pipeline/reading-guard.ts';
const STANDING = '/src/pipeline/standing-findings.ts';
const READABLE_AGAIN = '/src/checkpoint/sqlite/readable-again.ts';
const CLIENT = '/src/sources/cloudquery/client.ts';
const APPEND = '/src/checkpoint/sqlite/append.ts';
const VERDICT = '/src/pipeline/verdict.ts';
const HEARTBEAT = '/src/pipeline/heartbeat.ts';

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
          'await context.journal.moveCursor(context.name, upTo, []);\n    const refusals = await context.outlet.settle(items, signal);',
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
        find: 'return asForwardError(error);',
        replace:
          "if (error instanceof ForwardError && error.kind === 'denied') return { fates: batch.items.map(() => ({ outcome: 'delivered' as const })) };\n      return asForwardError(error);",
      },
    ],
    // A heartbeat that is refused is dropped as well.
    caughtBy: ['settled', 'heartbeats'],
    needs: ['sink keys'],
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
        find: 'flight.rejected = [...unrendered, ...rejectionsOf(refusals, sent)];',
        replace: 'flight.rejected = rejectionsOf(refusals.slice(refusals.length), sent);',
      },
    ],
    caughtBy: ['settled'],
  },
  {
    name: 'ignore-failed-cursor',
    what: 'a cursor whose write the disk refused counts as moved',
    edits: [
      {
        file: '/src/pipeline/until-done.ts',
        find: '    work,\n',
        replace:
          "    () => work().catch((error) => { if (error.kind === 'transient' && status.cursor > 0n) return; throw error; }),\n",
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
        find: 'let position = beginning.seq;',
        replace:
          'const memory = ((context.batch as unknown as { memory?: object }).memory, (globalThis as unknown as { sabotageMemory: Map<string, bigint> }).sabotageMemory);\n    let position = memory.get(name) ?? beginning.seq;',
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
        find: 'while (flights.length < context.concurrent + context.ahead() && !context.halting.aborted) {',
        replace:
          'while (flights.length <= context.concurrent + context.ahead() && !context.halting.aborted) {',
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
        find: '() => sink.send(batch, signal));',
        replace: 'async () => (await sink.send(batch, signal), sink.send(batch, signal)));',
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
        find: "if (reason === null || options.onMassRejection === 'dead_letter') return { fates, hold: null };",
        replace: 'if (reason === null || reason !== null) return { fates, hold: null };',
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
    needs: ['full journal'],
  },
  {
    name: 'advance-on-failure',
    what: 'a window that could not be read counts as read and empty',
    edits: [
      {
        file: READ_OPEN_WINDOWS,
        find: 'return { ...about, outcome: { error } };',
        replace:
          "const done = { kind: 'done', status: 'read', serverCount: null } as const;\n      return { ...about, outcome: error === null ? { error } : { read: { items: [], malformed: [], outcome: done } } };",
      },
    ],
    caughtBy: ['coverage'],
  },
  {
    name: 'skip-the-overlap',
    what: 'a poll begins where the last one ended',
    edits: [
      {
        file: SOURCE_PROGRESS,
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
        find: 'if (total === null ? full : cut && total > first.rows) return { ...one, status: null };',
        replace: "if (total === null ? full : cut && total > first.rows) return { ...one, status: 'read' };",
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
        find: 'open: sortWindows([...progress.open, ...fresh])',
        replace: 'open: sortWindows([window, ...fresh.slice(fresh.length)])',
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
    name: 'skip-the-gap',
    what: 'a sink that was away passes what was pruned without a word',
    edits: [
      {
        file: EVENTS,
        find: 'if (pruned !== null && cursor !== null) record.find(sink, prunedFinding(sink, pruned), at);',
        replace: '',
      },
    ],
    caughtBy: ['settled'],
    needs: ['sinks away'],
  },
  {
    name: 'one-ends-all',
    what: 'what nobody foresaw in one sink ends the daemon',
    edits: [
      {
        file: OUTLET,
        find: 'return asForwardError(error);',
        replace: 'if (error instanceof ForwardError) return error;\n      throw error;',
      },
      {
        file: DAEMON,
        find: 'if (endsProgram(error) || parts.patienceMs !== null) {',
        replace: "if (endsProgram(error) || error.name === 'UnexpectedError') {\n          abort();",
      },
    ],
    caughtBy: ['daemon'],
    needs: ['odd errors'],
  },
  {
    name: 'one-id-one-event',
    what: 'an event with a known id counts as the known one, whatever else it says',
    edits: [
      {
        file: IDENTITY,
        find: 'if (isThis(own)) return',
        replace: 'if (own !== undefined) return',
      },
      { file: IDENTITY, find: 'if (taken === null) return', replace: "if (taken !== 'beside') return" },
    ],
    caughtBy: ['coverage', 'no loss', 'progress', 'once'],
    needs: ['shared ids'],
  },
  {
    name: 'a-new-id-each-time',
    what: 'an event that shares its id is not found again under the id that it was given',
    edits: [
      {
        file: IDENTITY,
        find: 'if (!ids.hasShared()) return null;',
        replace: 'if (ids.hasShared()) return null;',
      },
    ],
    caughtBy: ['once', 'daemon'],
    needs: ['shared ids'],
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
    name: 'pass-over-what-fails',
    what: 'a window that is set aside is not open any more',
    edits: [
      {
        file: READ_OPEN_WINDOWS,
        find: 'open = sortWindows(less.open);',
        replace:
          'open = sortWindows(less.open.filter(({ care }) => care === undefined || care.notBeforeMs === 0));',
      },
    ],
    caughtBy: ['coverage'],
    needs: ['poison rows'],
  },
  {
    name: 'one-window-stops-all',
    what: 'a window that fails ends the poll, as if the Platform were down',
    edits: [
      {
        file: READ_OPEN_WINDOWS,
        find: 'if (adapting === null || !mayAskForLess(error)) throw error;',
        replace: 'if (adapting === null || !mayAskForLess(error) || adapting !== null) throw error;',
      },
    ],
    caughtBy: ['progress'],
    needs: ['poison rows'],
  },
  {
    name: 'drop-stray-rows',
    what: 'a row outside of the window that was asked for is dropped',
    edits: [
      {
        file: SOURCE,
        find: 'events: toEvents(read.items),',
        replace:
          'events: toEvents(read.items).filter(({ createdNs }) => createdNs >= window.startNs - 1_000_000_000n && createdNs <= window.endNs + 1_000_000_000n),',
      },
    ],
    caughtBy: ['coverage', 'no loss', 'progress'],
    needs: ['stray rows'],
  },
  {
    name: 'no-reading-guard',
    what: 'a log that cannot be read becomes dead letters',
    edits: [
      {
        file: READING_GUARD,
        find: 'if (!(await elsewhere())) throw massRejection(reason);',
        replace: 'for (const key of fresh.keys()) seen.add(key);\n      return null;',
      },
    ],
    caughtBy: ['reading'],
    needs: ['renamed field'],
  },
  {
    name: 'keep-settled-letters',
    what: 'a dead letter of the source stays although its event was read',
    edits: [
      {
        file: READABLE_AGAIN,
        find: 'if (letters.length === 0) {',
        replace: 'if (letters.length >= 0) {',
      },
    ],
    caughtBy: ['reading'],
    needs: ['renamed field'],
  },
  {
    name: 'keep-old-findings',
    what: 'a finding that no longer holds is not acknowledged',
    edits: [
      {
        file: STANDING,
        find: 'const ended = [...recorded].some((key) => !now.has(key));',
        replace: "const ended = [...recorded].some((key) => !now.has(key) && key === '');",
      },
    ],
    caughtBy: ['reading'],
    needs: ['poison rows'],
  },
  {
    name: 'broken-is-empty',
    what: 'an answer that broke off is one without rows',
    edits: [
      {
        file: CLIENT,
        find: 'limited(() => once(url, true, signal), signal);',
        replace:
          'limited(() => once(url, true, signal).catch((error: unknown) => { if ((error as { ambiguous?: boolean }).ambiguous !== true) throw error; return { status: 200, headers: { \'content-type\': \'application/json\' }, body: Buffer.from(\'{"items":[],"metadata":{"page_size":1000}}\') }; }), signal);',
      },
    ],
    caughtBy: ['coverage', 'no loss', 'progress'],
    needs: ['broken connections'],
  },
  {
    name: 'head-apart',
    what: 'the end of the chain is written in a transaction of its own, after the events',
    edits: [
      {
        file: APPEND,
        find: 'if (tally.appended > 0) writeHead.run(tip.seq, tip.hash);',
        replace: 'if (tally.appended > 0) queueMicrotask(() => writeHead.run(tip.seq, tip.hash));',
      },
    ],
    caughtBy: ['daemon', 'chain', 'once', 'no loss', 'progress'],
    needs: ['torn writes'],
  },
  {
    name: 'call-it-complete',
    what: 'dead letters do not count for the verdict',
    edits: [
      {
        file: VERDICT,
        find: "deadLetters === 0 ? '' : counted(deadLetters, 'dead letter'),",
        replace: "'',",
      },
    ],
    caughtBy: ['verdict'],
    needs: ['poison'],
  },
  {
    name: 'key-in-the-error',
    what: 'what the Platform quotes is told as it came',
    edits: [{ file: HIDE, find: 'return cover(text, searches);', replace: 'return text;' }],
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
  {
    name: 'tell-what-was-refused',
    what: 'a heartbeat counts what the receiver refused among what it has',
    edits: [
      {
        file: '/src/pipeline/segment.ts',
        find: '.filter((item) => !refused.has(item))',
        replace: '.filter((item) => !refused.has(item) || refused.size > 0)',
      },
    ],
    caughtBy: ['heartbeats'],
    needs: ['poison'],
  },
  {
    name: 'forget-the-segment',
    what: 'a restart begins a new segment at the cursor and forgets the one that was open',
    edits: [
      {
        file: HEARTBEAT,
        find: 'kept = found ?? { ...kept, segment: openSegment(cursor) };',
        replace: 'kept = { ...(found ?? kept), segment: openSegment(cursor) };',
      },
    ],
    caughtBy: ['heartbeats'],
    needs: ['restarts'],
  },
  {
    name: 'keep-the-segment-later',
    what: 'the cursor moves without what a heartbeat has to tell of it',
    edits: [
      {
        file: DELIVER,
        find: 'ask(() => journal.moveCursor(name, upTo, rejected, segment));',
        replace:
          'ask(() => journal.moveCursor(name, upTo, rejected, segment === undefined ? undefined : undefined));',
      },
    ],
    caughtBy: ['heartbeats'],
    needs: ['restarts'],
  },
];
