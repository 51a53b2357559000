import { until } from '../e2e/program.ts';
import type { Claim, ReplicaProcess, Rig } from './replica-rig.ts';

export const FAULTS = [
  'SIGTERM',
  'kill -9',
  'machine gone',
  'SIGSTOP',
  'connections cut',
  'network frozen',
  'database restarted',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Of these nobody need take over: the holder may be back before its lease ends. */
export const WITHOUT_TAKEOVER: readonly Fault[] = ['connections cut', 'database restarted'];

/** Does it to the holder of a duty, or to the database; resolves once it is done. */
export async function inflict(fault: Fault, { holder }: Claim, { server }: Rig): Promise<void> {
  const { child } = holder.running;
  switch (fault) {
    case 'SIGTERM':
    case 'SIGSTOP':
      child.kill(fault);
      return;
    case 'kill -9':
      child.kill('SIGKILL');
      return;
    case 'machine gone':
      holder.line.hideEnds();
      child.kill('SIGKILL');
      return;
    case 'connections cut':
      holder.line.cut();
      return;
    case 'network frozen':
      holder.line.freeze();
      return;
    case 'database restarted':
      await server.halt('immediate');
      await server.start();
  }
}

/** Puts everything in order again; what was frozen goes on where it was. */
export async function mend(fault: Fault, { holder }: Claim, rig: Rig): Promise<void> {
  if (fault === 'SIGSTOP') holder.running.child.kill('SIGCONT');
  holder.line.thaw();
  if (fault === 'SIGTERM' || fault === 'kill -9' || fault === 'machine gone') await rig.again(holder);
  for (const one of rig.replicas) assertRuns(one, fault);
  await until(
    `three replicas that hold everything after ${fault}`,
    async () => {
      const found = (await rig.statusOf(holder))?.replicas.filter(({ alive }) => alive) ?? [];
      return found.length === 3 && new Set(found.flatMap(({ duties }) => duties)).size >= 6;
    },
    120_000,
  );
}

function assertRuns({ index, running }: ReplicaProcess, fault: Fault): void {
  if (running.child.exitCode === null && running.child.signalCode === null) return;
  throw new Error(`replica ${index} ended after ${fault}: ${running.stderr().slice(-2000)}`);
}
