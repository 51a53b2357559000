import type { Journal } from '../checkpoint/journal.ts';
import type { Log } from '../model/log.ts';
import type { DaemonEnd } from '../pipeline/daemon.ts';
import { EXIT } from './exit.ts';
import { writeJson } from './report.ts';
import type { Output } from './terminal.ts';

/** What a run says at its end, and with which code: "caught up" only when it is so. */
export async function conclude(
  end: DaemonEnd,
  journal: Pick<Journal, 'deadLetterCounts' | 'prunedUndelivered' | 'size'>,
  log: Log,
  options: { readonly once?: true; readonly json?: true },
  out: Output,
): Promise<number> {
  const deadLetters = await journal.deadLetterCounts();
  const pruned = [...(await journal.prunedUndelivered())].filter(([name]) => end.undelivered.has(name));
  const undelivered = Object.fromEntries([...end.undelivered].filter(([, count]) => count > 0n));
  if (options.json === true) {
    const { headSeq } = await journal.size();
    writeJson(out, {
      journal_head: headSeq,
      interrupted: end.interrupted,
      failures: end.failures.map(({ name, error }) => ({ name, error: error.message })),
      undelivered,
      dead_letters: Object.fromEntries(deadLetters),
      pruned_before_delivery: Object.fromEntries(pruned),
    });
  }
  const shown = Object.fromEntries(Object.entries(undelivered).map(([name, count]) => [name, Number(count)]));
  if (options.once === true && end.interrupted) {
    log.warn(
      { undelivered: shown },
      'interrupted before everything was read and delivered; nothing is lost, the next run goes on from here',
    );
    return EXIT.failed;
  }
  if (end.failures.length > 0) return EXIT.failed;
  if (options.once !== true) {
    log.info({ undelivered: shown }, 'stopped; everything is saved');
    return EXIT.done;
  }
  const dead = [...deadLetters.values()].reduce((sum, count) => sum + count, 0);
  const flaws = [
    ...(dead > 0 ? ['dead letters are left'] : []),
    ...(pruned.length > 0 ? ['events left the journal before a sink had them'] : []),
  ];
  log.info(
    {
      dead_letters: dead,
      ...(pruned.length > 0 ? { pruned_before_delivery: Object.fromEntries(pruned) } : {}),
    },
    flaws.length === 0 ? 'caught up; every sink has every event' : `caught up, but ${flaws.join(', and ')}`,
  );
  return flaws.length === 0 ? EXIT.done : EXIT.incomplete;
}
