import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Config } from '../../config/config.ts';
import { formatSize } from '../../model/units.ts';
import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { checkDatabase } from './database.ts';
import { holderOf } from '../holder.ts';
import { hasJournal, openGuestJournal } from '../session.ts';
import { count } from '../report.ts';
import type { Terminal } from '../terminal.ts';

/** With less than this free, the journal cannot even grow by a few large harvests. Bytes. */
const FREE_LEAST_BYTES = 64 * 2 ** 20;
/** A clock before this program was written, or far after it, is a clock that was never set. Milliseconds since 1970. */
const CLOCK_LEAST_MS = Date.UTC(2025, 0, 1);
const CLOCK_MOST_MS = Date.UTC(2100, 0, 1);
/** Events received later than now by more than this mean that the clock was turned back. Milliseconds. */
const CLOCK_BACK_MS = 5_000;

/** The database, or the state directory: is it there, may we write, whose is it, what does it hold, and is there room for it to grow. */
export async function checkState(config: Config, terminal: Terminal): Promise<readonly CheckItem[]> {
  const { type, dir } = config.state;
  if (type === 'postgres') return checkDatabase(config, terminal);
  const writable = checkWritable(dir);
  if (writable.outcome === 'fail') return [writable];
  const journal = await checkJournal(config, terminal);
  return [writable, ...journal.items, await checkSpace(config, journal.usedBytes)];
}

/** This machine's clock by itself; how far it is from the Platform's is an item of each source. */
export async function checkClock(config: Config, terminal: Terminal): Promise<readonly CheckItem[]> {
  const nowMs = terminal.clock.now();
  const now = new Date(nowMs).toISOString();
  const hint = 'set the clock of this machine, and keep it synchronized (NTP)';
  if (nowMs < CLOCK_LEAST_MS || nowMs > CLOCK_MOST_MS) {
    return [{ name: 'time', outcome: 'fail', finding: `this machine believes it is ${now}`, hint }];
  }
  const newest = await newestReceipt(config, terminal);
  if (newest !== null && Date.parse(newest) > nowMs + CLOCK_BACK_MS) {
    const finding = `this machine believes it is ${now}, but an event was received at ${newest}: the clock was turned back`;
    return [{ name: 'time', outcome: 'warn', finding, hint }];
  }
  return [{ name: 'time', outcome: 'ok', finding: `${now} on this machine` }];
}

function checkWritable(dir: string): CheckItem {
  const name = 'directory';
  const made = existsSync(dir);
  const place = made ? dir : nearestParent(dir);
  try {
    if (!statSync(place).isDirectory()) throw new Error(`${place} is not a directory`);
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
    if (made) tryWriting(dir);
  } catch (error) {
    return {
      name,
      outcome: 'fail',
      finding: `${dir} cannot be used: ${describe(error)}`,
      hint: 'give state.dir a directory that this user may read and write',
    };
  }
  if (!made) return { name, outcome: 'ok', finding: `${dir} is not there yet; the first run makes it` };
  const holder = holderOf(dir);
  const whose = holder === null ? 'no daemon runs on it' : `a daemon runs on it (${holder})`;
  return { name, outcome: 'ok', finding: `${dir} is writable; ${whose}` };
}

/** For real: a full or read-only file system shows only when something is written. */
function tryWriting(dir: string): void {
  const path = join(dir, `.check-${process.pid}`);
  try {
    writeFileSync(path, 'written by auditferry check, and removed at once\n', { mode: 0o600, flush: true });
  } finally {
    rmSync(path, { force: true });
  }
}

function nearestParent(dir: string): string {
  const parent = dirname(dir);
  return existsSync(parent) || parent === dir ? parent : nearestParent(parent);
}

async function checkJournal(
  config: Config,
  terminal: Terminal,
): Promise<{ readonly items: readonly CheckItem[]; readonly usedBytes: number }> {
  const name = 'journal';
  const { max_size: maxBytes } = config.state;
  if (!hasJournal(config.state)) {
    return { items: [{ name, outcome: 'ok', finding: 'none yet; the first run makes it' }], usedBytes: 0 };
  }
  try {
    const journal = await openGuestJournal(config, terminal);
    try {
      const { usedBytes, events } = await journal.size();
      const finding = `${count(events, 'event')}, ${formatSize(usedBytes)} of ${formatSize(maxBytes)}`;
      if (usedBytes < maxBytes) return { items: [{ name, outcome: 'ok', finding }], usedBytes };
      const hint =
        'fix the sink that is behind, or raise state.max_size; the Platform keeps the events meanwhile';
      const full = { name, outcome: 'warn', finding: `full: ${finding}; polling waits`, hint } as const;
      return { items: [full], usedBytes };
    } finally {
      await journal.close();
    }
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { items: [{ name, outcome: 'fail', finding: describe(error), ...hint }], usedBytes: 0 };
  }
}

async function checkSpace(config: Config, usedBytes: number): Promise<CheckItem> {
  const name = 'disk space';
  const { dir, max_size: maxBytes } = config.state;
  const { bavail, bsize } = await statfs(existsSync(dir) ? dir : nearestParent(dir));
  const freeBytes = bavail * bsize;
  const growthBytes = Math.max(maxBytes - usedBytes, 0);
  const finding = `${formatSize(freeBytes)} free; the journal may still grow by ${formatSize(growthBytes)}`;
  const hint = 'free space on that file system, lower state.max_size, or move state.dir';
  if (freeBytes < FREE_LEAST_BYTES) return { name, outcome: 'fail', finding, hint };
  return freeBytes < growthBytes
    ? { name, outcome: 'warn', finding, hint }
    : { name, outcome: 'ok', finding };
}

async function newestReceipt(config: Config, terminal: Terminal): Promise<string | null> {
  if (!hasJournal(config.state)) return null;
  try {
    const journal = await openGuestJournal(config, terminal);
    try {
      return (await journal.newest(1))[0]?.receivedAt ?? null;
    } finally {
      await journal.close();
    }
  } catch {
    return null; // what is wrong with the journal is an item of its own
  }
}
