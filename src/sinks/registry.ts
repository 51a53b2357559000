import type { SinkDefinition } from './sink.ts';

/** Every sink type; a new one is a line here. A sink's module, and the library that it stands on, are loaded when it is configured. */
export const sinkTypes: ReadonlyMap<string, () => Promise<SinkDefinition>> = new Map<
  string,
  () => Promise<SinkDefinition>
>([
  ['splunk_hec', async () => (await import('./splunk-hec.ts')).splunkHecSink],
  ['elasticsearch', async () => (await import('./elasticsearch.ts')).elasticsearch],
  ['syslog', async () => (await import('./syslog.ts')).syslogSink],
  ['file', async () => (await import('./file.ts')).fileSink],
  ['stdout', async () => (await import('./stdout.ts')).stdoutSink],
  ['http', async () => (await import('./http.ts')).httpSink],
  ['otlp', async () => (await import('./otlp.ts')).otlp],
  ['s3', async () => (await import('./s3.ts')).s3],
  ['kafka', async () => (await import('./kafka.ts')).kafka],
  ['sentinel', async () => (await import('./sentinel.ts')).sentinel],
]);

/** The definition of a type that the configuration's schema lets through. */
export async function loadSink(type: string): Promise<SinkDefinition> {
  const load = sinkTypes.get(type);
  if (load === undefined)
    throw new Error(`the schema allows the sink type ${type}, which is not in the registry`);
  return load();
}
