import type { JsonObject } from '../../model/json.ts';

export type Product = 'elasticsearch' | 'opensearch';

type Tree = JsonObject;

/** Longest keyword that is indexed, in characters: 8191 of the largest UTF-8 characters stay under Lucene's 32766 bytes. */
const IGNORE_ABOVE = 1024;
const IGNORE_ABOVE_DETAILS = 8191;

const keyword: Tree = { type: 'keyword', ignore_above: IGNORE_ABOVE };
const date: Tree = { type: 'date' };
const boolean: Tree = { type: 'boolean' };
/** What the look-ups of the pipeline `auditferry-enrich` say of a place, beside where it is. */
export const PLACE_NAMES =
  'city_name continent_name country_iso_code country_name region_iso_code region_name';
/** Kept in the document, found by no search: the event as the Platform sent it. */
const stored: Tree = { type: 'keyword', index: false, doc_values: false };

/**
 * Mappings of everything that the ecs format and the ingest pipeline emit, and of nothing else, written out instead of left to guessing: a member of an audit
 * event that looks like a date or an address must never make a document impossible to index.
 * Field types after ECS 9.4.0 (Apache-2.0), all of them unchanged since 8.11.0.
 */
export function auditMappings(product: Product): Tree {
  return {
    date_detection: false,
    numeric_detection: false,
    dynamic_templates: [{ strings: { match_mapping_type: 'string', mapping: keyword } }],
    properties: {
      '@timestamp': date,
      message: sentence(product),
      tags: keyword,
      ecs: branch({ version: keyword }),
      agent: branch(keywords('type name version')),
      data_stream: branch({ type: keyword, dataset: keyword, namespace: keyword }),
      error: branch({ message: sentence(product) }),
      event: branch({
        ...keywords('action category code dataset id kind module outcome provider reason type'),
        created: date,
        ingested: date,
        sequence: { type: 'long' },
        original: stored,
      }),
      group: branch(keywords('name')),
      observer: branch(keywords('vendor product type version')),
      organization: branch(keywords('id name')),
      related: branch({ user: keyword, hosts: keyword, ip: address() }),
      source: branch({
        address: keyword,
        ip: address(),
        geo: branch({ ...keywords(PLACE_NAMES), location: { type: 'geo_point', ignore_malformed: true } }),
        as: branch({ number: { type: 'long' }, organization: branch(keywords('name')) }),
      }),
      user: branch({
        ...keywords('id name email full_name roles'),
        target: branch(keywords('id name email full_name roles')),
        changes: branch(keywords('roles')),
      }),
      labels: branch({}, true),
      // Of heartbeats (docs/heartbeat.md), and the seal of every event while they are on.
      auditferry_seal: stored,
      auditferry_heartbeat: heartbeatBranch(),
      cloudquery: branch({ audit: auditBranch(product) }),
    },
  };
}

/** What alerts and comparisons look at; the rest is kept and found by no search. */
function heartbeatBranch(): Tree {
  const long: Tree = { type: 'long' };
  const numbers =
    'number every_seconds first_seq last_seq events filtered dead_letters waiting open_dead_letters journal_seq';
  return {
    ...branch({
      ...keywords('installation_id sink stream'),
      ...Object.fromEntries(numbers.split(' ').map((name) => [name, long])),
      closed_at: date,
      ordered: boolean,
      sources: branch({ name: keyword, frontier: date, verified_up_to: date }),
    }),
    dynamic: false,
  };
}

/** The Platform's own namespace: known members are mapped, anything further is kept but not indexed. */
function auditBranch(product: Product): Tree {
  return {
    ...branch({
      ...keywords('event_type object_type verb domain severity classification_confidence'),
      ...keywords('entity_id changed_attributes added_roles removed_roles team_name instance api_version'),
      api_key: branch(keywords('id name')),
      entity_display_name: { ...keyword, fields: { text: sentence(product) } },
      event_details: freeForm(product),
      user: branch({
        ...keywords('provider type role_types'),
        enabled: boolean,
        mfa_configured: boolean,
        last_login_at: { type: 'date', ignore_malformed: true },
      }),
    }),
    dynamic: false,
  };
}

/**
 * Free-form members as one field: any depth, any type, empty names and all, without a mapping per member.
 * `flat_object` needs OpenSearch 2.7.
 */
function freeForm(product: Product): Tree {
  return product === 'opensearch'
    ? { type: 'flat_object' }
    : { type: 'flattened', ignore_above: IGNORE_ABOVE_DETAILS, depth_limit: 20 };
}

function sentence(product: Product): Tree {
  return { type: product === 'opensearch' ? 'text' : 'match_only_text' };
}

function address(): Tree {
  return { type: 'ip', ignore_malformed: true };
}

function keywords(names: string): Tree {
  return Object.fromEntries(names.split(' ').map((name) => [name, keyword]));
}

function branch(properties: Tree, dynamic = false): Tree {
  return dynamic ? { type: 'object', dynamic: true, properties } : { properties };
}
