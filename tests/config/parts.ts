import type { FormatDefinition } from '../../src/formats/format.ts';
import type { Parts } from '../../src/config/config.ts';
import type { SinkDefinition } from '../../src/sinks/sink.ts';
import type { SourceDefinition } from '../../src/sources/source.ts';
import { cloudquerySchema, validateCloudquery } from '../../src/sources/cloudquery/options.ts';
import type { CloudqueryOptions } from '../../src/sources/cloudquery/options.ts';
import { tlsSchema } from '../../src/net/tls.ts';

const never = (): never => {
  throw new Error('a configuration test opens nothing');
};

const cloudquery: SourceDefinition<CloudqueryOptions> = {
  type: 'cloudquery',
  schema: cloudquerySchema,
  validate: validateCloudquery,
  create: never,
  horizonMs: ({ audit_horizon: horizonMs }) => horizonMs,
  createCanonicalize: never,
};

const bucket: SinkDefinition = {
  type: 'bucket',
  schema: {
    description: 'A made-up sink with a key of every kind.',
    properties: {
      url: { type: 'string', format: 'uri', description: 'Where it is.' },
      cloud_id: { type: 'string', description: 'Where it is, otherwise.' },
      token: { type: 'string', secret: true, description: 'Its key.' },
      username: { type: 'string', description: 'Instead of a token.' },
      port: { type: 'integer', minimum: 1, maximum: 65_535, default: 80, description: 'Its port.' },
      gzip: { type: 'boolean', default: false, description: 'Whether to compress.' },
      share: { type: 'number', description: 'A number with a fraction.' },
      headers: {
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z_]+$' },
        additionalProperties: { type: 'string', secret: true },
        description: 'Free names.',
      },
      folder: { type: 'string', path: true, default: './out', description: 'A place on disk.' },
      tls: tlsSchema,
    },
    rules: {
      anyOf: [{ required: ['url'] }, { required: ['cloud_id'] }],
      not: { required: ['token', 'username'] },
    },
  },
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 500, maxBytes: 2 ** 20, maxWaitMs: 1000 },
  create: never,
};

const heap: SinkDefinition = {
  type: 'heap',
  schema: {
    description: 'A made-up sink without needs.',
    required: ['path'],
    properties: { path: { type: 'string', path: true, description: 'A file.' } },
  },
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 100, maxBytes: 4096, maxWaitMs: 250 },
  create: never,
};

const raw: FormatDefinition = {
  name: 'raw',
  kind: 'json',
  schema: { description: 'As it came.', properties: {} },
  create: never,
};

const dotted: FormatDefinition = {
  name: 'dotted',
  kind: 'text',
  schema: {
    description: 'With an option.',
    properties: {
      joint: { type: 'string', default: '.', description: 'What joins the names.' },
      pause: { duration: true, default: '2s', description: 'A duration without a type beside it.' },
    },
  },
  create: never,
};

/** Two made-up sinks and formats beside the real options of the source. */
export const fakeParts: Parts = {
  sources: [cloudquery],
  sinks: [bucket, heap],
  formats: [raw, dotted],
  normalize: {
    description: 'Made up.',
    properties: { trim: { type: 'boolean', default: true, description: 'Whether to trim.' } },
  },
  simulator: {
    description: 'Made up.',
    properties: { seed: { type: 'integer', default: 1, description: 'Any number.' } },
  },
};
