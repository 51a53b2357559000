import type { Journal } from '../checkpoint/journal.ts';
import type { Finding } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import { STANDING_KINDS } from '../sources/source.ts';
import { everyFinding } from './open-findings.ts';

/** Findings that hold for a while: recorded when they begin, acknowledged automatically when they end. */
export interface Standing {
  /** Records what is new and acknowledges what ended. `findings`: all that hold now. */
  keep(findings: readonly Finding[]): Promise<void>;
  /** Logs findings of other kinds, each once: the same row or window may give one with every poll. */
  say(findings: readonly Finding[]): void;
}

const NOTE = 'by itself: it no longer holds';
/** How many are remembered as logged. */
const SAID_LIMIT = 10_000;

export function createStanding(source: string, journal: Journal, log: Log): Standing {
  /** Findings in the journal; null until those of an earlier run were looked up. */
  let recorded: Set<string> | null = null;

  const lookUp = () =>
    everyFinding(journal, { unacknowledgedOnly: true, owners: [source], kinds: STANDING_KINDS });

  const said = new Set<string>();

  return {
    say(findings) {
      for (const finding of findings) {
        if (said.has(keyOf(finding))) continue;
        if (said.size >= SAID_LIMIT) said.clear();
        said.add(keyOf(finding));
        log.warn({ finding: finding.kind }, finding.summary);
      }
    },
    async keep(findings) {
      recorded ??= new Set((await lookUp()).map(keyOf));
      const now = new Map(findings.map((finding) => [keyOf(finding), finding]));
      const begun = [...now].filter(([key]) => recorded?.has(key) === false).map(([, finding]) => finding);
      const ended = [...recorded].some((key) => !now.has(key));
      if (begun.length > 0) await journal.addFindings(source, begun);
      if (ended) {
        const gone = (await lookUp()).filter((finding) => !now.has(keyOf(finding)));
        await journal.acknowledge(
          gone.map(({ id }) => id),
          NOTE,
        );
        for (const { kind, summary } of gone)
          log.info({ finding: kind, was: summary }, 'a finding is settled');
      }
      for (const { kind, summary } of begun) log.warn({ finding: kind }, summary);
      recorded = new Set(now.keys());
    },
  };
}

function keyOf({ kind, window, eventId }: Finding): string {
  return JSON.stringify([kind, eventId ?? '', `${window?.startNs ?? ''} ${window?.endNs ?? ''}`]);
}
