import type { CheckItem } from '../model/check.ts';
import { formatDuration, formatSize } from '../model/units.ts';
import { readHttpAddress } from './http-address.ts';
import type { KnownLimits } from './sink.ts';

/**
 * What receivers do not keep as it was sent, by their host names: where the operator says nothing, this holds. Each of them takes OTLP at
 * the same hosts as well. Sources: Datadog, "Send logs"; New Relic, "Introduction to the Log API" and "New Relic OTLP endpoint"; AWS,
 * PutLogEvents; Sumo Logic, "HTTP Logs and Metrics Source"; Grafana Cloud, "Loki limits" (reject_old_samples_max_age).
 */
const RECEIVERS: readonly (readonly [host: RegExp, limits: KnownLimits])[] = [
  [
    /(?:^|\.)(?:datadoghq\.(?:com|eu)|ddog-gov\.com)$/,
    { receiver: 'Datadog', maxAgeMs: hours(18), maxBytes: 1_000_000 },
  ],
  [
    /(?:^|\.)(?:newrelic\.com|nr-data\.net)$/,
    { receiver: 'New Relic', maxAgeMs: hours(48), maxBytes: 128 * 1024 },
  ],
  [
    /^logs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/,
    { receiver: 'CloudWatch Logs', maxAgeMs: hours(14 * 24), maxBytes: 1_000_000 },
  ],
  [/(?:^|\.)grafana\.net$/, { receiver: 'Grafana Cloud Logs', maxAgeMs: hours(7 * 24) }],
  [/(?:^|\.)sumologic\.(?:com|net)$/, { receiver: 'Sumo Logic', maxBytes: 64 * 1024 }],
];

function hours(count: number): number {
  return count * 3_600_000;
}

/** Null for an address of which nothing is known. */
export function knownLimits(address: string): KnownLimits | null {
  const host = URL.canParse(address) ? readHttpAddress(address).hostname : '';
  return RECEIVERS.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}

/** What `check` says of them. */
export function limitItems(address: string): readonly CheckItem[] {
  const limits = knownLimits(address);
  if (limits === null) return [];
  const { receiver, maxAgeMs, maxBytes } = limits;
  const parts = [
    ...(maxAgeMs === undefined ? [] : [`older than ${formatDuration(maxAgeMs)}`]),
    ...(maxBytes === undefined ? [] : [`larger than ${formatSize(maxBytes)}`]),
  ];
  const finding = `${receiver} does not keep events ${parts.join(' or ')}: they are held back as too old, or as dead letters, unless max_event_age and max_event_bytes say otherwise`;
  return [{ name: 'limits', outcome: 'ok', finding }];
}
