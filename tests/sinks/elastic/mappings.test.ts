import { describe, expect, it } from 'vitest';

import { HEARTBEAT } from '../../contract/items.ts';
import { createCanonicalize } from '../../../src/formats/canonical.ts';
import { ecsFormat } from '../../../src/formats/ecs.ts';
import { isObject } from '../../../src/model/json.ts';
import { auditMappings } from '../../../src/sinks/elastic/mappings.ts';
import { enrichPipeline } from '../../../src/sinks/elastic/templates.ts';
import { generatedEvents, journaled, ORIGIN } from '../../formats/events.ts';

/** Free-form branches: what is below them is one field, or mapped as it comes. */
const FREE = ['labels', 'cloudquery.audit.event_details'];

/** An event that says everything which any event says. */
const TALKATIVE = {
  id: 'e1',
  user: {
    id: 'u1',
    email: 'ana@acme.example',
    name: 'Ana',
    provider: 'saml',
    enabled: true,
    mfa_configured: true,
    last_login_at: '2026-01-02T03:04:05Z',
    roles: [{ id: 'r1', name: 'Admin', type: 'admin:write' }],
  },
  user_ip_address: '203.0.113.7',
  event_type: 'user_role_changed',
  entity_display_name: 'bob@acme.example',
  event_details: {
    id: 'x1',
    api_key: { id: 'k1', name: 'terraform' },
    target_user: { id: 'u2', email: 'bob@acme.example', name: 'Bob' },
    old_roles: ['Reader'],
    new_roles: ['Admin'],
    changes: { roles: 1 },
    reason: 'asked for',
  },
  is_success: true,
  created_at: '2026-01-02T03:04:05Z',
  team_name: 'platform',
};

function emitted(): Set<string> {
  const canonicalize = createCanonicalize();
  const group = { ...TALKATIVE, event_type: 'team_updated' };
  const events = [TALKATIVE, group].map((item) => journaled(JSON.stringify(item)));
  const documents = [...events, ...generatedEvents(300, 11)].map(
    (event) => JSON.parse(ecsFormat.create({}).render(canonicalize(event), ORIGIN)) as unknown,
  );
  return new Set(documents.flatMap((document) => leaves(document, '')));
}

function leaves(value: unknown, path: string): string[] {
  if (!isObject(value) || FREE.includes(path)) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

/** What the pipeline adds to a document. */
function enriched(): Set<string> {
  const fields = new Set<string>();
  const { processors, on_failure: failures } = enrichPipeline('elasticsearch') as unknown as {
    processors: Record<string, Processor>[];
    on_failure: Record<string, Processor>[];
  };
  for (const step of [...processors, ...failures]) {
    for (const [kind, { field, target_field: target, properties }] of Object.entries(step)) {
      if (kind === 'rename') fields.delete(field);
      if (kind === 'geoip') for (const property of properties ?? []) fields.add(`${target}.${property}`);
      else fields.add(target ?? field);
    }
  }
  return fields;
}

interface Processor {
  readonly field: string;
  readonly target_field?: string;
  readonly properties?: readonly string[];
}

function mapped(tree: unknown, path: string): string[] {
  const { properties, type } = tree as { properties?: Record<string, unknown>; type?: string };
  if (properties === undefined || FREE.includes(path)) return [path];
  expect([path, type]).toEqual([path, undefined]);
  return Object.entries(properties).flatMap(([key, inner]) =>
    mapped(inner, path === '' ? key : `${path}.${key}`),
  );
}

describe.each(['elasticsearch', 'opensearch'] as const)('the mapping for %s', (product) => {
  const known = mapped(auditMappings(product), '');

  it('knows every field that the format ecs and the pipeline emit', () => {
    expect([...emitted(), ...enriched()].filter((field) => !known.includes(field))).toEqual([]);
  });

  it('knows no field that nobody emits', () => {
    // With heartbeats configured; what of them is not searched is kept and not mapped.
    const told = Object.keys(HEARTBEAT).map((member) => `auditferry_heartbeat.${member}`);
    const sources = ['name', 'frontier', 'verified_up_to'].map(
      (member) => `auditferry_heartbeat.sources.${member}`,
    );
    const sealed = ['event.sequence', 'auditferry_seal', ...told, ...sources];
    const all = new Set([...emitted(), ...enriched(), ...sealed]);
    expect(known.filter((field) => !all.has(field))).toEqual([]);
  });

  it('finds a place on a map', () => {
    expect(JSON.stringify(auditMappings(product))).toContain(
      '"location":{"type":"geo_point","ignore_malformed":true}',
    );
  });
});
