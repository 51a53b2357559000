import type { Window } from '../../model/event.ts';
import { span } from '../../model/trace.ts';
import {
  asUsual,
  askForLess,
  assertAnswering,
  FOLLOW_AFTER,
  learnFrom,
  leaveUnreadable,
  refreshUsual,
} from './ask-less.ts';
import type { Adapting } from './ask-less.ts';
import { afterRead, allDue, beginCare, nextCareful, nextSlice, resumed } from './care.ts';
import type { OpenWindow } from './care.ts';
import { mayAskForLess, quick } from './client.ts';
import type { Client } from './client.ts';
import { readWindow } from './read-window.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { sortWindows } from './progress.ts';

/** One step of reading: what was read, and what is still open once that is committed. */
export interface Step {
  /** A whole window, or a slice of one that failed as a whole. */
  readonly window: Window;
  readonly read: WindowRead;
  /** Oldest first. Includes the parts of a window that was split and what became of a failed one; never what this step read. */
  readonly open: readonly OpenWindow[];
}

/** A Platform that answered so recently is not asked again whether it does, unless a window is to be set aside. */
const ANSWERING_FOR_MS = 2_000;
/** A pause (Retry-After) up to this is waited for at once. Before a longer one, a small request tells whether it holds for all. */
const HEEDED_MS = 30_000;

/** What is read of a window that failed. */
const NOTHING_READ: WindowRead = { items: [], malformed: [], outcome: { kind: 'failed', rows: null } };

interface Attempt {
  readonly window: OpenWindow;
  readonly part: Window;
  /** How many attempts had succeeded when it began. */
  readonly since: number;
  readonly outcome: { readonly read: WindowRead } | { readonly error: unknown };
}

/**
 * Reads open windows, oldest first and at most `concurrent` at a time, until none is left. A step must be committed before the
 * next is asked for. A window that fails while the Platform answers others comes last, in ever smaller requests, until the part
 * that fails is set aside; that part stays open. Any other failure is thrown, and what was not yielded is still open.
 */
export async function* readOpen(
  client: Client,
  initial: readonly OpenWindow[],
  precision: Precision,
  concurrent: number,
  signal: AbortSignal,
  adapting: Adapting | null = null,
): AsyncGenerator<Step> {
  let open: readonly OpenWindow[] = sortWindows(initial);
  const newestNs = open.reduce((latest, { endNs }) => (endNs > latest ? endNs : latest), 0n);
  if (adapting !== null) {
    const { clock, usual } = adapting;
    refreshUsual(usual, clock.now());
    const wallMs = clock.now();
    open = sortWindows(open.map((window) => resumed(asUsual(window, usual, wallMs), usual.widthNs, wallMs)));
  }
  const giveUp = new AbortController();
  const either = AbortSignal.any([signal, giveUp.signal]);
  const canGoOn = allowanceOf(adapting);
  let answered = 0;
  let answeredMs = -Infinity;
  const attempt = async (window: OpenWindow): Promise<Attempt> => {
    const part = nextSlice(window, precision.unitNs);
    const perPage = Math.min(window.care?.perPage ?? Infinity, adapting?.usual.perPage ?? Infinity);
    const about = { window, part, since: answered };
    try {
      const asking = window.care === undefined ? client : quick(client);
      // A slice of a window that is read with care carries no expected count.
      const asked = window.care === undefined ? window : part;
      const read = await span('window', {}, () =>
        readWindow(asking, asked, precision, either, Number.isFinite(perPage) ? perPage : undefined),
      );
      return { ...about, outcome: { read } };
    } catch (error) {
      return { ...about, outcome: { error } };
    }
  };
  const nowMs = (): number => adapting?.clock.monotonic() ?? 0;
  const running = new Map<OpenWindow, Promise<Attempt>>();
  try {
    for (;;) {
      for (const window of open.filter(({ care }) => care === undefined)) {
        if (running.size >= concurrent) break;
        if (!running.has(window)) running.set(window, attempt(window));
      }
      if (running.size === 0) {
        // Failing windows come last and one at a time: nothing that can be read waits for them.
        const next = nextCareful(open, (adapting?.usual.failing ?? 0) >= FOLLOW_AFTER);
        if (next === null || !canGoOn()) break;
        running.set(next, attempt(next));
      }
      const done = await Promise.race(running.values());
      running.delete(done.window);
      const { window, part, outcome } = done;
      if ('read' in outcome) {
        const { read } = outcome;
        answered += 1;
        answeredMs = nowMs();
        const doubt = (await adapting?.doubt?.(read)) ?? null;
        if (adapting !== null && doubt !== null) {
          const left = leaveUnreadable(open, { window, part, read, error: doubt }, adapting);
          open = sortWindows(left.open);
          yield { window: part, read: left.read, open };
          continue;
        }
        const parts = read.outcome.kind === 'split' ? read.outcome.parts : [];
        const rest = afterRead(window, part);
        if (adapting !== null) {
          adapting.usual.failing = 0;
          learnFrom(adapting.usual, window, adapting.clock);
        }
        open = sortWindows([
          ...open.filter((other) => other !== window),
          ...parts,
          ...(rest === null ? [] : [rest]),
        ]);
        const recovered = window.care !== undefined && window.care.failures > 0 && rest === null;
        if (adapting !== null && recovered && parts.length === 0) open = allDue(open, adapting.clock.now());
        yield { window: part, read, open };
        continue;
      }
      const { error } = outcome;
      if (adapting === null || !mayAskForLess(error)) throw error;
      const confirm = async (): Promise<void> => {
        await assertAnswering(client, error, newestNs, either);
        answeredMs = nowMs();
      };
      const pauseMs = error.retryAfterMs;
      if (pauseMs !== undefined && pauseMs <= HEEDED_MS && answered === 0) {
        // The pause may hold for all. After it this window comes last, so that nothing waits for it twice.
        const late =
          window.care ??
          beginCare(window, error, adapting.usual.perPage, precision.unitNs, adapting.clock.now()).care;
        open = open.map((other) =>
          other === window ? { ...window, ...(late === undefined ? {} : { care: late }) } : other,
        );
        yield { window: part, read: NOTHING_READ, open };
        throw error;
      }
      const quiet = answered === done.since && nowMs() - answeredMs > ANSWERING_FOR_MS;
      if (quiet || pauseMs !== undefined) await confirm();
      canGoOn.failed();
      if (window.care !== undefined) adapting.usual.failing += 1;
      const less = await askForLess(
        client,
        open,
        { window, part, error },
        { ...adapting, precision, confirm },
        either,
      );
      open = sortWindows(less.open);
      yield { window: part, read: less.read, open };
    }
  } finally {
    giveUp.abort(new Error('given up'));
    await Promise.allSettled(running.values());
  }
}

/** Tells whether reading with care may go on: within the allowed failures and time, counted from its first use. */
function allowanceOf(adapting: Adapting | null): { (): boolean; failed(): void } {
  const allowance = adapting?.allowance ?? null;
  let failures = 0;
  let sinceMs: number | null = null;
  const goesOn = (): boolean => {
    if (adapting === null || allowance === null) return true;
    sinceMs ??= adapting.clock.monotonic();
    return failures < allowance.failures && adapting.clock.monotonic() - sinceMs < allowance.ms;
  };
  return Object.assign(goesOn, { failed: () => void (failures += 1) });
}
