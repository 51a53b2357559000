import { EXIT } from '../exit.ts';
import type { JobEnd } from './carry-out.ts';
import { shown } from '../report.ts';

/** What every job's JSON document begins with. */
export function endOf({ job, state, by, progress }: JobEnd): object {
  return { job, state, by, error: state === 'failed' ? reasonOf(progress) : null };
}

export function replayFigures(progress: JobEnd['progress']): object {
  const keys = ['looked', 'sent', 'present', 'refused', 'filtered', 'pending'];
  return Object.fromEntries(keys.map((key) => [key, figure(progress, key)]));
}

export function replaySentence(progress: JobEnd['progress']): string {
  const shownFigure = (key: string): string => figure(progress, key).toLocaleString('en-US');
  const parts = [
    `${shownFigure('sent')} sent again`,
    `${shownFigure('present')} not sent since the receiver holds them`,
    `${shownFigure('filtered')} left out by the sink's where`,
    `${shownFigure('pending')} on their way anyhow`,
    `${shownFigure('refused')} refused, now dead letters`,
  ];
  return parts.filter((part, index) => index === 0 || !part.startsWith('0 ')).join(', ');
}

export function reasonOf(progress: JobEnd['progress']): string {
  return typeof progress['error'] === 'string' ? shown(progress['error'], 600) : 'its reason is in the log';
}

export function exitCode({ state }: JobEnd, refused: number): number {
  if (state !== 'done') return EXIT.failed;
  return refused > 0 ? EXIT.incomplete : EXIT.done;
}

export function figure(progress: JobEnd['progress'], key: string): number {
  const value = progress[key];
  return typeof value === 'number' ? value : 0;
}
