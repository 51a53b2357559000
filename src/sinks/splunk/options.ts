import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import type { Secret } from '../../model/secret.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import type { TlsOptions } from '../../net/tls.ts';
import { addressReads, readHttpAddress } from '../http-address.ts';

export interface SplunkSearchOptions {
  readonly url: string;
  readonly token: Secret;
  readonly tls?: TlsOptions;
}

/** Splunk forgets a silent channel after 600 s. */
const ACK_POLL_LIMIT_MS = 300_000;

const address = {
  type: 'string',
  pattern: '^https?://[^\\s@?#]+$',
} as const;

export const splunkSchema = {
  description: 'Splunk’s HTTP Event Collector (HEC), Enterprise or Cloud.',
  required: ['token'],
  properties: {
    url: { ...address, description: 'HEC address, for example https://splunk.example.com:8088.' },
    urls: {
      type: 'array',
      items: address,
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      description: 'Several HEC addresses, one per indexer, used in turn.',
    },
    token: { type: 'string', secret: true, description: 'HEC token.' },
    index: {
      type: 'string',
      pattern: '^[a-z0-9_][a-z0-9_-]*$',
      form: 'lower-case letters, digits, hyphens and underscores, no hyphen first',
      description: 'Index for every event; without it the token’s default index is used.',
    },
    host: { type: 'string', minLength: 1, description: 'Value of host; by default the Platform’s host.' },
    source: {
      type: 'string',
      minLength: 1,
      description: 'Value of source; by default cloudquery:audit-logs:<api version>.',
    },
    sourcetype: {
      type: 'string',
      minLength: 1,
      default: 'cloudquery:platform:audit',
      description: 'Value of sourcetype.',
    },
    ack: {
      enum: ['auto', 'on', 'off'],
      default: 'auto',
      description: 'Wait for the indexer’s acknowledgement: when the token offers it, always, or never.',
    },
    ack_timeout: {
      type: 'string',
      duration: true,
      default: '5m',
      description: 'Without acknowledgement after this long, the events are sent again on a new channel.',
    },
    ack_poll: {
      type: 'string',
      duration: true,
      minimum: 1,
      maximum: ACK_POLL_LIMIT_MS,
      default: '10s',
      description: 'Longest pause between two questions for acknowledgements; the first ones come sooner.',
    },
    compress: { enum: ['gzip', 'none'], default: 'gzip', description: 'Compression of requests.' },
    max_event_size: {
      type: 'string',
      size: true,
      default: '5MB',
      description: 'An event that is larger becomes a dead letter; set it to Splunk’s maxEventSize.',
    },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '30s',
      description: 'Longest wait for a whole answer.',
    },
    channel_cookie: {
      type: 'string',
      pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
      form: 'the name of a cookie, without spaces, commas and semicolons',
      description: 'Cookie that carries the channel, where the load balancer keeps to one indexer by it.',
    },
    search: {
      type: 'object',
      additionalProperties: false,
      required: ['url', 'token'],
      description: 'Splunk’s management port, to ask which events are there (verify).',
      properties: {
        url: { ...address, description: 'For example https://splunk.example.com:8089.' },
        token: { type: 'string', secret: true, description: 'Token of a user who may search the index.' },
        tls: tlsSchema,
      },
    },
    tls: tlsSchema,
  },
  rules: { oneOf: [{ required: ['url'] }, { required: ['urls'] }] },
} as const satisfies PartSchema;

export type SplunkOptions = OptionsOf<typeof splunkSchema>;

/** What the schema cannot say: addresses that are none, tokens that no header can carry, files that cannot be read. */
export function validateSplunk(options: SplunkOptions): readonly OptionProblem[] {
  const { search } = options;
  return [
    ...problemsOf(addressReads(options)),
    ...tokenProblems('token', options.token),
    ...clientProblems(options.tls, 'tls'),
    ...(search === undefined
      ? []
      : [
          ...problemsOf([['search.url', () => readHttpAddress(search.url)]]),
          ...tokenProblems('search.token', search.token),
          ...clientProblems(search.tls, 'search.tls'),
        ]),
  ];
}

function tokenProblems(path: string, token: Secret): readonly OptionProblem[] {
  if (/^[\x21-\x7e]+$/.test(token.reveal())) return [];
  const problem =
    'holds a space or a character that no header can carry; expected the token alone, and in a file nothing else';
  return [{ path, problem }];
}

/** The schema lets one of the two keys stand. */
export function addressesOf(options: SplunkOptions): readonly string[] {
  return options.urls ?? (options.url === undefined ? [] : [options.url]);
}
