import type { FormatDefinition } from '../formats/format.ts';
import type { PartSchema } from '../model/part.ts';
import { tlsSchema } from '../net/tls.ts';
import type { SinkDefinition } from '../sinks/sink.ts';
import type { SourceDefinition } from '../sources/source.ts';
import {
  adminSchema,
  commonSinkSchemas,
  heartbeatSchema,
  logSchema,
  NAME_PATTERN,
  shutdownTimeoutSchema,
  stateSchema,
  whereSchema,
} from './sections.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** Everything whose keys a configuration may hold. */
export interface Parts {
  readonly sources: readonly SourceDefinition[];
  readonly sinks: readonly SinkDefinition[];
  readonly formats: readonly FormatDefinition[];
  readonly normalize: PartSchema;
  readonly simulator: PartSchema;
}

/**
 * The one schema of a configuration file, put together from the schemas of the parts: JSON Schema 2020-12 with
 * `discriminator` (OpenAPI's) on `type`, and the custom keywords of model/part.ts.
 */
export function assembleSchema(parts: Parts): Schema {
  return {
    type: 'object',
    description: 'Configuration of auditferry.',
    additionalProperties: false,
    required: ['sources', 'sinks'],
    properties: {
      state: stateSchema,
      admin: adminSchema,
      log: logSchema,
      heartbeat: heartbeatSchema,
      shutdown_timeout: shutdownTimeoutSchema,
      normalize: { ...partSchema(parts.normalize), default: {} },
      simulator: partSchema(parts.simulator),
      sources: named(
        'Where audit events come from, by name; the name is the identity of its progress.',
        parts.sources.map((definition) => withType(definition.type, definition.schema, {}, [])),
      ),
      sinks: named(
        'Where audit events go, by name; the name is the identity of its cursor.',
        parts.sinks.map((definition) => sinkSchema(definition, parts.formats)),
      ),
    },
    // Every sink refers to these, so that they are compiled, and stand in the editors' schema, once.
    $defs: {
      tls: tlsSchema,
      where: whereSchema,
      ...Object.fromEntries(
        parts.formats.map((format) => [formatKey(format.name), partSchema(format.schema)]),
      ),
    },
  };
}

/** A part's keys as a JSON Schema object. */
export function partSchema(part: PartSchema): Schema {
  return {
    type: 'object',
    description: part.description,
    additionalProperties: false,
    ...(part.required === undefined ? {} : { required: part.required }),
    properties: part.properties,
    ...part.rules,
  };
}

function formatKey(name: string): string {
  return `${name}_format_options`;
}

function named(description: string, branches: readonly Schema[]): Schema {
  return {
    type: 'object',
    description,
    minProperties: 1,
    propertyNames: { pattern: NAME_PATTERN },
    additionalProperties: {
      type: 'object',
      required: ['type'],
      discriminator: { propertyName: 'type' },
      oneOf: branches,
    },
  };
}

function withType(type: string, part: PartSchema, common: Schema, rules: readonly Schema[]): Schema {
  const own = partSchema(part);
  const ownRules = Array.isArray(own['allOf']) ? (own['allOf'] as Schema[]) : [];
  const allOf = [...ownRules, ...rules];
  return {
    ...own,
    required: ['type', ...(part.required ?? [])],
    properties: {
      type: { const: type, description: part.description },
      ...shared(part.properties),
      ...common,
    },
    ...(allOf.length === 0 ? {} : { allOf }),
  };
}

/** The keys with a reference in place of the `tls` block that parts have in common. */
function shared(properties: PartSchema['properties']): Schema {
  const entries = Object.entries(properties);
  return Object.fromEntries(
    entries.map(([key, schema]) => [key, schema === tlsSchema ? { $ref: '#/$defs/tls' } : schema]),
  );
}

function sinkSchema(definition: SinkDefinition, formats: readonly FormatDefinition[]): Schema {
  const common = {
    format: {
      enum: formats.map(({ name }) => name),
      default: definition.defaultFormat,
      description: 'How each event is written.',
    },
    format_options: { type: 'object', description: 'Keys of the chosen format.' },
    ...commonSinkSchemas(definition.defaultBatch),
  };
  // ajv looks at allOf before it fills in the defaults of the keys beside it: an absent format is the default one here.
  const rules = formats.map((format) => ({
    if: {
      properties: { format: { const: format.name } },
      ...(format.name === definition.defaultFormat ? {} : { required: ['format'] }),
    },
    then: { properties: { format_options: { $ref: `#/$defs/${formatKey(format.name)}`, default: {} } } },
  }));
  return withType(definition.type, definition.schema, common, rules);
}
