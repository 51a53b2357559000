import { readdirSync, readFileSync } from 'node:fs';

/** Processor time that a process has used, user and system. Hundredths of a second. */
export function cpuTicks(pid: number): number {
  const fields = fieldsOf(pid);
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** The same of a process with its children, those that ended included. */
export function treeTicks(pid: number): number {
  const children = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && parentOf(Number(name)) === pid,
  );
  const own = fieldsOf(pid).slice(11, 15).map(Number);
  return [...own, ...children.map((child) => cpuTicks(Number(child)))].reduce((sum, one) => sum + one, 0);
}

/** 0 for one that is gone. */
export function parentOf(pid: number): number {
  return Number(fieldsOf(pid)[1] ?? 0);
}

function fieldsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  } catch {
    return []; // it ended meanwhile
  }
}

const NS_PER_MS = 1_000_000;

/** Processor time that the threads of a process have used, user and system. Milliseconds, to a fraction. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, one) => sum + one, 0) / NS_PER_MS;
}

/** Memory that a process has now, MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
