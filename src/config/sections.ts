/** Schemas of everything that belongs to no single part, with the custom keywords of model/part.ts. */

type Schema = Readonly<Record<string, unknown>>;

/** Name of a source or a sink: it becomes a metric label, a key of the journal and part of file names. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';

const severities = ['informational', 'low', 'medium', 'high', 'critical'] as const;

const section = (description: string, properties: Schema): Schema => ({
  type: 'object',
  additionalProperties: false,
  default: {},
  description,
  properties,
});

export const stateSchema = section('Where auditferry keeps the journal, and how much of it.', {
  type: {
    enum: ['sqlite', 'postgres'],
    default: 'sqlite',
    description: 'sqlite: a folder of one process; postgres: a database that several replicas share.',
  },
  dir: {
    type: 'string',
    path: true,
    default: './data',
    description: 'With sqlite: folder of the journal; one running auditferry per folder.',
  },
  url: {
    type: 'string',
    secret: true,
    description:
      'With postgres: the database as a connection URI, postgres://user:password@host:5432/database?sslmode=verify-full.',
  },
  schema: {
    type: 'string',
    pattern: '^[a-z_][a-z0-9_]{0,62}$',
    form: 'lower-case letters, digits and "_", the first no digit, at most 63 of them',
    default: 'auditferry',
    description: 'With postgres: the schema of the tables, which is for auditferry alone.',
  },
  lease: {
    type: 'string',
    duration: true,
    minimum: 3000,
    maximum: 600_000,
    default: '15s',
    description:
      'With postgres: how long a replica that is not heard of keeps its work before another takes over.',
  },
  retention: {
    type: 'string',
    duration: true,
    default: '7d',
    description:
      'How long an event stays in the journal after every sink is past it; gives way, oldest first, when max_size is reached.',
  },
  max_size: {
    type: 'string',
    size: true,
    minimum: 16 * 2 ** 20,
    default: '2GiB',
    description: 'Above this size polling stops until the sinks have caught up; nothing is dropped.',
  },
});

export const adminSchema = section('The listener for health, metrics and the status page.', {
  listen: {
    type: 'string',
    listen: true,
    default: '127.0.0.1:9464',
    description: 'Host and port, such as 0.0.0.0:9464 or [::1]:9464, or "off".',
  },
  token: {
    type: 'string',
    secret: true,
    description:
      'Allows changes, and reading what events say, with this bearer token; without it the listener changes nothing.',
  },
  allowed_hosts: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 253 },
    maxItems: 100,
    default: [],
    description:
      'Further host names under which the listener may be addressed, such as its name behind a proxy.',
  },
});

export const logSchema = section('The log on standard error.', {
  level: {
    enum: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
    description: 'The least important level that is shown.',
  },
  format: {
    enum: ['auto', 'json', 'pretty'],
    default: 'auto',
    description: 'JSON lines, or text for people; auto takes text on a terminal and JSON elsewhere.',
  },
});

/** Off by default: without the section there is none. */
export const heartbeatSchema: Schema = {
  type: 'object',
  additionalProperties: false,
  description:
    'One marked event for each sink at an interval, which proves what the sink was sent; without this section there is none.',
  properties: {
    every: {
      type: 'string',
      duration: true,
      minimum: 1000,
      maximum: 86_400_000,
      default: '5m',
      description: 'How often each sink gets one.',
    },
    signing_key: {
      type: 'string',
      secret: true,
      lines: true,
      description: 'An Ed25519 private key in PEM that signs them; best ${file:/path}.',
    },
  },
};

export const shutdownTimeoutSchema: Schema = {
  type: 'string',
  duration: true,
  maximum: 3_600_000,
  default: '20s',
  description: 'How long a stop may take to finish and save what is in flight.',
};

/** Keys that every sink takes beside its own. `batch`: the sink's own limits, bytes and milliseconds. */
export function commonSinkSchemas(batch: {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}): Schema {
  return {
    batch: batchSchema(batch),
    where: { $ref: '#/$defs/where', default: {} },
    concurrent: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      default: 1,
      description:
        'Batches in flight at once, at most; above 1 the order of events is not kept. With 1, a HEC token with acknowledgement has up to three more, sent in order, that wait for the indexer.',
    },
    rate_limit: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 10_000,
      description: 'Requests a second, at most; no limit when absent.',
    },
    max_event_age: {
      type: 'string',
      duration: true,
      minimum: 1,
      description:
        'Events older than this are not sent and are counted as too old: for a receiver that takes old ones and drops them.',
    },
    max_event_bytes: {
      type: 'string',
      size: true,
      minimum: 1024,
      description: 'Larger documents become dead letters: for a receiver that would cut them.',
    },
    on_mass_rejection: {
      enum: ['hold', 'dead_letter'],
      default: 'hold',
      description:
        'When the receiver refuses nearly everything for one reason: hold and say so, or let the events become dead letters.',
    },
  };
}

function batchSchema(batch: { maxEvents: number; maxBytes: number; maxWaitMs: number }): Schema {
  return section('How many events are sent together; whichever limit is met first ends a batch.', {
    max_events: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: batch.maxEvents,
      description: 'Events in one batch, at most.',
    },
    max_bytes: {
      type: 'string',
      size: true,
      minimum: 1024,
      maximum: 256 * 2 ** 20,
      default: batch.maxBytes,
      description: 'Size of one batch before compression, at most.',
    },
    max_wait: {
      type: 'string',
      duration: true,
      maximum: 600_000,
      default: batch.maxWaitMs,
      description: 'How long a batch may wait for more events.',
    },
  });
}

export const whereSchema = section('Which events this sink takes; an empty list takes all.', {
  event_type: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 512 },
    maxItems: 1000,
    default: [],
    description: 'Event types, as globs: * stands for any characters, ? for one.',
  },
  status: {
    type: 'array',
    items: { enum: ['success', 'failure', 'unknown'] },
    uniqueItems: true,
    default: [],
    description: 'Outcomes of the event.',
  },
  severity: {
    enum: severities,
    default: 'informational',
    description: 'The least severity that is sent.',
  },
});
