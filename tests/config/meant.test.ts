import { expect, it } from 'vitest';

import { parseConfig } from '../../src/config/load.ts';
import { meantType } from '../../src/config/meant.ts';
import { loadParts } from '../../src/config/parts.ts';
import { sinkTypes } from '../../src/sinks/registry.ts';

const known = [...sinkTypes.keys()];
const parts = await loadParts();

it.each([
  ['splunk', 'splunk_hec', null],
  ['HEC', 'splunk_hec', null],
  ['opensearch', 'elasticsearch', null],
  ['Azure-Sentinel', 'sentinel', null],
  ['minio', 's3', null],
  ['opentelemetry', 'otlp', null],
  ['webhook', 'http', null],
  ['sumologic', 'http', 'docs/recipes/sumo_logic.md'],
  ['humio', 'splunk_hec', 'docs/recipes/logscale.md'],
])('%s is meant to be %s', (name, type, page) => {
  expect(meantType(name, known)).toEqual({ type, page });
});

it.each(['carrier_pigeon', 'constructor', '__proto__', ''])('%s is meant to be nothing', (name) => {
  expect(meantType(name, known)).toBeNull();
});

it('suggests nothing that is not there', () => {
  expect(meantType('splunk', ['file'])).toBeNull();
});

it('is told with the place in the file', () => {
  const source = 'sources:\n  p: { type: cloudquery, url: https://acme.example.com, api_key: "${KEY}" }\n';
  const load = () =>
    parseConfig(`${source}sinks:\n  siem: { type: splunk }\n`, '/etc/name.yaml', { KEY: 'k' }, parts);
  expect(load).toThrow(
    /name\.yaml:4:17: sinks\.siem\.type: unknown type "splunk"; expected .*; did you mean "splunk_hec"\?$/,
  );
});

it('keeps back what known receivers would lose, unless it is told otherwise', () => {
  const source = 'sources:\n  p: { type: cloudquery, url: https://acme.example.com, api_key: "${KEY}" }\n';
  const limits = (keys: string, type = 'http') =>
    parseConfig(
      `${source}sinks:\n  a: { type: ${type}, ${keys} }\n`,
      '/etc/name.yaml',
      { KEY: 'k' },
      parts,
    ).sinks.get('a')?.limits;
  const none = { maxAgeMs: Infinity, maxBytes: Infinity };
  expect(limits('url: https://siem.example.com')).toEqual(none);
  expect(limits('url: https://notdatadoghq.com')).toEqual(none);
  expect(limits('url: https://http-intake.logs.us5.datadoghq.com/api/v2/logs')).toEqual({
    maxAgeMs: 18 * 3_600_000,
    maxBytes: 1_000_000,
  });
  expect(limits('url: https://http-intake.logs.datadoghq.eu, max_event_age: 1000d')).toEqual({
    maxAgeMs: 1000 * 86_400_000,
    maxBytes: 1_000_000,
  });
  expect(limits('url: https://logs.eu-west-1.amazonaws.com/x')).toMatchObject({ maxAgeMs: 14 * 86_400_000 });
  expect(limits('url: https://log-api.eu.newrelic.com/log/v1')).toMatchObject({ maxAgeMs: 48 * 3_600_000 });
  expect(limits('url: https://otlp.datadoghq.eu/v1/logs', 'otlp')).toEqual({
    maxAgeMs: 18 * 3_600_000,
    maxBytes: 1_000_000,
  });
  expect(limits('url: https://otlp.us3.datadoghq.com, include_original: true', 'otlp')).toMatchObject({
    maxBytes: 500_000,
  });
  expect(limits('url: https://otlp.eu01.nr-data.net, max_event_age: 6h', 'otlp')).toMatchObject({
    maxAgeMs: 6 * 3_600_000,
    maxBytes: 131_072,
  });
  expect(limits('url: https://otlp-gateway-prod-eu-west-2.grafana.net/otlp', 'otlp')).toEqual({
    maxAgeMs: 7 * 86_400_000,
    maxBytes: Infinity,
  });
  expect(limits('url: https://logs-prod-012.grafana.net/loki/api/v1/push')).toMatchObject({
    maxAgeMs: 7 * 86_400_000,
  });
  expect(limits('url: https://collector.example.com:4318', 'otlp')).toEqual(none);
  expect(limits('url: https://endpoint4.collection.sumologic.com/x')).toMatchObject({ maxBytes: 65_536 });
});
