import { ForwardError } from '../../model/errors.ts';
import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { GivenOf, OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { authProblems, authSchema } from '../../net/auth.ts';
import type { Show } from '../../net/credentials.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import { addressReads } from '../http-address.ts';
import { headerReads, headersSchema } from '../operator-headers.ts';
import { cloudIdUrl } from './cloud-id.ts';
import { readTarget } from './target.ts';

const address = { type: 'string', pattern: '^https?://', minLength: 8 } as const;

export const elasticsearchSchema = {
  description:
    'Elasticsearch or OpenSearch through the bulk API, one document per event, the event id as document id.',
  properties: {
    url: { ...address, description: 'Address of the cluster, with the port: https://es.example.com:9200.' },
    urls: {
      type: 'array',
      items: address,
      minItems: 1,
      maxItems: 64,
      description: 'Addresses of several nodes, used in turn; one that cannot be reached is passed over.',
    },
    cloud_id: {
      type: 'string',
      minLength: 1,
      description: 'Cloud ID of an Elastic Cloud deployment, instead of url.',
    },
    api_key: {
      type: 'string',
      secret: true,
      description:
        'API key: the `encoded` value, or id:key. Elasticsearch, and OpenSearch where it has API keys.',
    },
    username: {
      type: 'string',
      minLength: 1,
      pattern: '^[^:]+$',
      form: 'a name without a colon',
      description: 'User name for basic authentication.',
    },
    password: { type: 'string', secret: true, description: 'Password for basic authentication.' },
    auth: authSchema,
    headers: headersSchema,
    data_stream: {
      type: 'string',
      minLength: 1,
      description: 'Data stream to write to; logs-cloudquery.audit-default when index is absent too.',
    },
    index: {
      type: 'string',
      minLength: 1,
      description:
        'Plain index or alias instead of a data stream; {yyyy.MM} becomes the month of the event, which makes repeats impossible.',
    },
    pipeline: {
      type: 'string',
      minLength: 1,
      description: 'Ingest pipeline; the index default when absent.',
    },
    install: {
      description: 'Install templates and lifecycle on first use, never over what an operator has changed.',
      anyOf: [
        { type: 'boolean' },
        {
          type: 'object',
          additionalProperties: false,
          properties: {
            templates: { type: 'boolean', description: 'Component template, index template and lifecycle.' },
            lifecycle: {
              type: 'string',
              pattern: '^[1-9][0-9]{0,5}[dh]$',
              description: 'Delete documents after this time: 365d. Without it nothing is ever deleted.',
            },
          },
        },
      ],
    },
    compress: { enum: ['gzip', 'none'], default: 'gzip', description: 'Compression of the requests.' },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '60s',
      description: 'Longest time for one request, answer included.',
    },
    guard_after: {
      type: 'string',
      duration: true,
      default: '5m',
      description:
        'Events that came to the journal longer ago than this are asked for before they go to a data stream, so that a resend after a rollover makes no repeat.',
    },
    flavour: {
      enum: ['auto', 'elasticsearch', 'opensearch'],
      default: 'auto',
      description: 'What the cluster is; auto asks it.',
    },
    tls: tlsSchema,
  },
  rules: {
    oneOf: [{ required: ['url'] }, { required: ['urls'] }, { required: ['cloud_id'] }],
    dependentRequired: { username: ['password'], password: ['username'] },
    allOf: [
      { not: { required: ['data_stream', 'index'] } },
      { not: { required: ['api_key', 'username'] } },
      { not: { required: ['api_key', 'auth'] } },
      { not: { required: ['username', 'auth'] } },
    ],
  },
} as const satisfies PartSchema;

export type ElasticsearchOptions = OptionsOf<typeof elasticsearchSchema>;
/** Without the defaults. */
export type GivenElasticsearchOptions = GivenOf<typeof elasticsearchSchema>;

/** What the schema cannot say, each at its own key. */
export function validateElasticsearch(options: GivenElasticsearchOptions): readonly OptionProblem[] {
  const { cloud_id: cloudId, data_stream: dataStream, index } = options;
  return [
    ...problemsOf([
      ...addressReads(options),
      ...(cloudId === undefined ? [] : [['cloud_id', () => cloudIdUrl(cloudId)] as const]),
      [index === undefined ? 'data_stream' : 'index', () => readTarget(dataStream, index)],
      ...headerReads(options.headers ?? {}, ownHeaders(options)),
    ]),
    ...authProblems(options.auth),
    ...clientProblems(options.tls, 'tls'),
  ];
}

const OWN_HEADERS = new Set([
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
]);

/** Headers that the sink itself decides. */
function ownHeaders({ api_key: apiKey, username, auth }: GivenElasticsearchOptions): ReadonlySet<string> {
  const credentials = apiKey !== undefined || username !== undefined || auth !== undefined;
  return credentials ? new Set([...OWN_HEADERS, 'authorization']) : OWN_HEADERS;
}

/** The nodes to ask. Throws `config` for what is no address or carries credentials. */
export function readAddresses(options: GivenElasticsearchOptions): readonly URL[] {
  if (options.cloud_id !== undefined) return [cloudIdUrl(options.cloud_id)];
  return addressReads(options).map(([, read]) => read());
}

/** Gives the Authorization header for the next request. */
export function readAuthorization(
  options: ElasticsearchOptions,
): (show: Show) => Promise<string | undefined> {
  const { api_key: apiKey, username, password } = options;
  return async (show) => {
    if (apiKey !== undefined) return apiKeyHeader(await show(apiKey));
    if (username === undefined || password === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${await show(password)}`).toString('base64')}`;
  };
}

function apiKeyHeader(apiKey: string): string {
  const value = apiKey.trim();
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new ForwardError(
      'denied',
      'api_key is empty or holds a space, a line break or a character outside ASCII',
      {
        hint: 'give the `encoded` value of the API key, or id:key',
      },
    );
  }
  const encoded = value.includes(':') ? Buffer.from(value).toString('base64') : value;
  return `ApiKey ${encoded}`;
}
