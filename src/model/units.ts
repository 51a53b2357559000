/** Durations and sizes as people write them in the configuration and on the command line. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A hundred years: anything longer is a slip of the pen, and timers and dates stay exact below it. */
const DURATION_LIMIT_MS = 36_525 * 86_400_000;

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Milliseconds of a duration with units: `250ms`, `15s`, `10m`, `24h`, `30d`, `2w`, or several of them from large to
 * small, `1h30m`. A fraction is taken (`1.5h`). Null for anything else, also for a number without a unit.
 */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (!/^(?:\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h|d|w))+$/.test(trimmed)) return null;
  let total = 0;
  let previous = Infinity;
  for (const [, figure, unit] of trimmed.matchAll(/([\d.]+)([a-z]+)/g)) {
    const unitMs = UNIT_MS[unit ?? ''] ?? 0;
    if (unitMs >= previous) return null;
    previous = unitMs;
    total += Number(figure) * unitMs;
  }
  const ms = Math.round(total);
  return ms <= DURATION_LIMIT_MS ? ms : null;
}

/** Bytes of a size: `512KiB`, `1MiB`, `2GiB` (powers of 1024), `5MB` (of 1000), or a plain number of bytes. Null otherwise. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]i?B|B)?$/i.exec(text.trim());
  if (match === null) return null;
  const [, figure, unit = ''] = match;
  const bytes = Math.round(Number(figure) * (UNIT_BYTES[unit.toLowerCase()] ?? NaN));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The shortest text that parseDuration reads back as the same whole number of milliseconds: `1h30m`, `7d`, `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const unitMs = UNIT_MS[unit] ?? 1;
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}

/** `512KiB`, `2GiB`; one decimal where the size is no whole number of units: for people, not to be read back. */
export function formatSize(bytes: number): string {
  const whole = Math.max(0, Math.round(bytes));
  for (const [unit, unitBytes] of [
    ['TiB', 2 ** 40],
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (whole < unitBytes) continue;
    return `${Number((whole / unitBytes).toFixed(1))}${unit}`;
  }
  return `${whole}B`;
}
