import { afterEach, beforeEach, expect, it } from 'vitest';

import { createCloudquery } from '../../../src/sources/cloudquery/source.ts';
import type { Source } from '../../../src/sources/source.ts';
import { createPlatform } from '../../../src/simulator/platform.ts';
import type { Platform } from '../../../src/simulator/platform.ts';
import { createLedger } from '../../fakes/ledger.ts';
import type { Ledger } from '../../fakes/ledger.ts';
import { platformHttp } from '../../fakes/platform-http.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { sourceOptions } from '../../fakes/source-room.ts';

const MINUTE = 60_000;
const quiet = new AbortController().signal;

beforeEach(() => startSimulatedTime(Date.parse('2026-01-02T12:00:00Z')));
afterEach(() => stopSimulatedTime());

function setUp(): {
  platform: Platform;
  source: Source;
  ledger: Ledger;
  http: ReturnType<typeof platformHttp>;
} {
  const platform = createPlatform({ history: 120 * MINUTE, rate: 30, api_key: 'key', seed: 3 }, () =>
    Date.now(),
  );
  const http = platformHttp(platform);
  const options = sourceOptions({ audit_horizon: 60 * MINUTE, api: 'auto' });
  const context = {
    name: 'platform',
    warn: () => {},
    clock: simulatedClock(() => 0.5),
    forwarderVersion: '0',
  };
  return { platform, http, source: createCloudquery(options, context, http), ledger: createLedger() };
}

async function poll(
  { source, ledger }: { source: Source; ledger: Ledger },
  harvests = Infinity,
): Promise<void> {
  let left = harvests;
  for await (const harvest of source.poll(ledger, ledger.progress, quiet)) {
    ledger.commit(harvest);
    left -= 1;
    if (left === 0) return;
  }
}

it('does not take what a cut first read left over for events that were late', async () => {
  const setup = setUp();
  await elapse(poll(setup, 2));
  expect(setup.source.state().openWindows).toBeGreaterThan(0);
  await elapse(poll(setup));
  expect(setup.ledger.events.size).toBeGreaterThan(1000);
  expect(setup.source.state().overlapMs).toBe(10 * MINUTE);
});

it('asks an installation that did not answer at first for its version later', async () => {
  const setup = setUp();
  setup.platform.set({ faults: { share: 1, kinds: ['500'] } });
  await expect(elapse(poll(setup))).rejects.toMatchObject({ kind: 'transient' });
  expect(setup.source.origin().platformVersion).toBeUndefined();
  setup.platform.set({ faults: { share: 0 } });
  await elapse(poll(setup));
  expect(setup.source.origin().platformVersion).toBeDefined();
  const asked = setup.http.asked.length;
  await elapse(poll(setup));
  expect(setup.http.asked.slice(asked).some((path) => path.includes('platform-info'))).toBe(false);
});
