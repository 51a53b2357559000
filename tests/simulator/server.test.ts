import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';

import { Command } from 'commander';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { registerSimulate } from '../../src/cli/simulate.ts';
import { openHttpClient } from '../../src/net/http.ts';
import type { SimulatorPatch } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { RunningSimulator } from '../../src/simulator/server.ts';
import { switches } from '../../src/simulator/switches.ts';
import { testClock } from '../contract/clock.ts';

const running: RunningSimulator[] = [];
const client = openHttpClient();

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.close();
});

async function start(patch: SimulatorPatch = {}, clock = testClock()): Promise<RunningSimulator> {
  const simulator = await startSimulator({ listen: '127.0.0.1:0', history: 600_000, ...patch }, clock);
  running.push(simulator);
  return simulator;
}

function get(url: string, timeoutMs = 5000) {
  const headers = { authorization: 'Bearer demo-key' };
  const request = {
    method: 'GET' as const,
    url: new URL(url),
    headers,
    timeoutMs,
    maxResponseBytes: 10_000_000,
  };
  return client.exchange(request, AbortSignal.timeout(10_000));
}

describe('over a socket', () => {
  test('serves the API with its own Date', async () => {
    const { url } = await start({ clock_skew: -3_600_000 });
    const answer = await get(`${url}/api/audit-logs?per_page=5&start_time=2026-01-02T01%3A00%3A00Z`);
    expect(answer.status).toBe(200);
    expect(answer.headers['date']).toBe('Fri, 02 Jan 2026 03:00:00 GMT');
    expect((JSON.parse(answer.body.toString()) as { items: unknown[] }).items.length).toBe(5);
  });

  test('waits its latency before each answer', async () => {
    const clock = testClock();
    const { url } = await start({ latency: 250 }, clock);
    await get(`${url}/api/healthcheck`);
    expect(clock.slept).toEqual([250]);
  });

  test('slow answers arrive whole, in parts', async () => {
    const clock = testClock();
    const { url } = await start({ faults: { share: 1, kinds: ['slow'] } }, clock);
    const answer = await get(`${url}/api/audit-logs`);
    expect(() => JSON.parse(answer.body.toString()) as unknown).not.toThrow();
    expect(clock.slept.length).toBe(10);
  });

  test.each(['reset', 'truncate', 'hang'] as const)(
    '%s leaves the client without a whole answer',
    async (kind) => {
      const { url } = await start({ faults: { share: 1, kinds: [kind] } });
      await expect(get(`${url}/api/audit-logs`)).rejects.toMatchObject({ kind: 'transient' });
    },
  );

  test('closing cuts an answer that hangs', async () => {
    const stuck = { ...testClock(), sleep: (_ms: number, signal?: AbortSignal) => endless(signal) };
    const simulator = await start({ faults: { share: 1, kinds: ['hang'] } }, { ...testClock(), ...stuck });
    const socket = connect(Number(new URL(simulator.url).port), '127.0.0.1');
    socket.write('GET /api/healthcheck HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'connect');
    const closed = new Promise((done) => socket.on('close', done).on('error', () => undefined));
    await simulator.close();
    running.pop();
    await closed;
  });

  test('an address that cannot be used is told', async () => {
    const { url } = await start();
    await expect(startSimulator({ listen: url.slice('http://'.length) })).rejects.toMatchObject({
      kind: 'config',
    });
    await expect(startSimulator({ listen: 'nowhere' })).rejects.toThrow(/cannot listen on nowhere/);
  });
});

async function endless(signal?: AbortSignal): Promise<void> {
  await new Promise((_done, failed) => signal?.addEventListener('abort', failed));
}

describe('the control paths', () => {
  test('list what is visible, one item per line', async () => {
    const { url, platform } = await start();
    const answer = await get(`${url}/_simulator/events`);
    const lines = answer.body
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual(
      platform.visibleEvents().map(({ id, createdAt }) => ({ id, created_at: createdAt })),
    );
  });

  test('change switches, and refuse what is none', async () => {
    const { url, platform } = await start();
    const set = (body: string, headers: Record<string, string> = {}) =>
      fetch(`${url}/_simulator/set`, { method: 'POST', body, headers });
    expect((await set('{"order":"desc","late":{"share":0.25}}')).status).toBe(200);
    expect(platform.options()).toMatchObject({ order: 'desc', late: { share: 0.25 } });
    expect((await set('{"__proto__":{"rate":1}}')).status).toBe(400);
    expect((await set('not json')).status).toBe(400);
    expect((await set(`{"listen":"${'x'.repeat(70_000)}"}`)).status).toBe(400);
    expect((await set('{"order":"asc"}', { origin: 'https://elsewhere.example' })).status).toBe(403);
    expect(platform.options().order).toBe('desc');
    expect((await get(`${url}/_simulator/other`)).status).toBe(404);
  });
});

describe('the command', () => {
  async function run(args: readonly string[]): Promise<string> {
    const written: string[] = [];
    // The signal is sent once the command waits for it: one turn after its output.
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      setImmediate(() => process.emit('SIGTERM'));
      return true;
    });
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
    registerSimulate(program);
    try {
      await program.parseAsync(['simulate', '--listen', '127.0.0.1:0', '--history', '10m', ...args], {
        from: 'user',
      });
    } finally {
      write.mockRestore();
    }
    return written.join('');
  }

  test('prints the address, the key and a configuration, and ends on a signal', async () => {
    const text = await run(['--api-key', 'another-key']);
    expect(text).toMatch(
      /^Simulated Platform \(API v2\) on http:\/\/127\.0\.0\.1:\d+\/api with [\d,]+ events/,
    );
    expect(text).toMatch(/type: cloudquery\n {4}url: http:\/\/127\.0\.0\.1:\d+\n {4}api_key: "another-key"/);
  });

  test('has a flag for each switch', async () => {
    const flags = '--api v1 --late-share 0.5 --late-up-to 2h --burst-every 10m --no-totals --end-exclusive';
    const more =
      '--clock-skew=-5m --details-bytes 2KiB --faults-kinds 500,reset --order random --seed 7 --json';
    const { options } = JSON.parse(await run([...flags.split(' '), ...more.split(' ')])) as {
      options: object;
    };
    expect(options).toMatchObject({
      api: 'v1',
      late: { share: 0.5, up_to: 7_200_000 },
      burst: { every: 600_000, rows: 2500 },
      totals: false,
      last_page: true,
      end_exclusive: true,
      clock_skew: -300_000,
      details_bytes: 2048,
      faults: { share: 0, kinds: ['500', 'reset'] },
      order: 'random',
      seed: 7,
      history: 600_000,
    });
  });

  test.each([
    '--late-share 2',
    '--history soon',
    '--order up',
    '--rate much',
    '--faults-kinds fire',
    '--since noon',
  ])('refuses %s', async (flags) => {
    await expect(run(flags.split(' '))).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });
});

test('the page about the simulator names every switch', () => {
  const page = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
  expect(switches.filter(({ path }) => !page.includes(`| \`${path}\` `)).map(({ path }) => path)).toEqual([]);
});
