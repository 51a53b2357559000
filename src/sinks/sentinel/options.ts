import { ForwardError } from '../../model/errors.ts';
import { problemsOf } from '../../model/option-problems.ts';
import type { OptionProblem } from '../../model/option-problems.ts';
import type { OptionsOf } from '../../model/options.ts';
import type { PartSchema } from '../../model/part.ts';
import { clientProblems } from '../../net/http.ts';
import type { Oauth2Options } from '../../net/oauth2.ts';
import { tlsSchema } from '../../net/tls.ts';
import { readHttpAddress } from '../http-address.ts';

const ADDRESS = '^https?://[^\\s@]+$';

export const sentinelSchema = {
  description: 'Microsoft Sentinel through the Logs Ingestion API of Azure Monitor.',
  required: ['endpoint', 'rule_id', 'stream', 'tenant_id', 'client_id', 'client_secret'],
  properties: {
    endpoint: {
      type: 'string',
      pattern: ADDRESS,
      form: 'an address that begins with https://',
      description: 'Logs ingestion endpoint of the data collection rule, or of a data collection endpoint.',
    },
    rule_id: {
      type: 'string',
      pattern: '^dcr-[0-9A-Za-z]+$',
      form: 'dcr- and 32 letters and digits',
      description: 'Immutable ID of the data collection rule: dcr- and 32 digits.',
    },
    stream: {
      type: 'string',
      pattern: '^Custom-[A-Za-z0-9_-]+$',
      form: 'Custom- and letters, digits, hyphens and underscores',
      description: 'Stream that the rule declares: Custom-CloudQueryAudit.',
    },
    tenant_id: {
      type: 'string',
      pattern: '^[A-Za-z0-9.-]+$',
      form: 'an id or a domain such as contoso.onmicrosoft.com',
      description: 'Directory (tenant) ID.',
    },
    client_id: { type: 'string', minLength: 1, description: 'Application (client) ID.' },
    client_secret: {
      type: 'string',
      secret: true,
      description: 'Value of a client secret of the application.',
    },
    authority: {
      type: 'string',
      pattern: ADDRESS,
      form: 'an address that begins with https://',
      default: 'https://login.microsoftonline.com',
      description: 'Where tokens are given; another one in the clouds of governments and China.',
    },
    audience: {
      type: 'string',
      pattern: ADDRESS,
      form: 'an address that begins with https://',
      default: 'https://monitor.azure.com',
      description: 'What the token is for: https://monitor.azure.us or .cn in those clouds.',
    },
    compress: { enum: ['gzip', 'none'], default: 'gzip', description: 'Compression of the request body.' },
    request_timeout: {
      type: 'string',
      duration: true,
      default: '30s',
      description: 'Longest wait for a whole answer.',
    },
    tls: tlsSchema,
  },
} as const satisfies PartSchema;

export type SentinelOptions = OptionsOf<typeof sentinelSchema>;

/** What the schema cannot say, each at its own key. */
export function validateSentinel(options: SentinelOptions): readonly OptionProblem[] {
  return [
    ...problemsOf([
      ['endpoint', () => ingestionUrl(options)],
      ['authority', () => readHttpAddress(options.authority)],
      ['client_secret', () => assertNoSecretId(options.client_secret.reveal())],
    ]),
    ...clientProblems(options.tls, 'tls'),
  ];
}

export function ingestionUrl({ endpoint, rule_id: rule, stream }: SentinelOptions): URL {
  const url = readHttpAddress(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/dataCollectionRules/${rule}/streams/${stream}`;
  url.search = '?api-version=2023-01-01';
  return url;
}

export function tokenOptions(options: SentinelOptions): Oauth2Options {
  const { authority, audience, tenant_id: tenant, client_id, client_secret } = options;
  const token_url = `${authority.replace(/\/+$/, '')}/${tenant}/oauth2/v2.0/token`;
  return { token_url, client_id, client_secret, scope: `${audience.replace(/\/+$/, '')}/.default` };
}

/** The portal shows the ID of a secret beside its value, and for ever, while the value is shown once. */
function assertNoSecretId(secret: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(secret.trim())) return;
  throw new ForwardError('config', 'is the ID of a secret, not its value', {
    hint: 'expected the value, which the portal shows once, when the secret is made',
  });
}
