import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { READINESS_LIMITS } from '../../src/admin/options.ts';
import type { AdminView } from '../../src/admin/options.ts';
import { startAdmin } from '../../src/admin/server.ts';
import type { Journal } from '../../src/checkpoint/journal.ts';
import { coverageBar, coveredUpTo } from '../../src/cli/status/coverage-bar.ts';
import { status } from '../../src/cli/status/command.ts';
import { span } from '../../src/cli/span.ts';
import { wallClock } from '../../src/model/clock.ts';
import type { CoverageStatus } from '../../src/model/event.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import { msToNs } from '../../src/model/time.ts';
import { createStatus, enterState, sinkStatus, sourceStatus } from '../../src/pipeline/status.ts';
import { append, appendRefused, FILE_SINK, fakeTerminal, rooms } from './room.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const room = rooms();

/** A daemon's own account of itself, with a sink that is held; behind a token. */
function heldView(unclassified: number): AdminView {
  const nowMs = Date.now();
  const said = createStatus(nowMs - 3_720_000);
  const source = sourceStatus('platform', nowMs);
  enterState(source, 'working', nowMs);
  enterState(source, 'idle', nowMs);
  const monotonicMs = wallClock.monotonic();
  source.progressedMs = monotonicMs;
  source.caughtUp = { atMs: monotonicMs, upToNs: msToNs(nowMs - 5_000) };
  const sink = sinkStatus('archive', 'confirmed', nowMs);
  sink.cursor = 2n;
  sink.progressedMs = monotonicMs;
  sink.unclassified = unclassified;
  enterState(sink, 'held', nowMs, {
    reason:
      'the file system\u001b[2J is read-only, and this sentence is much longer than a narrow terminal can show at once',
    hint: 'remount it',
    nextTryMs: nowMs + 90_000,
  });
  said.sources.set('platform', source);
  said.sinks.set('archive', sink);
  const frontierNs = msToNs(nowMs - 5_000);
  const state = {
    frontierNs,
    targetNs: frontierNs,
    openWindows: 0,
    pendingReconcile: 0,
    clockSkewMs: 0,
    requests: 1,
    overlapMs: 0,
    troubles: [],
  };
  return {
    status: said,
    sources: new Map([
      [
        'platform',
        {
          source: {
            state: () => state,
            origin: () => ({ product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2' as const }),
          },
          nextPollMs: (ms) => ms + 15_000,
        },
      ],
    ]),
    sinks: new Map([
      [
        'archive',
        {
          type: 'file',
          delivery: 'confirmed',
          format: 'raw',
          batch: { maxEvents: 1, maxBytes: 1, maxWaitMs: 1 },
          concurrent: 1,
          rateLimit: null,
        },
      ],
    ]),
    effectiveConfig: {},
    formats: [],
    preview: () => ({ text: '', kind: 'text' }),
    understand: () => {
      throw new Error('no event is shown here');
    },
    renderFor: () => null,
    heartbeatMs: null,
  };
}

async function daemon({ unclassified } = { unclassified: 0 }) {
  const here = room();
  const journal = await here.writer();
  await appendRefused(journal, 5, [2]);
  await cover(journal, 3_600_000, 'verified');
  const view = heldView(unclassified);
  const admin = await startAdmin({
    journal,
    clock: wallClock,
    version: '0.0.0',
    limits: READINESS_LIMITS,
    view: () => view,
    listen: { host: '127.0.0.1', port: 0 },
    allowedHosts: [],
    token: Secret.of('let-me-in'),
    log: silentLog,
  });
  here.atEnd(() => admin.close());
  return here.config(
    FILE_SINK,
    `admin: { listen: '127.0.0.1:${new URL(admin.url).port}', token: 'let-me-in' }`,
  );
}

/** Coverage from so long ago until now. */
async function cover(journal: Journal, agoMs: number, status: CoverageStatus): Promise<void> {
  const window = { startNs: msToNs(Date.now() - agoMs), endNs: msToNs(Date.now()) };
  await append(journal, [], { coverage: [{ ...window, status, serverCount: 1 }] });
}

describe('status', () => {
  it('asks the daemon, and shows a held sink with its reason, hint and next try in 80 columns', async () => {
    const config = await daemon();
    const terminal = fakeTerminal({ columns: 80 });
    expect(await status({ config }, terminal)).toBe(1);
    const { out } = terminal.printed;
    expect(out).toMatch(/^auditferry 0\.0\.0 {2}! running for 1h 2m, not ready/);
    expect(out).toMatch(/^! ?.*platform|^✓ platform {2}idle · read up to \d+s ago/m);
    expect(out).toMatch(/├─▶ ✗ archive \(file, raw\)\n.*held · 3 waiting · .*1 dead letter/);
    expect(out).toContain('hint: remount it');
    expect(out).toMatch(/next try in 1m \d+s/);
    expect(out).toMatch(/\[ +█+\] 1d/);
    expect(out).not.toContain('\u001b');
    expect(Math.max(...out.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
  });

  it('tells of unclassified events where there are some', async () => {
    const shown = async (unclassified: number): Promise<string> => {
      const terminal = fakeTerminal({ columns: 80 });
      await status({ config: await daemon({ unclassified }) }, terminal);
      return terminal.printed.out;
    };
    expect(await shown(1200)).toMatch(/held · 3 waiting · .*1 dead letter · 1,200 unclassified\n/);
    expect(await shown(0)).not.toContain('unclassified');
  });

  it('answers with one JSON document', async () => {
    const config = await daemon();
    const terminal = fakeTerminal();
    await status({ config, json: true }, terminal);
    expect(terminal.json()).toMatchObject({
      from: 'daemon',
      note: null,
      sinks: [{ name: 'archive', state: 'held', undelivered: 3 }],
      dead_letters: { archive: 1 },
    });
  });

  it('reads the journal when no daemon runs, and says so', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    await appendRefused(journal, 3, [2]);
    await cover(journal, 3_600_000, 'read');
    await append(journal, [], { findings: [{ kind: 'gap', summary: 'nothing was read for a while' }] });
    const beside = fakeTerminal();
    await status({ config, json: true }, beside);
    expect(beside.json()).toMatchObject({
      from: 'journal',
      note: expect.stringContaining('a daemon runs (process') as unknown,
    });

    const unknown = fakeTerminal({ columns: 80 });
    await status({ config }, unknown);
    expect(unknown.printed.out).toMatch(/platform {2}state unknown/);

    await journal.close();
    const alone = fakeTerminal({ columns: 80 });
    await status({ config }, alone);
    expect(alone.printed.out).toContain('no daemon runs on');
    expect(alone.printed.out).toMatch(/platform {2}not running · read up to \d+s ago/);
    expect(alone.printed.out).toMatch(/not running · nothing waits · 1 dead letter/);
    expect(alone.printed.out).toMatch(
      /✗ incomplete: 1 finding that nobody has acknowledged \(1 gap\); sink archive:/,
    );
    expect(alone.printed.out).toContain('#1 platform: nothing was read for a while');
  });

  it('does not take what a backfill read before the start for where the reading ended', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    const agoNs = (ms: number): bigint => msToNs(Date.now() - ms);
    const [startNs, endNs] = [agoNs(7_200_000), agoNs(0)];
    const span = (from: bigint, to: bigint) => ({
      coverage: [{ startNs: from, endNs: to, status: 'read' as const, serverCount: 0 }],
    });
    const progress = { version: 1, start: String(startNs), end: String(endNs), open: [], reconcile: null };
    await append(journal, [], { ...span(startNs, endNs), progress });
    await append(journal, [], { ...span(agoNs(10_800_000), agoNs(9_000_000)), purpose: 'backfill' });
    await journal.close();
    const terminal = fakeTerminal({ columns: 80 });
    await status({ config }, terminal);
    expect(terminal.printed.out).toMatch(/platform {2}not running · read up to \d+s ago/);
  });

  it('says of a sink what it lacks because it was too old, and not that it has everything', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    const journal = await here.writer();
    await appendRefused(journal, 3, []);
    const [first] = await journal.read(0n, { maxEvents: 1, maxBytes: 2 ** 20 });
    if (first === undefined) throw new Error('there is no event');
    await journal.moveCursor('archive', 3n, [{ event: first, reason: 'too old: by a day', attempts: 1 }]);
    await journal.close();
    const terminal = fakeTerminal({ columns: 80 });
    await status({ config }, terminal);
    expect(terminal.printed.out).toMatch(/not running · nothing waits · 1 event too old/);
    expect(terminal.printed.out).not.toContain('has everything');
  });

  it('does not believe whatever else listens there', async () => {
    const here = room();
    const stranger = createServer((_, response) => response.end('{"sources":"none"}'));
    await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
    here.atEnd(() => void stranger.close());
    const { port } = stranger.address() as AddressInfo;
    const config = here.config(FILE_SINK, `admin: { listen: '127.0.0.1:${port}' }`);
    await here.writer();
    const terminal = fakeTerminal();
    await status({ config, json: true }, terminal);
    expect(terminal.json()).toMatchObject({
      from: 'journal',
      note: expect.stringContaining('is not an auditferry') as unknown,
    });
  });

  it('redraws until it is interrupted, and puts the screen back', async () => {
    const here = room();
    const config = here.config(FILE_SINK);
    await (await here.writer()).close();
    const stop = new AbortController();
    let slept = 0;
    const clock = {
      ...wallClock,
      sleep: async (_ms: number, signal?: AbortSignal) => {
        slept += 1;
        if (slept === 3) stop.abort(new Error('interrupted'));
        signal?.throwIfAborted();
      },
    };
    const terminal = fakeTerminal({ columns: 80, clock, signal: stop.signal });
    expect(await status({ config, watch: true }, terminal)).toBe(0);
    expect(terminal.printed.out.match(/auditferry \d/g)).toHaveLength(3);
    expect(terminal.printed.out.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  });
});

describe('the coverage bar', () => {
  const stored = (startNs: bigint, endNs: bigint, state: CoverageStatus) => ({
    startNs,
    endNs,
    status: state,
    serverCount: null,
    readAt: '',
  });
  const day = { startNs: 0n, endNs: 1000n };

  it('shows the worst of each cell', () => {
    const spans = [stored(200n, 399n, 'verified'), stored(400n, 599n, 'read'), stored(650n, 700n, 'suspect')];
    expect(coverageBar(spans, day, 10)).toBe('  ██▒▒!!··');
  });

  it('shows a hole that is smaller than a cell', () => {
    expect(coverageBar([stored(0n, 450n, 'verified'), stored(452n, 999n, 'verified')], day, 10)).toBe(
      '████·█████',
    );
    expect(coveredUpTo([stored(452n, 999n, 'verified'), stored(0n, 450n, 'verified')])).toBe(450n);
    expect(coveredUpTo([stored(0n, 451n, 'read'), stored(452n, 999n, 'verified')])).toBe(999n);
    expect(coveredUpTo([])).toBeNull();
  });
});

it.each([
  [0, '0s'],
  [59, '59s'],
  [3600, '1h'],
  [11_525, '3h 12m'],
  [90_061, '1d 1h'],
])('%i seconds are %s', (seconds, text) => expect(span(seconds)).toBe(text));
