import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FaultFront } from '../fakes/faults.ts';
import { SPLUNK_TOKEN, splunkFake } from '../fakes/splunk.ts';
import type { SplunkFake } from '../fakes/splunk.ts';
import { makeFolder, run, start, startPlatform, until } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';
import { tally } from './receivers.ts';

let folder: Folder;
let platform: SimulatedPlatform;
let splunk: SplunkFake;
let front: FaultFront;

beforeEach(async () => {
  folder = makeFolder();
  platform = await startPlatform(['--history', '2h', '--rate', '60', '--api-key', 'first-key']);
  splunk = splunkFake({ ack: false });
  front = await openFaultFront(splunk.receive, { clock: wallClock });
});
afterEach(async () => {
  await platform.stop();
  await front.close();
  folder.remove();
});

const ids = (): string[] => splunk.indexed.map((event) => event.id);

describe('a new user', () => {
  it('comes from nothing to events in Splunk with init, check --send and run', async () => {
    const env = { CLOUDQUERY_API_KEY: 'first-key', SPLUNK_HEC_TOKEN: SPLUNK_TOKEN };
    const file = join(folder.path, 'auditferry.yaml');
    const flags = [
      '--url',
      platform.url,
      '--api-key-env',
      'CLOUDQUERY_API_KEY',
      '--sink',
      'splunk_hec',
      '--sink-url',
    ];
    const more = [
      front.url.href,
      '--sink-token-env',
      'SPLUNK_HEC_TOKEN',
      '--index',
      'audit',
      '--output',
      file,
      '--yes',
    ];
    const init = await run(['init', ...flags, ...more], { env });
    expect(init.code, init.stderr + init.stdout).toBe(0);
    expect(existsSync(file)).toBe(true);
    const check = await run(['check', '-c', file, '--send'], { env });
    expect(check.code, check.stderr + check.stdout).toBe(0);
    expect(splunk.indexed).toHaveLength(1);
    const startMs = Date.now() - 1000;
    const once = await run(['run', '-c', file, '--once'], { env });
    expect(once.code, once.stderr).toBe(0);
    const wanted = await platform.ids(startMs);
    expect(wanted.length).toBeGreaterThan(3000);
    const all = [...(await platform.ids()), splunk.indexed[0]?.id ?? ''];
    expect(tally(wanted, ids(), all)).toEqual({ lost: 0, repeated: 0, strange: 0 });
  });
});

describe('rotated secrets', () => {
  it('under load lose nothing and need no restart', async () => {
    const key = folder.write('key', 'first-key\n');
    folder.write('token', `${SPLUNK_TOKEN}\n`);
    const file = folder.write(
      'auditferry.yaml',
      `state: { dir: ./state }
admin: { listen: "off" }
sources:
  platform: { type: cloudquery, url: "${platform.url}", api_key: "\${file:${key}}", start: 1d, poll_interval: 1s, rate_limit: { requests_per_second: 50 } }
sinks:
  splunk: { type: splunk_hec, url: "${front.url.href}", token: "\${file:./token}", index: audit, batch: { max_events: 100 } }
`,
    );
    const running = start(['run', '-c', file]);
    await until('the first events in Splunk', () => splunk.indexed.length > 100);
    // A new token that is not valid yet: it is tried, refused, and the old one goes on.
    folder.write('token', 'wrong-token\n');
    await until('the wrong one to be refused', () =>
      running.stderr().includes('the new value of token was refused'),
    );
    const taken = splunk.indexed.length;
    await until('the old one to go on', () => splunk.indexed.length > taken);
    folder.write('token', `${SPLUNK_TOKEN}\n`);
    await platform.set({ api_key: 'second-key' });
    splunk.token = 'second-token';
    await until('both to be refused', () => {
      const said = running.stderr();
      return said.includes('answered 401') && said.includes('code 4');
    });
    folder.write('key', 'second-key\n');
    folder.write('token', 'second-token\n');
    const rotatedMs = Date.now();
    await until('events from after the rotation', async () => {
      const fresh = new Set(ids());
      const listed = await platform.ids();
      const before = new Set(await platform.ids(rotatedMs));
      return listed.some((id) => !before.has(id) && fresh.has(id));
    });
    const wanted = await platform.ids(rotatedMs);
    await until('everything to arrive', () => tally(wanted, ids()).lost === 0);
    expect(running.child.exitCode).toBeNull();
    for (const secret of ['wrong-token', 'first-key', 'second-key', SPLUNK_TOKEN, 'second-token']) {
      expect(running.stderr()).not.toContain(secret);
    }
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    expect(tally(wanted, ids()).repeated).toBe(0);
  });
});
