import { readFileSync } from 'node:fs';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { CanonicalEvent, Format, Origin } from '../../src/formats/format.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { OTLP } from '../formats/catalogue.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

/**
 * Median microseconds to render one event in each format, and to read it and render it: `npx node tests/bench/formats.ts`.
 * The events are the worked examples, with ids of their own so that nothing but event types and origins is seen twice. The formats take
 * turns, so that a machine whose speed drifts is unfair to none; the floor is what the runtime takes to parse the same bytes and to write
 * them again, and says how fast the machine was.
 */
const ROUNDS = 2000;
/** Few, so that most rounds pass without another program taking the processor away. */
const EVENTS_PER_ROUND = 16;
const WARM_UP_ROUNDS = 1000;

const ORIGIN: Origin = {
  product: CLOUDQUERY,
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

const canonicalize = createCanonicalize();
const canonical = events.map(canonicalize);
const formats: readonly Format[] = [
  rawFormat.create({}),
  ecsFormat.create({}),
  ocsfFormat.create({}),
  cimFormat.create({}),
  cefFormat.create({}),
  leefFormat.create({}),
  OTLP,
];

interface Lane {
  readonly name: string;
  readonly work: (at: number) => unknown;
  readonly microseconds: number[];
}

const lane = (name: string, work: Lane['work']): Lane => ({ name, work, microseconds: [] });
const floor = lane('(floor)', (at) => JSON.stringify(JSON.parse((events[at] as AuditEvent).original)));
const reading = lane('(reading)', (at) => canonicalize(events[at] as AuditEvent));
const rendering = formats.map((format) =>
  lane(format.name, (at) => format.render(canonical[at] as CanonicalEvent, ORIGIN)),
);
const both = formats.map((format) =>
  lane(format.name, (at) => format.render(canonicalize(events[at] as AuditEvent), ORIGIN)),
);

for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
  for (const { work, microseconds } of [floor, reading, ...rendering, ...both]) {
    const start = performance.now();
    for (let at = 0; at < EVENTS_PER_ROUND; at += 1) work(at);
    if (round >= 0) microseconds.push(((performance.now() - start) * 1000) / EVENTS_PER_ROUND);
  }
}

const median = ({ microseconds }: Lane): number => microseconds.sort((a, b) => a - b)[ROUNDS / 2] ?? NaN;
const floorMicroseconds = median(floor);
const column = (text: string): string => text.padStart(14);
const figures = (its: Lane | undefined): string =>
  its === undefined
    ? column('') + column('')
    : column(median(its).toFixed(1)) + column(`${(median(its) / floorMicroseconds).toFixed(1)} x`);

process.stdout.write(
  `${'µs per event'.padEnd(14)}${['rendering', 'floors', 'with reading', 'floors'].map(column).join('')}\n`,
);
for (const [index, its] of [undefined, undefined, ...rendering].entries()) {
  const whole = [floor, reading, ...both][index] as Lane;
  process.stdout.write(`${whole.name.padEnd(14)}${figures(its)}${figures(whole)}\n`);
}
process.send?.(
  [reading, ...rendering].map((its) => ({
    name: its.name,
    microseconds: median(its),
    floors: median(its) / floorMicroseconds,
  })),
);
