import { readFileSync } from 'node:fs';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { Format, Origin } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import type { AuditEvent } from '../../src/model/event.ts';

/**
 * Median microseconds to take one event of the journal into each format, reading it included: `npx node tests/bench/formats.ts`.
 * The events are the worked examples, with ids of their own so that nothing but event types is seen twice.
 */
const ROUNDS = 2000;
/** Few, so that most rounds pass without another program taking the processor away. */
const EVENTS_PER_ROUND = 16;
const WARM_UP_ROUNDS = 1000;

const ORIGIN: Origin = {
  instance: 'acme.mycloudquery.com',
  apiVersion: 'v2',
  platformVersion: '1.42.0',
  tenantId: '7d3f0a1e-2f5b-4d7e-9c00-00000000a001',
  forwarderVersion: '0.1.0',
  labels: { environment: 'production' },
};

const examples = ['1-login-success', '2-login-failure', '3-sync-created', '5-api-key-deleted'].map((name) =>
  readFileSync(new URL(`../fixtures/formats/examples/${name}.json`, import.meta.url), 'utf8').trimEnd(),
);
const events = Array.from({ length: EVENTS_PER_ROUND }, (_, n): AuditEvent => {
  const id = `0b8f6c52-3e1d-4a77-8f0e-${String(n).padStart(12, '0')}`;
  const original = (examples[n % examples.length] ?? '').replace(/0b8f6c52-3e1d-4a77-8f0e-[0-9a-f]{12}/, id);
  return {
    seq: BigInt(n),
    source: 'p',
    id,
    createdAt: '2026-01-02T03:04:05.123456Z',
    original,
    receivedAt: '2026-01-02T03:05:00.250Z',
  };
});

function medianMicroseconds(work: (event: AuditEvent) => unknown): number {
  const rounds: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (const event of events) work(event);
    if (round >= 0) rounds.push(((performance.now() - start) * 1000) / EVENTS_PER_ROUND);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS / 2] ?? NaN;
}

const canonicalize = createCanonicalize();
const line = (name: string, microseconds: number): string =>
  `${name.padEnd(16)}${microseconds.toFixed(1).padStart(8)} µs per event\n`;
process.stdout.write(line('(reading alone)', medianMicroseconds(canonicalize)));
const formats: readonly Format[] = [
  rawFormat.create({}),
  ecsFormat.create({}),
  ocsfFormat.create({}),
  cimFormat.create({}),
  cefFormat.create({}),
  leefFormat.create({}),
];
for (const format of formats) {
  process.stdout.write(
    line(
      format.name,
      medianMicroseconds((event) => format.render(canonicalize(event), ORIGIN)),
    ),
  );
}
