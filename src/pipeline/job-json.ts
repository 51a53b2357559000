import { ForwardError } from '../model/errors.ts';
import type { Json, Window } from '../model/event.ts';

/** Windows as a job keeps them: pairs of nanoseconds since 1970, as text, since JSON numbers are too coarse. */
export function writeWindows(windows: readonly Window[]): Json {
  return windows.map(({ startNs, endNs }) => [startNs.toString(), endNs.toString()]);
}

/** Throws `config` for anything that `writeWindows` did not write. */
export function readWindows(json: Json | undefined): Window[] {
  if (!Array.isArray(json)) throw unreadable();
  return (json as readonly Json[]).map(readWindow);
}

export function readWindow(json: Json | undefined): Window {
  const [start, end] = Array.isArray(json) ? (json as readonly Json[]) : [];
  if (typeof start !== 'string' || typeof end !== 'string') throw unreadable();
  if (!/^-?\d{1,20}$/.test(start) || !/^-?\d{1,20}$/.test(end)) throw unreadable();
  return { startNs: BigInt(start), endNs: BigInt(end) };
}

export function unreadable(): ForwardError {
  return new ForwardError('config', 'a job in the journal cannot be read by this version', {
    hint: 'start the command again: it leaves a new job',
  });
}

export function unknownPart(what: 'source' | 'sink', name: string): ForwardError {
  return new ForwardError('config', `there is no ${what} named ${name} in the configuration`, {
    hint: `name one of the configuration's ${what}s`,
  });
}
