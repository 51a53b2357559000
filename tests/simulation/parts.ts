import type { Secret } from '../../src/model/secret.ts';
import type { DaemonParts, SinkPart } from '../../src/pipeline/daemon.ts';
import type { Format } from '../../src/formats/format.ts';
import { randomFrom } from '../../src/simulator/random.ts';
import type { CloudqueryOptions } from '../../src/sources/cloudquery/options.ts';
import type { Source } from '../../src/sources/source.ts';
import type { Life } from './life.ts';
import type { Observer } from './observe.ts';
import { createReceiverSink, isAmong } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { createWire } from './wire.ts';
import type { World } from './world.ts';

const WIRE_SALT = 0x311e;

/** The real source over the simulated Platform, and a sink of the contract over each simulated receiver. */
export function buildParts(
  world: World,
  life: Life,
  watch: Observer,
  secret: (name: string) => Secret,
): Pick<DaemonParts, 'sources' | 'sinks' | 'canonicalize'> & { readonly source: Source } {
  const { scenario, facts, product } = world;
  const draw = (salt: number) => randomFrom(scenario.seed ^ WIRE_SALT, facts.lives, salt);
  const wire = createWire(facts.platform, product, life, world.calls, draw(0), {
    latencyMs: scenario.platformLatencyMs,
    counted: (rows) => Math.min(rows + (world.countsAhead ? 1 : 0), scenario.totalsCap),
    broken: scenario.brokenConnections,
    broke: () => world.states.seen('connection broken'),
    dateOffMs: () => {
      const offMs = world.wrongDate?.next() ?? 0;
      if (offMs !== 0) world.states.seen('answer with a wrong Date');
      return offMs;
    },
    asked: watch.asked,
  });
  const options: CloudqueryOptions = {
    url: 'http://platform.example',
    api_key: watch.noteSecret('platform', secret('platform')),
    start: '30d',
    overlap: scenario.overlapMs,
    audit_horizon: scenario.horizonMs,
    rate_limit: { requests_per_second: 20, concurrent: scenario.sourceConcurrent },
    filters: {
      event_type: scenario.sourceOnly === '' ? [] : [`*${scenario.sourceOnly}*`],
      user: [],
      team: [],
      entity: [],
      ip_address: [],
      search: '',
    },
    request_timeout: 30_000,
    max_response_size: 64 * 2 ** 20,
    api: 'v2',
  };
  const context = { name: 'platform', warn: () => {}, clock: life.clock, forwarderVersion: '0' };
  const source = product.openGuarded(options, context, (around) =>
    product.createCloudquery(options, around, wire),
  );
  const present = [...facts.receivers].filter(([name]) => !world.away.has(name));
  const sinks = present.map(([name, receiver], index): [string, SinkPart] => {
    const key = watch.noteSecret(name, secret(name));
    const sink = createReceiverSink(receiver, product, key, life, world.calls, draw(index + 1), watch);
    return [name, sinkPart(sink, receiver, formatFor(world, receiver))];
  });
  return {
    source,
    sources: new Map([
      ['platform', { source, schedule: { everyMs: scenario.pollMs }, auditHorizonMs: scenario.horizonMs }],
    ]),
    sinks: new Map(sinks),
    canonicalize: product.createCanonicalize({}),
  };
}

function sinkPart(sink: SinkPart['sink'], { scenario }: Receiver, format: Format): SinkPart {
  return {
    sink,
    format,
    batch: { maxEvents: scenario.maxEvents, maxBytes: scenario.maxBytes, maxWaitMs: scenario.maxWaitMs },
    where: {
      eventType: scenario.only === '' ? [] : [`*${scenario.only}*`],
      status: [],
      severity: 'informational',
    },
    concurrent: scenario.concurrent,
    rateLimit: scenario.rateLimit,
    onMassRejection: 'hold',
  };
}

/** The raw format, which breaks on some events: a fault of ours, which must cost only these events their way. */
function formatFor(world: World, receiver: Receiver): Format {
  const raw = world.product.rawFormat.create({ redact: false });
  return {
    ...raw,
    render: (event, origin) => {
      if (isAmong(event.id, receiver.scenario.unrenderable)) throw new Error('a fault of the format');
      return raw.render(event, origin);
    },
  };
}
