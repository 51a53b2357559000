import { ForwardError } from '../../model/errors.ts';
import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { authProblems, authSchema } from '../../net/auth.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import { readHttpAddress } from '../http-address.ts';
import { headerReads, headersSchema } from '../operator-headers.ts';
import { signingKey } from './signature.ts';
import { assertEvent, assertRequest } from './template.ts';

const STATUS = '[1-5][0-9]{2}';

export const httpSchema = {
  description: 'Any HTTP endpoint (a webhook): one request per batch.',
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      pattern: '^https?://[^\\s@]+$',
      description: 'Where to send. Credentials go into their own keys, never into the address.',
    },
    path_secret: {
      type: 'string',
      secret: true,
      description: 'Last part of the path, for a receiver whose address is the credential.',
    },
    method: { enum: ['POST', 'PUT'], default: 'POST', description: 'Request method.' },
    encoding: {
      enum: ['ndjson', 'json_array'],
      default: 'ndjson',
      description: 'One document per line, or one JSON array per request.',
    },
    template: {
      type: 'object',
      additionalProperties: false,
      description: 'JSON around events, for a receiver that wants more than the documents.',
      properties: {
        event: {
          type: 'string',
          minLength: 1,
          maxLength: 4096,
          description: 'Around each event, such as {"time":{time_s},"event":{event}}.',
        },
        request: {
          type: 'string',
          minLength: 1,
          maxLength: 4096,
          description: 'Around the events of a request, such as {"logs":[{events}]}.',
        },
      },
    },
    headers: headersSchema,
    bearer: { type: 'string', secret: true, description: 'Token for `Authorization: Bearer`.' },
    username: {
      type: 'string',
      minLength: 1,
      pattern: '^[^:]+$',
      form: 'a name without a colon',
      description: 'User for HTTP Basic.',
    },
    password: { type: 'string', secret: true, description: 'Password for HTTP Basic.' },
    auth: authSchema,
    signing_secrets: {
      type: 'array',
      maxItems: 5,
      default: [],
      items: { type: 'string', secret: true },
      description: 'Secrets `whsec_<base64>` to sign with after Standard Webhooks; two while you rotate.',
    },
    success: {
      type: 'array',
      minItems: 1,
      default: ['200-299'],
      items: {
        oneOf: [
          { type: 'integer', minimum: 100, maximum: 599 },
          { type: 'string', pattern: `^${STATUS}(-${STATUS})?$` },
        ],
      },
      description: 'Status codes, or ranges of them, that mean the batch was taken.',
    },
    expect: {
      type: 'object',
      minProperties: 1,
      maxProperties: 10,
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      description: 'What the JSON of such an answer must say as well, such as { failed: 0 }.',
    },
    html_is_success: {
      type: 'boolean',
      default: false,
      description: 'Believe a success status whose body is an HTML page, as proxies and login pages send.',
    },
    isolate: {
      type: 'boolean',
      default: true,
      description:
        'On 400 or 422 send halves to find the refused event; only where a failed request takes nothing.',
    },
    max_request_size: {
      type: 'string',
      size: true,
      minimum: 1024,
      description: 'Largest request body before compression; larger batches are sent in parts.',
    },
    compress: {
      enum: ['gzip', 'none'],
      default: 'none',
      description: 'Compression of the request body.',
    },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '30s',
      description: 'Longest wait for a whole answer.',
    },
    tls: tlsSchema,
  },
  rules: {
    dependentRequired: { username: ['password'], password: ['username'] },
    allOf: [
      { not: { required: ['bearer', 'username'] } },
      { not: { required: ['bearer', 'auth'] } },
      { not: { required: ['username', 'auth'] } },
    ],
  },
} as const satisfies PartSchema;

export type HttpSinkOptions = OptionsOf<typeof httpSchema>;

const OWN_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'host',
  'transfer-encoding',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
]);

/** What the schema cannot say, each at its own key. */
export function validateHttp(options: HttpSinkOptions): readonly OptionProblem[] {
  const { headers, success, signing_secrets: secrets, template: { event, request } = {} } = options;
  return [
    ...problemsOf([
      ['url', () => readHttpAddress(options.url)],
      ['template.event', () => event !== undefined && assertEvent(event)],
      ['template.request', () => request !== undefined && assertRequest(request)],
      ...headerReads(headers, ownHeaders(options)),
      ...success.map((entry, index) => [`success.${index}`, () => successRange(entry)] as const),
      ...secrets.map(
        (secret, index) => [`signing_secrets.${index}`, () => signingKey(secret.reveal())] as const,
      ),
    ]),
    ...authProblems(options.auth),
    ...clientProblems(options.tls, 'tls'),
  ];
}

/** Headers that the sink itself decides. */
function ownHeaders({ bearer, username, auth }: HttpSinkOptions): ReadonlySet<string> {
  const credentials = bearer !== undefined || username !== undefined || auth !== undefined;
  return credentials ? new Set([...OWN_HEADERS, 'authorization']) : OWN_HEADERS;
}

/** `[first, last]` pairs, both inclusive. */
export function successRanges(success: HttpSinkOptions['success']): readonly (readonly [number, number])[] {
  return success.map(successRange);
}

/** Throws `config` for a range that runs backwards. */
function successRange(entry: number | string): readonly [number, number] {
  const [first = '', last = first] = String(entry).split('-');
  if (Number(first) > Number(last)) {
    throw new ForwardError('config', 'runs backwards', {
      hint: 'expected the lower status first, such as 200-299',
    });
  }
  return [Number(first), Number(last)];
}
