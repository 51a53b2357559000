import { AsyncLocalStorage } from 'node:async_hooks';

import type * as Api from '@opentelemetry/api';
import type { Context, ContextManager } from '@opentelemetry/api';
import type * as TraceSdk from '@opentelemetry/sdk-trace';

import { ForwardError } from '../model/errors.ts';
import { traceWith } from '../model/trace.ts';
import type { Trace } from '../model/trace.ts';

interface Telemetry {
  /** Whether spans are exported. */
  readonly exporting: boolean;
  /** Sends what is still waiting, within a few seconds. Never rejects. */
  shutdown(): Promise<void>;
}

interface TelemetryOptions {
  readonly version: string;
  /** A line for the operator, warning level. */
  warn(message: string): void;
}

const SHUTDOWN_LIMIT_MS = 3_000;

/**
 * Exports spans over OTLP/HTTP when the standard OTEL_* variables name where to; else does nothing and loads nothing.
 * The exporter itself reads OTEL_EXPORTER_OTLP_* (endpoint, headers, timeout, compression) from the process's environment.
 */
export async function startTelemetry(env: NodeJS.ProcessEnv, options: TelemetryOptions): Promise<Telemetry> {
  if (!isAsked(env)) return { exporting: false, shutdown: async () => {} };
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol !== undefined && protocol !== '' && !protocol.startsWith('http/')) {
    options.warn(
      `OTEL_EXPORTER_OTLP_PROTOCOL asks for ${protocol}; traces are sent over HTTP with JSON instead`,
    );
  }
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const detected = resources.detectResources({ detectors: [resources.envDetector] });
  const own = resources.resourceFromAttributes({
    'service.name': env['OTEL_SERVICE_NAME'] || 'auditferry',
    'service.version': options.version,
  });
  const provider = new sdk.TracerProvider({
    // The environment has the last word, as everywhere in OpenTelemetry; the service's name is in both.
    resource: own.merge(detected),
    sampler: chooseSampler(sdk, env, options),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  const { context, trace } = api;
  context.setGlobalContextManager(asyncContexts(api.ROOT_CONTEXT));
  trace.setGlobalTracerProvider(provider);
  traceWith(tracingBy(api));
  return {
    exporting: true,
    async shutdown() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, SHUTDOWN_LIMIT_MS).unref());
      // A collector that is gone must not keep the daemon from ending.
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      traceWith(null);
      trace.disable();
      context.disable();
    },
  };
}

/** A failure is noted by its kind alone: its text may quote what a receiver said. */
function tracingBy({ SpanStatusCode, trace }: typeof Api): Trace {
  const tracer = trace.getTracer('auditferry');
  return (name, attributes, work) =>
    tracer.startActiveSpan(name, { attributes }, async (active) => {
      try {
        return await work({ note: (more) => void active.setAttributes(more) });
      } catch (error) {
        active.setAttribute('error.type', error instanceof ForwardError ? error.kind : nameOf(error));
        active.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        active.end();
      }
    });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function isAsked(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER'] ?? '';
  if (exporter !== '' && exporter !== 'otlp') return false;
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return endpoint !== undefined && endpoint !== '';
}

function chooseSampler(
  sdk: typeof TraceSdk,
  env: NodeJS.ProcessEnv,
  options: TelemetryOptions,
): TraceSdk.Sampler {
  const given = Number(env['OTEL_TRACES_SAMPLER_ARG'] || '1');
  const ratio = new sdk.TraceIdRatioBasedSampler(given >= 0 && given <= 1 ? given : 1);
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on';
  switch (name.replace('parentbased_', '')) {
    case 'always_on':
      return new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() });
    case 'always_off':
      return new sdk.AlwaysOffSampler();
    case 'traceidratio':
      return new sdk.ParentBasedSampler({ root: ratio });
    default:
      options.warn(`OTEL_TRACES_SAMPLER asks for ${name}, which is not known; every trace is sent`);
      return new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() });
  }
}

/** Carries the active span across awaits. */
function asyncContexts(root: Context): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const contexts: ContextManager = {
    active: () => storage.getStore() ?? root,
    with: (active, work, thisArg, ...args) =>
      storage.run(active, () => work.call(thisArg as ThisParameterType<typeof work>, ...args)),
    bind: (active, target) =>
      typeof target === 'function'
        ? (((...args: unknown[]) =>
            storage.run(active, () => Reflect.apply(target, undefined, args) as unknown)) as typeof target)
        : target,
    enable: () => contexts,
    disable: () => {
      storage.disable();
      return contexts;
    },
  };
  return contexts;
}
