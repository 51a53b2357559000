import { liveVerdict } from '../../admin/live-verdict.ts';
import { survey } from '../../admin/survey.ts';
import type { SurveyOptions } from '../../admin/survey.ts';
import { describe } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import type { Verdict } from '../../pipeline/verdict.ts';

const LOOK_EVERY_MS = 60_000;

/**
 * Says in the log when the verdict of a running daemon changes. Only one that is seen twice in a row counts: an event that
 * is on its way for a moment is no news. Ends with `signal`.
 */
export async function logVerdict(options: SurveyOptions, log: Log, signal: AbortSignal): Promise<void> {
  let said: Verdict['verdict'] | null = null;
  let before: Verdict['verdict'] | null = null;
  while (!signal.aborted) {
    await options.clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const { verdict, summary, reasons } = liveVerdict(await survey(options));
      if (verdict === before && verdict !== said) {
        said = verdict;
        if (verdict === 'complete') log.info({ verdict }, summary);
        else log.warn({ verdict, reasons: reasons.length }, summary);
      }
      before = verdict;
    } catch (error) {
      log.warn({ error: describe(error) }, 'the verdict could not be determined; it is tried again later');
    }
  }
}
