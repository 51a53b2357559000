import { problemsOf } from '../model/option-problems.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { ForwardError } from '../model/errors.ts';
import type { Means } from '../model/options.ts';
import { assertAwsKeys, awsKeyProperties, awsKeyRules, openAwsKeys, signAws } from './aws.ts';
import type { AwsKeyOptions } from './aws.ts';
import type { Show } from './credentials.ts';
import type { HttpRequest } from './http.ts';
import { openOauth2 } from './oauth2.ts';
import type { Around, Oauth2Options } from './oauth2.ts';

/** How requests are authorized where a fixed secret is not enough. Exactly one of the two. */
export interface AuthOptions {
  readonly oauth2?: Oauth2Options;
  readonly aws?: AwsKeyOptions & { readonly region: string; readonly service: string };
}

export const oauth2Schema = {
  type: 'object',
  additionalProperties: false,
  required: ['token_url', 'client_id', 'client_secret'],
  description:
    'OAuth 2 client credentials: a token is asked for, kept until shortly before its end, and sent.',
  properties: {
    token_url: { type: 'string', pattern: '^https?://[^\\s@]+$', description: 'Where tokens are given.' },
    client_id: { type: 'string', minLength: 1, description: 'Name of this client.' },
    client_secret: { type: 'string', secret: true, description: 'Its secret.' },
    scope: { type: 'string', minLength: 1, description: 'What the token is to allow.' },
    client_auth: {
      enum: ['body', 'basic'],
      default: 'body',
      description: 'Where the secret goes in the request for a token.',
    },
  },
} as const;

export const authSchema: Means<AuthOptions> = {
  type: 'object',
  additionalProperties: false,
  description: 'Credentials that are exchanged for a token, or that sign each request.',
  minProperties: 1,
  maxProperties: 1,
  properties: {
    oauth2: oauth2Schema,
    aws: {
      type: 'object',
      additionalProperties: false,
      required: ['region', 'service'],
      dependentRequired: awsKeyRules,
      description: 'AWS Signature Version 4.',
      properties: {
        region: { type: 'string', pattern: '^[a-z0-9-]+$', description: 'Region of the service.' },
        service: { type: 'string', pattern: '^[a-z0-9-]+$', description: 'Its name, such as es or logs.' },
        ...awsKeyProperties,
      },
    },
  },
} as const;

/** Puts credentials on a request that is about to be sent. */
export type Authorize = (request: HttpRequest, show: Show) => Promise<HttpRequest>;

export function openAuthorize({ oauth2, aws }: AuthOptions, around: Around): Authorize {
  if (oauth2 !== undefined) {
    const token = openOauth2(oauth2, around);
    return async (request, show) => ({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${await show(token)}` },
    });
  }
  if (aws === undefined) return async (request) => request;
  const keys = openAwsKeys(aws, around);
  return async (request, show) => signAws(request, await show(keys), aws, around.clock.now());
}

export function authProblems({ oauth2, aws }: AuthOptions = {}): readonly OptionProblem[] {
  return problemsOf([
    ...(oauth2 === undefined
      ? []
      : [['auth.oauth2.token_url', () => readTokenUrl(oauth2.token_url)] as const]),
    ...(aws === undefined ? [] : [['auth.aws', () => assertAwsKeys(aws)] as const]),
  ]);
}

/** Throws `config` for what is no address. */
export function readTokenUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null) return url;
  throw new ForwardError('config', 'is not an http or https address', {
    hint: 'expected one such as https://login.example.com/oauth2/token',
  });
}
