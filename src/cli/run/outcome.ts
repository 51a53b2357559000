import { lettersDocument, shortfallDocuments } from '../../admin/document.ts';
import { liveVerdict } from '../../admin/live-verdict.ts';
import { survey } from '../../admin/survey.ts';
import type { SurveyOptions } from '../../admin/survey.ts';
import type { Log } from '../../model/log.ts';
import type { DaemonEnd } from '../../pipeline/daemon.ts';
import { EXIT } from '../exit.ts';
import { writeJson } from '../report.ts';
import type { Output } from '../terminal.ts';

/** What a run says at its end, and with which code: that it caught up, and beside it where everything is. */
export async function conclude(
  end: DaemonEnd,
  options: { readonly once?: true; readonly json?: true },
  looking: SurveyOptions,
  log: Log,
  out: Output,
): Promise<number> {
  const seen = await survey(looking);
  // The sinks may have worked for hours after the last poll: an end is judged by what was to be done, not by its age.
  const now = liveVerdict(seen, Infinity);
  const { verdict, summary } = now;
  const sinks = shortfallDocuments(now);
  const undelivered = Object.fromEntries(
    Object.entries(sinks).flatMap(([name, { waiting }]) => (waiting > 0 ? [[name, waiting] as const] : [])),
  );
  const deadLetters = lettersDocument(seen);
  if (options.json === true) {
    writeJson(out, {
      verdict,
      summary,
      journal_head: seen.size.headSeq,
      interrupted: end.interrupted,
      failures: end.failures.map(({ name, error }) => ({ name, error: error.message })),
      undelivered,
      dead_letters: deadLetters,
      sinks,
    });
  }
  const fields = { verdict, undelivered, dead_letters: deadLetters };
  if (options.once === true && end.interrupted) {
    log.warn(
      fields,
      `interrupted before everything was read and delivered; nothing is lost, the next run continues from here. ${summary}`,
    );
    return EXIT.failed;
  }
  if (options.once !== true) {
    if (end.failures.length === 0) log.info(fields, `stopped; everything is saved. ${summary}`);
    return end.failures.length === 0 ? EXIT.done : EXIT.failed;
  }
  if (end.failures.length > 0) {
    log.warn(fields, `ended without finishing; the next run continues from here. ${summary}`);
    return EXIT.failed;
  }
  if (verdict === 'complete') {
    log.info(fields, `caught up; every sink has every event. ${summary}`);
    return EXIT.done;
  }
  log.warn(fields, `caught up, but not everything is where it should be. ${summary}`);
  return EXIT.incomplete;
}
