import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';
import { openReceivers, RECEIVER_ENVIRONMENT, tally } from './receivers.ts';
import type { Receivers } from './receivers.ts';

const KILLS = 10;
/** Drawn once and written down, so that a run can be repeated: how many more requests receivers get before each kill. */
const REQUESTS_BEFORE_KILL = [1, 7, 3, 12, 2, 20, 5, 9, 4, 15];

let folder: Folder;
let platform: SimulatedPlatform | null = null;
let receivers: Receivers | null = null;

beforeEach(() => {
  folder = makeFolder();
});
afterEach(async () => {
  await platform?.stop();
  await receivers?.close();
  folder.remove();
});

it(`loses nothing over ${KILLS} kills, and Elasticsearch holds no id twice`, async () => {
  const flags = [
    '--history',
    '2d',
    '--rate',
    '8',
    '--burst-every',
    '6h',
    '--burst-rows',
    '1500',
    '--live-users',
  ];
  platform = await startPlatform(flags);
  const opened = await openReceivers(folder);
  receivers = opened;
  const file = folder.write(
    'auditferry.yaml',
    `
state: { dir: ./state }
admin: { listen: "off" }
sources:
  platform:
    type: cloudquery
    url: ${platform.url}
    api_key: "\${PLATFORM_KEY}"
    start: 3d # longer than the history, or its first seconds would be before the start
    poll_interval: 1s
    rate_limit: { requests_per_second: 50, concurrent: 2 }
${opened.sinks()}`,
  );
  const received = (): number =>
    opened.elasticFront.requests.length + opened.splunkFront.requests.length + opened.syslog.connections();
  const heldAtKill: number[] = [];
  for (const more of REQUESTS_BEFORE_KILL) {
    const before = received();
    const running = start(['run', '-c', file], { env: RECEIVER_ENVIRONMENT });
    await until(
      'the receivers to be busy',
      () => received() >= before + more || running.child.exitCode !== null,
    );
    expect(running.child.exitCode, running.stderr().slice(-1000)).toBeNull();
    running.child.kill('SIGKILL');
    await running.ended;
    heldAtKill.push(opened.elastic.ids().length);
  }
  // The kills must have come in the middle of the work, or they prove nothing.
  expect(new Set(heldAtKill).size).toBeGreaterThan(3);
  await platform.endStream();
  const last = await run(['run', '-c', file, '--once'], { env: RECEIVER_ENVIRONMENT });
  expect(last.code, last.stderr.slice(-2000)).toBe(0);
  const wanted = await platform.ids();
  expect(wanted.length).toBeGreaterThan(20_000);
  const got = opened.ids();
  expect(tally(wanted, got.elastic)).toEqual({ lost: 0, repeated: 0, strange: 0 });
  for (const ids of [got.file, got.splunk, got.syslog])
    expect(tally(wanted, ids)).toMatchObject({ lost: 0, strange: 0 });
});
