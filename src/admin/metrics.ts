import type { Attributes, BatchObservableResult, Observable } from '@opentelemetry/api';

import { ForwardError } from '../model/errors.ts';
import { toOpenMetrics } from './openmetrics.ts';
import { INSTRUMENTS } from './instruments.ts';
import type { StatusOptions } from './options.ts';
import { scrape } from './scrape.ts';

interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** Reads everything at the moment of a scrape and writes it down; between scrapes it costs nothing. */
export interface Metrics {
  /** `accept`: the request's header. OpenMetrics where it is asked for, Prometheus text otherwise. */
  expose(accept: string | undefined): Promise<Exposition>;
  close(): Promise<void>;
}

const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** The SDK is loaded by the first scrape, so that it costs nothing where metrics are not used. */
export function openMetrics(options: StatusOptions): Metrics {
  let opened: Promise<Metrics> | null = null;
  return {
    expose: async (accept) => (await (opened ??= load(options))).expose(accept),
    close: async () => (await opened)?.close(),
  };
}

async function load(options: StatusOptions): Promise<Metrics> {
  const [{ MeterProvider }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
  ]);
  // The exporter would open a port of its own; here it only reads, and the listener answers.
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meter = provider.getMeter('auditferry', options.version);
  const observables = new Map<string, Observable<Attributes>>();
  for (const { name, kind, unit, help } of INSTRUMENTS) {
    const described = { description: help, unit: unit ?? '' };
    const observable =
      kind === 'counter'
        ? meter.createObservableCounter(name, described)
        : meter.createObservableGauge(name, described);
    observables.set(name, observable);
  }
  meter.addBatchObservableCallback(
    (result) => observe(options, observables, result),
    [...observables.values()],
  );
  return {
    async expose(accept) {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors[0] instanceof ForwardError) throw errors[0];
      if (errors.length > 0) throw new Error('the metrics could not be read', { cause: errors[0] });
      const text = serializer.serialize(resourceMetrics);
      return wantsOpenMetrics(accept)
        ? { contentType: OPENMETRICS_TYPE, body: toOpenMetrics(text) }
        : { contentType: PROMETHEUS_TYPE, body: `${text.trimEnd()}\n` };
    },
    close: () => provider.shutdown(),
  };
}

async function observe(
  options: StatusOptions,
  observables: ReadonlyMap<string, Observable<Attributes>>,
  result: BatchObservableResult<Attributes>,
): Promise<void> {
  const read = await scrape(options);
  for (const instrument of INSTRUMENTS) {
    const observable = observables.get(instrument.name);
    if (observable === undefined) continue;
    for (const [value, labels] of instrument.values(read)) {
      if (value !== null) result.observe(observable, value, labels);
    }
  }
}

/** True when OpenMetrics is accepted with a weight of at least that of plain text. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  let open = 0;
  let plain = 0;
  for (const part of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    if (type === 'application/openmetrics-text') open = Math.max(open, weight);
    if (type === 'text/plain') plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}
