import type { DetailShape, EventType, Person } from './catalog.ts';
import type { Random } from './random.ts';

/** What an event says, before it is written as JSON. */
export interface Facts {
  /** Null: written without an id. */
  readonly id: string | null;
  /** Null: the event has no user. */
  readonly person: Person | null;
  readonly type: EventType;
  readonly address: string;
  /** Undefined: the key is left out. */
  readonly entity: string | null | undefined;
  readonly success: boolean | undefined;
  readonly team: string | null;
  /** For the draws that come after these. */
  readonly random: Random;
}

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) "demo"',
  'cli/6.41.1',
  'Terraform/1.9 (+https://example.com)',
];
const FILLING = 'naïve café – 監査ログ 🔎 tab\tquote" backslash\\ line\nend; ';

const WORD_BYTES = 192;

/**
 * event_details as text, at least `leastBytes` long. Written as text and not through numbers, so that whole numbers past
 * 2^53 keep every digit, as those of a Go server do.
 */
export function detailsJson(facts: Facts, leastBytes: number): string {
  const fields = writers[facts.type.details](facts.random, facts.entity ?? 'none');
  const text = `{${fields.join(',')}}`;
  const missing = leastBytes - Buffer.byteLength(text);
  return missing <= 0 ? text : `${text.slice(0, -1)},"context":${filling(missing, facts.random)}}`;
}

const writers: Record<DetailShape, (random: Random, entity: string) => string[]> = {
  session: (random) => [
    `"method":${pick(random, ['"password"', '"saml"', '"totp"', '"api_key"'])}`,
    `"user_agent":${JSON.stringify(AGENTS[random.below(AGENTS.length)])}`,
    `"session_id":${bigNumber(random)}`,
    `"attempt":${1 + random.below(4)}`,
  ],
  change: (random, entity) => [
    `"before":{"name":${JSON.stringify(entity)},"enabled":${random.unit() < 0.5},"schedule":"0 */6 * * *","labels":["a","b"]}`,
    `"after":{"name":${JSON.stringify(`${entity} (2)`)},"enabled":true,"schedule":null,"labels":[],"limits":{"rows":${bigNumber(random)}}}`,
    `"revision":${bigNumber(random)}`,
  ],
  run: (random) => [
    `"run_id":${bigNumber(random)}`,
    `"rows":${random.uint32()}`,
    `"duration_ms":${random.below(3_600_000)}.25`,
    `"errors":${random.below(3)}`,
    `"tables":["aws_s3_buckets","aws_ec2_instances"]`,
  ],
  query: (random) => [
    `"query":"SELECT account_id, count(*) FROM cloud_assets WHERE tags['owner'] = \\"\\" GROUP BY 1 -- ${random.below(100)}"`,
    `"bytes_scanned":${bigNumber(random)}`,
    `"rows_returned":${random.below(10_000)}`,
  ],
  note: (random, entity) => [
    `"reason":${JSON.stringify(pick(random, ['requested by owner', 'expiré', '定期メンテナンス', `cleanup of ${entity}`]))}`,
    `"ticket":"OPS-${random.below(9999)}"`,
  ],
  connection: (random, entity) => [
    `"connection":{"name":${JSON.stringify(entity)},"host":"db-${random.below(9)}.example.com","port":5432,"user":"loader","password":"invented-${random.below(99)}"}`,
    `"headers":{"authorization":"Bearer invented","x-team":"demo"}`,
    `"latency_us":${bigNumber(random)}`,
  ],
};

/** A whole number of 17 to 19 digits, below 2^63. */
function bigNumber(random: Random): string {
  return `${9_007_199 + random.below(900_000_000)}${String(random.uint32()).padStart(10, '0')}`;
}

function pick(random: Random, list: readonly string[]): string {
  return list[random.below(list.length)] ?? '';
}

/** Odd characters, and beside them what differs from event to event, so that it compresses no better than a real log. */
function filling(bytes: number, random: Random): string {
  const times = Math.ceil(bytes / (Buffer.byteLength(FILLING) + WORD_BYTES));
  const words = Array.from({ length: times }, () => `${FILLING}${wordFrom(random)}`);
  return JSON.stringify(words.join(''));
}

function wordFrom(random: Random): string {
  const parts = Array.from({ length: WORD_BYTES / 8 }, () => random.uint32().toString(16).padStart(8, '0'));
  return parts.join('');
}
