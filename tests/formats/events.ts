import fc from 'fast-check';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import type { CanonicalEvent, Origin } from '../../src/formats/format.ts';
import type { GivenNormalizeOptions } from '../../src/formats/options.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { jsonOf } from '../../src/simulator/body.ts';
import { completeOptions } from '../../src/simulator/options.ts';
import { ODD } from '../../src/simulator/stream.ts';
import type { Row } from '../../src/simulator/stream.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

/** An installation with every constant field known. */
export const ORIGIN: Origin = {
  product: CLOUDQUERY,
  instance: 'acme.mycloudquery.com',
  apiVersion: 'v2',
  platformVersion: '1.42.0',
  tenantId: '7d3f0a1e-2f5b-4d7e-9c00-00000000a001',
  forwarderVersion: '0.1.0',
  labels: { environment: 'production', site: 'north' },
};

/** An installation of which only the least is known. */
export const BARE_ORIGIN: Origin = {
  product: CLOUDQUERY,
  instance: 'localhost',
  apiVersion: 'v1',
  forwarderVersion: '0.1.0',
  labels: {},
};

/** A journaled event with this text; id and time are read from it as a source would. */
export function journaled(original: string, over: Partial<AuditEvent> = {}): AuditEvent {
  const item = readItem(original);
  return {
    seq: 1n,
    source: 'platform',
    id: typeof item['id'] === 'string' ? item['id'] : 'sha256:00',
    createdAt: typeof item['created_at'] === 'string' ? item['created_at'] : '',
    original,
    receivedAt: '2026-01-02T03:05:00.250Z',
    ...over,
  };
}

function readItem(original: string): Record<string, unknown> {
  try {
    const item: unknown = JSON.parse(original);
    return typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** `count` events as the simulated Platform tells them, the same every time: every kind of event that it knows, and odd ones. */
export function simulatedEvents(count: number): AuditEvent[] {
  const options = completeOptions({});
  return Array.from({ length: count }, (_, index) => {
    const row: Row = {
      ms: Date.UTC(2026, 0, 2) + index * 61_000,
      sub: (index * 7919) % 1_000_000,
      visibleMs: 0,
      a: index,
      b: 20_260_102,
      flags: index % 50 === 0 ? ODD : 0,
      given: null,
    };
    return journaled(jsonOf(row, options, 0), { seq: BigInt(index + 1) });
  });
}

/** The canonical form of an item given as an object. */
export function canonicalOf(item: object, options: GivenNormalizeOptions = {}): CanonicalEvent {
  return createCanonicalize(options)(journaled(JSON.stringify(item)));
}

const nasty = fc.constantFrom(
  '',
  ' ',
  'Other',
  'other',
  '__proto__',
  'constructor',
  ' src=1.1.1.1 suser=root',
  '|10|src=1.1.1.1',
  'a\\',
  'a=b\\=c|d',
  'line\nbreak\r\nand\rreturn',
  'tab\there\tsev=10',
  '\u0000nul',
  '\u2028\u2029\u0085',
  '\ud800 lone \udc00',
  '😀'.repeat(300),
  '"quoted"',
  '<script>',
  'x'.repeat(10_000),
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 3, arbitrary: nasty },
);
const eventType = fc.oneof(
  fc.constantFrom(
    ...(
      'user_login|user.logout|LoginFailed|sync.created|DeleteAPIKey|role_assigned|role.updated|policy updated|team member added|' +
      'team.deleted|password reset|mfa_disabled|user_deleted|user.locked|query executed|sync run started|settings updated|UpdateSAML|' +
      'audit log deleted|audit log exported|report shared|data viewed|alert.triggered|user invited|session expired|other|' +
      'table row deleted|api key rotated|policy_disabled'
    ).split('|'),
  ),
  text,
);
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    '203.0.113.7:443',
    '[2001:db8::1]:443',
    '::ffff:203.0.113.7',
    '203.0.113.7, 10.0.0.1',
    'fe80::1%eth0',
    'unknown',
  ),
  text,
);
const identifier = fc.oneof(fc.uuid(), fc.constantFrom('00000000-0000-0000-0000-000000000000', ''), text);
const email = fc.oneof(fc.emailAddress(), fc.constantFrom('admin@localhost', '', 'root@'), text);
const anything = fc.anything({
  maxDepth: 3,
  maxKeys: 5,
  key: text,
  values: [text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)],
});
const role = fc.record(
  {
    id: identifier,
    name: fc.oneof(fc.constantFrom('Admin', 'General User', 'Owner'), text),
    type: fc.constantFrom('admin:write', 'admin:read', 'general:read', 'ci', 'schema-only', 'custom'),
    permissions: fc.array(fc.record({ id: identifier, query: text }), { maxLength: 2 }),
    created_by: fc.record({ id: identifier, email, name: text }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const user = fc.record(
  {
    id: identifier,
    email,
    name: text,
    enabled: fc.boolean(),
    provider: fc.oneof(fc.constantFrom('local', 'saml'), text),
    mfa_configured: fc.boolean(),
    roles: fc.oneof(fc.array(role, { maxLength: 3 }), anything),
    last_login_at: fc.oneof(fc.constant('2026-01-02T03:04:05Z'), text),
  },
  { requiredKeys: [] },
);
const known = fc.record(
  {
    target_user: fc.oneof(user, email),
    user_id: identifier,
    reason: text,
    api_key_id: identifier,
    id: fc.oneof(identifier, fc.integer()),
    changes: fc.oneof(fc.dictionary(text, anything, { maxKeys: 4 }), fc.array(text, { maxLength: 4 })),
    old: fc.dictionary(text, anything, { maxKeys: 3 }),
    new: fc.dictionary(text, anything, { maxKeys: 3 }),
    added_roles: fc.array(fc.oneof(text, fc.constant('Admin')), { maxLength: 3 }),
    removed_roles: fc.array(role, { maxLength: 3 }),
    password: fc.oneof(text, fc.integer()),
    dsn: fc.constant('postgres://user:hunter2@db/x'),
  },
  { requiredKeys: [] },
);
const deep = fc.integer({ min: 10, max: 300 }).map((depth) => {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { level: value } : [value];
  return value;
});
const large = fc
  .integer({ min: 20, max: 120 })
  .map((keys) => Object.fromEntries(Array.from({ length: keys }, (_, n) => [`key ${n}`, 'v'.repeat(4 * n)])));
const details = fc.oneof(
  { weight: 6, arbitrary: known },
  { weight: 4, arbitrary: fc.dictionary(text, anything, { maxKeys: 5 }) },
  { weight: 2, arbitrary: anything },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: large },
);
const time = fc.oneof(
  fc.constantFrom(
    '2026-01-02T03:04:05.123456789Z',
    '2026-01-02T03:04:05Z',
    '2026-01-02T05:04:05.5+02:00',
    '',
    'yesterday',
  ),
  fc
    .date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
);

/** Items as a Platform might send them at its worst: any of its fields missing or of another type, any characters, any depth. */
export const anyItem = fc.record(
  {
    id: fc.oneof({ weight: 5, arbitrary: fc.uuid() }, { weight: 1, arbitrary: text }),
    user: fc.oneof({ weight: 8, arbitrary: user }, { weight: 1, arbitrary: anything }),
    user_ip_address: fc.oneof({ weight: 8, arbitrary: address }, { weight: 1, arbitrary: anything }),
    event_type: fc.oneof({ weight: 12, arbitrary: eventType }, { weight: 1, arbitrary: anything }),
    entity_display_name: fc.oneof(text, fc.constant(null)),
    event_details: details,
    is_success: fc.oneof({ weight: 8, arbitrary: fc.boolean() }, { weight: 1, arbitrary: anything }),
    created_at: time,
    team_name: fc.oneof(text, fc.constant(null)),
  },
  { requiredKeys: [] },
);

/** `count` journaled events of one seed: the same every time. */
export function generatedEvents(count: number, seed: number): AuditEvent[] {
  return fc.sample(anyItem, { numRuns: count, seed }).map((item, index) =>
    journaled(JSON.stringify(item), {
      seq: BigInt(index + 1),
      id: typeof item.id === 'string' && item.id !== '' ? item.id : `sha256:${index}`,
    }),
  );
}
