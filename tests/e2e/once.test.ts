import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { makeFolder, run, startPlatform } from './program.ts';
import type { Folder, SimulatedPlatform } from './program.ts';
import { openReceivers, readNdjsonIds, RECEIVER_ENVIRONMENT, tally } from './receivers.ts';
import type { Receivers } from './receivers.ts';

// About 100,000 events in a day: a steady stream, bursts of 40 rows a millisecond, and one instant with 1,300 rows. The
// history is fixed; what the Platform lists from before the start of the run is what every sink must hold.
const YESTERDAY = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 - 2 * 86_400_000).toISOString();
const HUNDRED_THOUSAND = [
  ['--since', YESTERDAY],
  ['--rate', '20'],
  ['--burst-every', '2h'],
  ['--burst-rows', '2000'],
  ['--burst-rows-per-ms', '40'],
  ['--instant-at', new Date(Date.parse(YESTERDAY) + 5 * 3_600_000 + 1234).toISOString()],
  ['--instant-rows', '1300'],
].flat();

let folder: Folder;
let platform: SimulatedPlatform | null = null;
let receivers: Receivers | null = null;

beforeEach(() => {
  folder = makeFolder();
});
afterEach(async () => {
  await platform?.stop();
  await receivers?.close();
  platform = null;
  receivers = null;
  folder.remove();
});

function configuration(url: string, sinks: string): string {
  return `
state: { dir: ./state }
admin: { listen: "off" }
log: { format: json }
sources:
  platform:
    type: cloudquery
    url: ${url}
    api_key: "\${PLATFORM_KEY}"
    start: 30d
    rate_limit: { requests_per_second: 100, concurrent: 2 }
${sinks}`;
}

describe('run --once carries every event exactly once', () => {
  it('into four sinks', async () => {
    platform = await startPlatform([...HUNDRED_THOUSAND, '--order', 'shuffled_ties']);
    await platform.set({ rate: 0, burst: { every: 0 } });
    receivers = await openReceivers(folder);
    const file = folder.write('auditferry.yaml', configuration(platform.url, receivers.sinks()));
    const startMs = Math.floor(Date.now() / 1000) * 1000;
    const result = await run(['run', '-c', file, '--once', '--json'], { env: RECEIVER_ENVIRONMENT });
    expect(result.code, result.stderr.slice(-2000)).toBe(0);
    const wanted = await platform.ids(startMs);
    const all = await platform.ids();
    expect(wanted.length).toBeGreaterThan(80_000);
    const none = { lost: 0, repeated: 0, strange: 0 };
    const got = receivers.ids();
    expect({
      file: tally(wanted, got.file, all),
      elastic: tally(wanted, got.elastic, all),
      splunk: tally(wanted, got.splunk, all),
      syslog: tally(wanted, got.syslog, all),
    }).toEqual({ file: none, elastic: none, splunk: none, syslog: none });
    expect({ splunk: receivers.splunk.faults, syslog: receivers.syslog.problems }).toEqual({
      splunk: [],
      syslog: [],
    });
    expect(JSON.parse(result.stdout)).toMatchObject({ failures: [], dead_letters: {}, undelivered: {} });
  });

  it.each([
    ['ascending', ['--order', 'asc']],
    ['descending, without totals', ['--order', 'desc', '--no-totals', '--no-last-page']],
    ['ties shuffled, without totals', ['--order', 'shuffled_ties', '--no-totals', '--no-last-page']],
    [
      'faulty',
      ['--order', 'shuffled_ties', '--faults-share', '0.1', '--faults-kinds', '500,503,429,reset,truncate'],
    ],
  ])('into a file: %s', async (_name, flags) => {
    platform = await startPlatform([...HUNDRED_THOUSAND, ...flags]);
    await platform.set({ rate: 0, burst: { every: 0 } });
    const sinks = 'sinks:\n  file: { type: file, path: ./out/audit.ndjson }\n';
    const file = folder.write('auditferry.yaml', configuration(platform.url, sinks));
    const startMs = Math.floor(Date.now() / 1000) * 1000;
    const result = await run(['run', '-c', file, '--once'], { env: RECEIVER_ENVIRONMENT });
    expect(result.code, result.stderr.slice(-2000)).toBe(0);
    const wanted = await platform.ids(startMs);
    const all = await platform.ids();
    expect(tally(wanted, readNdjsonIds(`${folder.path}/out/audit.ndjson`), all)).toEqual({
      lost: 0,
      repeated: 0,
      strange: 0,
    });
  });
});
