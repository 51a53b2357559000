import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { StatusDocument } from '../../src/admin/document.ts';
import { makeFolder, start, startPlatform, until } from '../e2e/program.ts';
import type { Folder, Running, SimulatedPlatform } from '../e2e/program.ts';
import { openReceivers, RECEIVER_ENVIRONMENT, tally } from '../e2e/receivers.ts';
import type { Receivers } from '../e2e/receivers.ts';
import { startPostgresql } from './postgresql.ts';
import type { Postgresql } from './postgresql.ts';
import { freePorts } from './processes.ts';
import { available } from './receivers.ts';

const LEASE_S = 4;
/** What a takeover may take beyond the lease on a machine that does much else. Milliseconds. */
const SLACK_MS = 10_000;
const SINK = 'sink:elastic';

interface ReplicaProcess {
  readonly index: number;
  readonly port: number;
  running: Running;
}

describe.runIf(available('postgresql'))('three replicas of the program over one PostgreSQL', () => {
  let server: Postgresql;
  let folder: Folder;
  let platform: SimulatedPlatform;
  let receivers: Receivers;
  const replicas: ReplicaProcess[] = [];
  const figures: string[] = [];

  beforeAll(async () => {
    folder = makeFolder();
    server = await startPostgresql(['max_connections = 60']);
    platform = await startPlatform(['--history', '5m', '--rate', '300', '--live-users']);
    receivers = await openReceivers(folder);
    const ports = await freePorts('one', 'two', 'three');
    for (const [index, port] of Object.values(ports).entries())
      replicas.push({ index, port, running: begin(index, port) });
    for (const { port } of replicas) await until('the listener', async () => (await statusOf(port)) !== null);
  });
  afterAll(async () => {
    process.stderr.write(`${figures.join('\n')}\n`);
    if (process.env['SHOW'] === '1')
      for (const { running } of replicas) process.stderr.write(running.stderr());
    for (const { running } of replicas) {
      running.child.kill('SIGCONT');
      running.child.kill('SIGKILL');
      await running.ended;
    }
    await platform.stop();
    await receivers.close();
    await server.stop();
    folder.remove();
  });

  function begin(index: number, port: number): Running {
    const sinks = receivers.sinks.replace(/^ {2}file:.*\n/m, '');
    const file = folder.write(
      `replica-${index}.yaml`,
      `
state: { type: postgres, url: "\${STATE_URL}", lease: ${LEASE_S}s }
admin: { listen: "127.0.0.1:${port}" }
sources:
  platform:
    type: cloudquery
    url: ${platform.url}
    api_key: "\${PLATFORM_KEY}"
    start: 15m
    poll_interval: 1s
    rate_limit: { requests_per_second: 50, concurrent: 2 }
${sinks}`,
    );
    return start(['run', '-c', file], { env: { ...RECEIVER_ENVIRONMENT, STATE_URL: server.url } });
  }

  async function statusOf(port: number): Promise<StatusDocument | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/api/status`, {
        signal: AbortSignal.timeout(5_000),
      });
      return answer.ok ? ((await answer.json()) as StatusDocument) : null;
    } catch {
      return null; // it is not there, or frozen
    }
  }

  /** Events that Elasticsearch lacks, of those that the Platform shows. */
  async function lagOf(): Promise<number> {
    return (await platform.ids()).length - receivers.elastic.ids().length;
  }

  const pidOf = ({ running }: ReplicaProcess): number => running.child.pid ?? 0;

  /** The replica that has a duty, as a replica that answers says. */
  async function holderOf(duty: string): Promise<ReplicaProcess> {
    let found: ReplicaProcess | undefined;
    await until(
      `somebody to have ${duty}`,
      async () => {
        const answers = await Promise.all(replicas.map(({ port }) => statusOf(port)));
        const all = answers.find((one) => one !== null)?.replicas ?? [];
        const name = all.find(({ alive, duties }) => alive && duties.includes(duty))?.name;
        found = replicas.find((one) => name?.endsWith(`/${pidOf(one)}`));
        return found !== undefined;
      },
      60_000,
    );
    if (found === undefined) throw new Error('nobody has it');
    return found;
  }

  /** How long it takes until Elasticsearch gets an event again, by somebody else. Milliseconds. */
  async function takeover(
    duty: string,
    end: (holder: ReplicaProcess) => void,
  ): Promise<{ ms: number; holder: ReplicaProcess }> {
    await until('nothing to wait', async () => (await lagOf()) < 60, 180_000);
    const holder = await holderOf(duty);
    const sinceMs = performance.now();
    end(holder);
    let held = receivers.elastic.ids().length;
    // What was on its way may still arrive; what comes after that is the successor's.
    await until('the last request to end', () => {
      const now = receivers.elastic.ids().length;
      const quiet = now === held && performance.now() - sinceMs > 300;
      held = now;
      return quiet;
    });
    await until('the successor', () => receivers.elastic.ids().length > held, 60_000);
    return { ms: Math.round(performance.now() - sinceMs), holder };
  }

  const again = async (one: ReplicaProcess): Promise<void> => {
    await one.running.ended;
    one.running = begin(one.index, one.port);
    await until('the listener', async () => (await statusOf(one.port)) !== null);
  };

  it('shares the work, and each of them is ready', async () => {
    await until(
      'each to do something',
      async () => {
        const document = await statusOf(replicas[0]?.port ?? 0);
        const alive = (document?.replicas ?? []).filter((one) => one.alive);
        return alive.length === 3 && alive.every(({ duties }) => duties.length > 0);
      },
      60_000,
    );
    await until('Elasticsearch to have something', () => receivers.elastic.ids().length > 100);
    for (const { port } of replicas) {
      await until('each to be ready', async () => (await statusOf(port))?.ready.ok === true, 90_000);
      const document = await statusOf(port);
      expect(document?.replicas.every((one) => one.same_configuration)).toBe(true);
      expect(document?.ready.notes.map(({ text }) => text).join()).toContain('3 replicas over one journal');
    }
    const metrics = await (await fetch(`http://127.0.0.1:${replicas[0]?.port}/metrics`)).text();
    expect(metrics).toContain('auditferry_replicas 3');
  });

  it.each([SINK, 'source:platform'])('takes %s over from one that was killed', async (duty) => {
    const { ms, holder } = await takeover(duty, ({ running }) => running.child.kill('SIGKILL'));
    figures.push(
      `replicas: ${duty}: first event ${ms} ms after kill -9 of its holder, with a lease of ${LEASE_S} s`,
    );
    expect(ms).toBeLessThan(LEASE_S * 1000 + SLACK_MS);
    await again(holder);
  });

  it('takes over at once from one that is stopped in good order', async () => {
    const { ms, holder } = await takeover(SINK, ({ running }) => running.child.kill('SIGTERM'));
    figures.push(`replicas: ${SINK}: first event ${ms} ms after SIGTERM of its holder`);
    expect(ms).toBeLessThan(SLACK_MS);
    await again(holder);
    expect(holder.running.child.exitCode).toBeNull();
  });

  it('takes over from one that is frozen, which changes nothing when it wakes', async () => {
    const { ms, holder } = await takeover(SINK, ({ running }) => running.child.kill('SIGSTOP'));
    figures.push(`replicas: ${SINK}: first event ${ms} ms after SIGSTOP of its holder`);
    holder.running.child.kill('SIGCONT');
    await until('the one that was frozen to be ready again', async () => {
      const document = await statusOf(holder.port);
      return document?.ready.ok === true && document.replicas.some(({ self, alive }) => self && alive);
    });
    expect(holder.running.child.exitCode, holder.running.stderr().slice(-2000)).toBeNull();
  });

  it('goes on by itself after the database was restarted', async () => {
    await server.halt();
    const sinceMs = performance.now();
    await server.start();
    const held = receivers.elastic.ids().length;
    await until('events to flow again', () => receivers.elastic.ids().length > held, 90_000);
    figures.push(
      `replicas: first event ${Math.round(performance.now() - sinceMs)} ms after the database was stopped`,
    );
    for (const one of replicas)
      expect(one.running.child.exitCode, one.running.stderr().slice(-2000)).toBeNull();
  });

  it('has lost nothing, and Elasticsearch holds no id twice', async () => {
    await platform.set({ rate: 0 });
    const nextMinute = Date.now() + 62_000;
    await until('the stream to end', () => Date.now() > nextMinute, 90_000);
    const wanted = await platform.ids();
    const all = (ids: readonly string[]): boolean => new Set(ids).size >= wanted.length;
    await until('everything to arrive', () => Object.values(received()).every(all), 120_000);
    const { elastic, splunk, syslog } = received();
    expect(tally(wanted, elastic)).toEqual({ lost: 0, repeated: 0, strange: 0 });
    for (const [name, ids] of Object.entries({ splunk, syslog })) {
      const found = tally(wanted, ids);
      figures.push(
        `replicas: ${name}: ${wanted.length} events, ${found.lost} lost, ${found.repeated} repeated`,
      );
      expect(found).toMatchObject({ lost: 0, strange: 0 });
    }
    figures.push(`replicas: elastic: ${wanted.length} events, 0 lost, 0 repeated`);
  });

  function received(): Record<'elastic' | 'splunk' | 'syslog', readonly string[]> {
    const { elastic, splunk, syslog } = receivers.ids();
    return { elastic, splunk, syslog };
  }
});
