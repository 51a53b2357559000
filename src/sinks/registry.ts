import { elasticsearch } from './elasticsearch.ts';
import { fileSink } from './file.ts';
import { httpSink } from './http.ts';
import { otlp } from './otlp.ts';
import type { SinkDefinition } from './sink.ts';
import { splunkHecSink } from './splunk-hec.ts';
import { stdoutSink } from './stdout.ts';
import { syslogSink } from './syslog.ts';

/** Every sink type; a new one is a line here. */
export const sinks: readonly SinkDefinition[] = [
  splunkHecSink,
  elasticsearch,
  syslogSink,
  fileSink,
  stdoutSink,
  httpSink,
  otlp,
];
