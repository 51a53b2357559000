import { ForwardError } from '../../model/errors.ts';
import type { PartSchema } from '../../model/part.ts';
import type { Secret } from '../../model/secret.ts';
import { tlsSchema } from '../../net/tls.ts';
import type { TlsOptions } from '../../net/tls.ts';
import { cloudIdUrl } from './cloud-id.ts';
import type { Product } from './mappings.ts';

export interface InstallOptions {
  readonly templates?: boolean;
  /** Elasticsearch's own words: `365d`. */
  readonly lifecycle?: string;
}

export interface ElasticsearchOptions {
  readonly url?: string;
  readonly urls?: readonly string[];
  readonly cloud_id?: string;
  readonly api_key?: Secret;
  readonly username?: string;
  readonly password?: Secret;
  readonly data_stream?: string;
  readonly index?: string;
  readonly pipeline?: string;
  readonly install?: boolean | InstallOptions;
  readonly compress?: 'gzip' | 'none';
  readonly request_timeout?: number;
  readonly guard_after?: number;
  readonly flavour?: 'auto' | Product;
  readonly tls?: TlsOptions;
}

export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;
export const DEFAULT_GUARD_AFTER_MS = 300_000;

const address = { type: 'string', pattern: '^https?://', minLength: 8 } as const;

export const elasticsearchSchema: PartSchema = {
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
      description: 'User name for basic authentication.',
    },
    password: { type: 'string', secret: true, description: 'Password for basic authentication.' },
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
  rules: { dependentRequired: { username: ['password'], password: ['username'] } },
};

/** The nodes to ask. Throws `config` unless exactly one of url, urls and cloud_id is there and carries no credentials. */
export function readAddresses(options: ElasticsearchOptions): readonly URL[] {
  const given = [options.url, options.urls, options.cloud_id].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new ForwardError(
      'config',
      `${given.length === 0 ? 'none' : 'more than one'} of url, urls and cloud_id is given`,
      {
        mend: 'keep one of them',
      },
    );
  }
  if (options.cloud_id !== undefined) return [cloudIdUrl(options.cloud_id)];
  return (options.urls ?? [options.url ?? '']).map(readAddress);
}

function readAddress(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new ForwardError('config', 'url is not an http or https address', {
      mend: 'write it like https://es.example.com:9200',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new ForwardError('config', `url of ${url.host} holds a user name or a password`, {
      mend: 'move them to `username` and `password`',
    });
  }
  return url;
}

/** Gives the Authorization header for the next request. Throws `config` for two kinds of credentials at once. */
export function readAuthorization(options: ElasticsearchOptions): () => string | undefined {
  const { api_key: apiKey, username, password } = options;
  if (apiKey !== undefined && (username !== undefined || password !== undefined)) {
    throw new ForwardError('config', 'api_key and username are both given', { mend: 'keep one of them' });
  }
  if (apiKey !== undefined) return () => apiKeyHeader(apiKey);
  if (username !== undefined && password !== undefined) {
    return () => `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`;
  }
  return () => undefined;
}

function apiKeyHeader(apiKey: Secret): string {
  const value = apiKey.reveal().trim();
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new ForwardError(
      'denied',
      'api_key is empty or holds a space, a line break or a character outside ASCII',
      {
        mend: 'give the `encoded` value of the API key, or id:key',
      },
    );
  }
  const encoded = value.includes(':') ? Buffer.from(value).toString('base64') : value;
  return `ApiKey ${encoded}`;
}
