import { ForwardError } from '../../model/errors.ts';
import type { Json, Window } from '../../model/event.ts';
import { floorTo, max, min, NS_PER_SECOND } from '../../model/time.ts';
import type { Hide } from '../../model/hide.ts';
import { readCare, writeCare } from './care.ts';
import type { OpenWindow } from './care.ts';

/** The source's progress, which the journal keeps and a start resumes from. Times in nanoseconds since 1970. */
export interface Progress {
  /** Where the very first live window began: before it nothing was promised. Null before the first. */
  readonly startNs: bigint | null;
  /** Where the last live window ended: the next one starts an overlap before it. Null before the first. */
  readonly endNs: bigint | null;
  /** Windows not read to their end yet, oldest first: a crash resumes inside a burst, and knows what fails. */
  readonly open: readonly OpenWindow[];
}

export const NO_PROGRESS: Progress = { startNs: null, endNs: null, open: [] };

/** Before this every window is finished: nothing open, and the last live window's end, or the start of the oldest open one. */
export function frontierOf(progress: Progress): bigint | null {
  const first = progress.open[0];
  return first === undefined ? progress.endNs : first.startNs;
}

/** `extra` is kept beside under its own key: the reconcile schedule. `hide` is for what the Platform said of windows that fail. */
export function writeProgress(progress: Progress, extra: Json, hide: Hide): Json {
  return {
    version: 1,
    start: progress.startNs === null ? null : progress.startNs.toString(),
    end: progress.endNs === null ? null : progress.endNs.toString(),
    open: progress.open.map(({ startNs, endNs, care }) => [
      startNs.toString(),
      endNs.toString(),
      ...(care === undefined ? [] : [writeCare(care, hide)]),
    ]),
    reconcile: extra,
  };
}

/** Throws `corrupt` for anything that `writeProgress` did not write: starting over in silence would be a lie. */
export function readProgress(json: Json | null): { readonly progress: Progress; readonly extra: Json } {
  if (json === null) return { progress: NO_PROGRESS, extra: null };
  try {
    const { version, start, end, open, reconcile } = json as Record<string, Json>;
    if (version !== 1 || !Array.isArray(open)) throw new Error('unknown version');
    const windows = open.map((one: unknown): OpenWindow => {
      const [start, stop, saved] = one as [Json, Json, Json?];
      const care = readCare(saved);
      return {
        startNs: requireNs(start),
        endNs: requireNs(stop),
        ...(care === undefined ? {} : { care }),
      };
    });
    if (windows.some((window) => window.startNs > window.endNs))
      throw new Error('a window ends before it starts');
    const progress = { startNs: readNs(start), endNs: readNs(end), open: sortWindows(windows) };
    if ((progress.startNs === null) !== (progress.endNs === null)) throw new Error('half a span');
    return { progress, extra: reconcile ?? null };
  } catch (error) {
    throw unreadable(error);
  }
}

/** What is kept beside the progress. */
export function savedOf(extra: Json): {
  schedule?: Json;
  tail?: Json;
  countsTold?: Json;
  offset?: Json;
  strays?: Json;
  spoiled?: Json;
} {
  return (extra ?? {}) as ReturnType<typeof savedOf>;
}

export function unreadable(cause: unknown): ForwardError {
  return new ForwardError('corrupt', 'the progress kept in the journal cannot be read by this version', {
    cause,
    hint: 'run the version that wrote it, or restore the state directory from a copy',
  });
}

function readNs(value: Json | undefined): bigint | null {
  return value === null ? null : requireNs(value);
}

/** Only what BigInt.toString writes: BigInt itself also reads '', '0x1' and true. */
export function requireNs(value: Json | undefined): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) throw new Error('no time in nanoseconds');
  return BigInt(value);
}

export function sortWindows<Span extends Window>(windows: readonly Span[]): Span[] {
  return windows.toSorted((a, b) =>
    a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : a.endNs < b.endNs ? -1 : 1,
  );
}

/**
 * A start in the future was worked out while a clock ran ahead: nothing was read from it, and what lies before it is still
 * to be read. `firstNs`: the start that the configuration gives by now, which may itself be a time to come.
 */
export function withoutFutureStart(progress: Progress, firstNs: bigint, nowNs: bigint): Progress {
  const { startNs } = progress;
  return startNs !== null && startNs > nowNs && startNs > firstNs ? NO_PROGRESS : progress;
}

/** The live window of this poll: from an overlap before the last end to the server's now, both on whole seconds. */
export function liveWindow(
  progress: Progress,
  firstStartNs: bigint,
  overlapNs: bigint,
  nowNs: bigint,
): Window {
  const endNs = floorTo(nowNs, NS_PER_SECOND);
  if (progress.endNs === null) return { startNs: min(floorTo(firstStartNs, NS_PER_SECOND), endNs), endNs };
  // A last end in the future came from a clock that ran ahead for a while: what it claimed is taken back, and read.
  const from = min(progress.endNs, endNs) - overlapNs;
  return { startNs: max(floorTo(from, NS_PER_SECOND), 0n), endNs };
}
