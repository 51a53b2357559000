import { createCanonicalize } from '../../src/formats/canonical.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import type { Format } from '../../src/formats/format.ts';
import { ORIGIN, journaled } from '../formats/events.ts';

/** One thing that happened on the Platform, as short as a scenario wants it. */
export interface Happening {
  readonly type: string;
  /** Minutes after the scenario's start. */
  readonly at?: number;
  /** Who did it: the part of the e-mail before the `@`. */
  readonly by?: string;
  readonly from?: string;
  /** Null: the event does not say, as the API allows. */
  readonly ok?: boolean | null;
  readonly entity?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  /** Two copies of one event have one id. */
  readonly id?: string;
}

export type Document = Readonly<Record<string, unknown>>;

/** When scenarios begin. */
export const START_MS = Date.parse('2026-01-02T03:00:00Z');
const ROLE = { id: 'a1b2c3d4-0000-4000-8000-000000000002', name: 'General', type: 'general:write' };
const RENDERERS: Readonly<Record<'ecs' | 'cim', Format>> = {
  ecs: ecsFormat.create({}),
  cim: cimFormat.create({}),
};
const canonicalize = createCanonicalize({});

/** The items of a scenario, as the Platform's interface lists them. */
export function itemsOf(happenings: readonly Happening[]): object[] {
  return happenings.map((happening, index) => {
    const {
      type,
      at = 0,
      by = 'bob',
      from = '203.0.113.7',
      ok = true,
      entity = null,
      details = {},
    } = happening;
    return {
      id: happening.id ?? `0b8f6c52-3e1d-4a77-8f0e-${String(index).padStart(12, '0')}`,
      user: {
        id: `9c8d7e6f-0000-4000-8000-${Buffer.from(by).toString('hex').padEnd(12, '0').slice(0, 12)}`,
        email: `${by}@acme.example`,
        name: by,
        enabled: true,
        provider: 'local',
        mfa_configured: true,
        roles: [ROLE],
        ...happening.user,
      },
      user_ip_address: from,
      event_type: type,
      entity_display_name: entity,
      event_details: details,
      ...(ok === null ? {} : { is_success: ok }),
      created_at: new Date(START_MS + at * 60_000).toISOString(),
    };
  });
}

/** What a sink sends of these items. */
export function rendered(items: readonly object[], format: 'ecs' | 'cim'): Document[] {
  return items.map(
    (item, index) =>
      JSON.parse(
        RENDERERS[format].render(
          canonicalize(journaled(JSON.stringify(item), { seq: BigInt(index + 1) })),
          ORIGIN,
        ),
      ) as Document,
  );
}

/** `{"a": {"b": 1}}` as `a.b`: 1. Lists stay as they are: the products that search them ask for any member. */
export function flattened(document: Document, prefix = ''): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(document)) {
    const name = prefix + key;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [inner, leaf] of flattened(value as Document, `${name}.`)) fields.set(inner, leaf);
    else fields.set(name, value);
  }
  return fields;
}
