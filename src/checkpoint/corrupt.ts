import { ForwardError } from '../model/errors.ts';

export const RESTORE_HINT =
  'stop, keep a copy of the state directory, and put back a backup of journal.db (docs/journal.md); ' +
  'what came after the backup is read from the Platform again and sinks may receive repeats';

const REPAIR_HINT =
  'stop the daemon and run `auditferry journal repair`, which recovers the intact part and has the rest read again; or put back a backup of ' +
  'journal.db (docs/journal.md). Sinks may receive repeats';

/** The content of the journal fails its checks. */
export function corrupt(message: string, cause?: unknown): ForwardError {
  return new ForwardError('corrupt', message, { cause, hint: REPAIR_HINT });
}
