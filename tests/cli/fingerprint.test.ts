import { expect, it } from 'vitest';

import { effectiveConfig, fingerprintOf, sharedFingerprintOf } from '../../src/cli/verify/fingerprint.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';

const allParts = await loadParts();

const ENV = { KEY: 'Zq9-of-the-platform', TENANT: 'tenant-from-outside' };

const configOf = (sinks: string, more = '') =>
  parseConfig(
    `sources:\n  p: { type: cloudquery, url: 'https://acme.example', api_key: "\${KEY}" }\nsinks:\n${sinks}\n${more}`,
    '/nowhere/a.yaml',
    ENV,
    allParts,
  );

const headersShown = (headers: string): unknown => {
  const shown = effectiveConfig(
    configOf(`  h: { type: http, url: 'https://hook.example', headers: { ${headers} } }`),
  ) as { sinks: { h: { options: { headers: unknown } } } };
  return shown.sinks.h.options.headers;
};

it.each([
  'X-Scope-OrgID: tenant-blue',
  'Content-Language: en',
  'User-Agent: our-forwarder/7',
  'Accept: application/json',
  'X-Environment: production',
  'X-Author: the team of security',
])('a header that is no secret is shown: %s', (header) => {
  expect(JSON.stringify(headersShown(header))).not.toContain('[secret]');
});

it.each([
  'Authorization: anything',
  'Cookie: a=b',
  'Proxy-Authorization: x',
  'X-Api-Key: Zq9',
  'DD-API-KEY: Zq9',
  'X-Vault-Token: Zq9',
  'X-Webhook-Secret: Zq9',
  'X-Password: Zq9',
  'X-Hub-Signature-256: Zq9',
  'X-License: Zq9',
  'X-Session-Id: Zq9',
  'x-honeycomb-team: Zq9',
  'X-Custom: Bearer Zq9',
  'X-Custom: Basic Zq9=',
  'X-Custom: "${TENANT}"',
  'X-Custom: "at ${TENANT} and more"',
])('a header that is a secret by its name, its value or its origin is not: %s', (header) => {
  expect(Object.values(headersShown(header) as object)).toEqual(['[secret]']);
});

it('neither the query of an address nor the key of the simulated Platform is shown', () => {
  const shown = JSON.stringify(
    effectiveConfig(
      configOf(
        "  h: { type: http, url: 'https://hook.example/in?tenant=blue&code=Zq9-in-the-query-of-it' }\n  o: { type: otlp, url: 'https://hook.example/in?tenant=blue' }",
        'simulator: { api_key: Zq9-of-the-simulator }',
      ),
    ),
  );
  expect(shown).not.toContain('Zq9');
  expect(shown).toContain('https://hook.example/in?[secret]');
  expect(shown).toContain('https://hook.example/in?tenant=blue');
});

it('replicas compare what they have in common: not the listener, the log and the way to the database', () => {
  const sink = (index: string): string =>
    `  s: { type: splunk_hec, url: 'https://splunk.example', token: t, index: ${index} }`;
  const state = (more: string): string =>
    `state: { type: postgres, url: 'postgres://u:p@db/x', ${more} }\nadmin: { listen: '127.0.0.1:1' }`;
  const own = sharedFingerprintOf(configOf(sink('audit'), state('lease: 15s')));
  const same = `state: { type: postgres, url: 'postgres://u:q@db2/x', lease: 15s }\nlog: { level: debug }`;
  expect(sharedFingerprintOf(configOf(sink('audit'), same))).toBe(own);
  expect(sharedFingerprintOf(configOf(sink('other'), state('lease: 15s')))).not.toBe(own);
  expect(sharedFingerprintOf(configOf(sink('audit'), state('lease: 30s')))).not.toBe(own);
  expect(sharedFingerprintOf(configOf(sink('audit'), state('retention: 9d')))).not.toBe(own);
});

it('the fingerprint is the same for other secrets, and another for another setting', () => {
  const of = (key: string, index: string) =>
    fingerprintOf(
      configOf(`  s: { type: splunk_hec, url: 'https://splunk.example', token: ${key}, index: ${index} }`),
    );
  expect(of('one', 'audit')).toBe(of('two', 'audit'));
  expect(of('one', 'audit')).not.toBe(of('one', 'other'));
});
