import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { authProblems, authSchema } from '../../net/auth.ts';
import { clientProblems } from '../../net/http.ts';
import { tlsSchema } from '../../net/tls.ts';
import { readHttpAddress } from '../http-address.ts';
import { headerReads, headersSchema } from '../operator-headers.ts';

export const otlpSchema = {
  description: 'OpenTelemetry logs over HTTP (OTLP), one log record per event.',
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      pattern: '^https?://[^\\s@]+$',
      description: 'The receiver, port 4318 as a rule; /v1/logs is appended when the address has no path.',
    },
    encoding: {
      enum: ['protobuf', 'json'],
      default: 'protobuf',
      description: 'How requests are written. Every receiver reads protobuf, most read JSON.',
    },
    headers: headersSchema,
    auth: authSchema,
    compress: { enum: ['gzip', 'none'], default: 'gzip', description: 'Compression of the request body.' },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '30s',
      description: 'Longest wait for a whole answer.',
    },
    resource: {
      type: 'object',
      default: {},
      propertyNames: { minLength: 1, maxLength: 200 },
      additionalProperties: { type: 'string' },
      description: 'Further resource attributes; one of the same name replaces ours.',
    },
    include_original: {
      type: 'boolean',
      default: false,
      description: 'Put the event in the format of this sink into the attribute log.record.original.',
    },
    tls: tlsSchema,
  },
} as const satisfies PartSchema;

export type OtlpOptions = OptionsOf<typeof otlpSchema>;

/** What the schema cannot say, each at its own key. */
export function validateOtlp(options: OtlpOptions): readonly OptionProblem[] {
  return [
    ...problemsOf([
      ['url', () => logsUrl(options.url)],
      ...headerReads(options.headers, ownHeaders(options)),
    ]),
    ...authProblems(options.auth),
    ...clientProblems(options.tls, 'tls'),
  ];
}

/** The endpoint of the logs signal. Throws `config` for what is no http address. */
export function logsUrl(text: string): URL {
  const url = readHttpAddress(text);
  if (url.pathname === '' || url.pathname === '/') url.pathname = '/v1/logs';
  return url;
}

/** Headers that the sink itself decides. */
function ownHeaders({ auth }: OtlpOptions): ReadonlySet<string> {
  return auth === undefined ? OWN_HEADERS : new Set([...OWN_HEADERS, 'authorization']);
}

const OWN_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
]);
