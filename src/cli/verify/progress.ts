import type { VerifyStep } from '../../pipeline/verify.ts';
import { progressLine } from '../jobs/carry-out.ts';
import type { Terminal } from '../terminal.ts';

/** Shorter verifications say nothing, longer ones a line this often. */
const TELL_EVERY_MS = 3_000;

/** Says on the error output how far each comparison has come: its rate and the time left count from where it began. */
export function verifyProgress({ clock, err }: Pick<Terminal, 'clock' | 'err'>): (step: VerifyStep) => void {
  let toldMs = clock.monotonic();
  let name: string | null = null;
  let begunMs = toldMs;
  return (step) => {
    const nowMs = clock.monotonic();
    if (step.name !== name) begunMs = nowMs;
    name = step.name;
    if (nowMs - toldMs < TELL_EVERY_MS) return;
    toldMs = nowMs;
    const share = step.of === 0 ? 1 : Math.min(step.done / step.of, 1);
    err.write(`${name}: ${progressLine(share, step.done, nowMs - begunMs)}\n`);
  };
}
