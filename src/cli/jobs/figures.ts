import { asObject } from '../../model/json.ts';
import { EXIT } from '../exit.ts';
import { formatDuration } from '../../model/units.ts';
import type { JobEnd, Show } from './carry-out.ts';
import { count, shown } from '../report.ts';

/** What every job's JSON document begins with. */
export function endOf({ job, state, by, progress }: JobEnd): object {
  return { job, state, by, error: state === 'failed' ? reasonOf(progress) : null };
}

export function replayFigures(progress: JobEnd['progress']): object {
  const keys = ['looked', 'sent', 'present', 'refused', 'filtered', 'pending', 'pruned'];
  return Object.fromEntries(keys.map((key) => [key, figure(progress, key)]));
}

export function replaySentence(progress: JobEnd['progress']): string {
  const shownFigure = (key: string): string => figure(progress, key).toLocaleString('en-US');
  const parts = [
    `${shownFigure('sent')} sent again`,
    `${shownFigure('present')} not sent: the receiver has them`,
    `${shownFigure('filtered')} left out by the sink's where`,
    `${shownFigure('pending')} not sent: their first delivery is still to come`,
    `${shownFigure('refused')} refused, now dead letters`,
    `${shownFigure('pruned')} not sent: no longer in the journal`,
  ];
  return parts.filter((part, index) => index === 0 || !part.startsWith('0 ')).join(', ');
}

export function reasonOf(progress: JobEnd['progress']): string {
  return typeof progress['error'] === 'string' ? shown(progress['error'], 600) : 'its reason is in the log';
}

/** `unsent`: events that the receiver should have by the job, and has not. */
export function exitCode({ state }: JobEnd, unsent: number): number {
  if (state !== 'done') return EXIT.failed;
  return unsent > 0 ? EXIT.incomplete : EXIT.done;
}

export function figure(progress: JobEnd['progress'], key: string): number {
  const value = progress[key];
  return typeof value === 'number' ? value : 0;
}

/** How far a job of each kind is. */
export const jobProgress: Readonly<Record<'backfill' | 'replay', Show>> = {
  replay: replayLine,
  backfill: (progress, elapsedMs) =>
    progress['stage'] === 'replay'
      ? replayLine(replayOf(progress), elapsedMs)
      : `reading: ${progressLine(figure(progress, 'share'), figure(progress, 'events'), elapsedMs)}, ${count(figure(progress, 'appended'), 'new one')}`,
};

function replayLine(progress: JobEnd['progress'], elapsedMs: number): string {
  return `sending again: ${progressLine(figure(progress, 'share'), figure(progress, 'looked'), elapsedMs)}`;
}

/** What a backfill says of the replay at its end. */
export function replayOf(progress: JobEnd['progress']): JobEnd['progress'] {
  return asObject(progress['replay']);
}

/** `37 %, 1,200 events a second, about 3m left`: from the share that is done and the events so far. */
export function progressLine(share: number, events: number, elapsedMs: number): string {
  const rate = elapsedMs <= 0 ? 0 : Math.round((events * 1000) / elapsedMs);
  const leftMs = share > 0 && share < 1 ? (elapsedMs * (1 - share)) / share : 0;
  const left =
    leftMs > 0 ? `, about ${formatDuration(Math.max(Math.round(leftMs / 1000), 1) * 1000)} left` : '';
  return `${Math.floor(share * 100)} %, ${events.toLocaleString('en-US')} events, ${rate.toLocaleString('en-US')} a second${left}`;
}
