import { oneLine } from '../model/errors.ts';
import type { HttpResponse } from './http.ts';

/** Why AWS does not believe a request's signature. */
export interface AwsRefusal {
  readonly code: string;
  readonly hint: string;
  /** Whether other keys would fare better. */
  readonly isOfKeys: boolean;
}

const BODY_LOOKED_AT_BYTES = 8192;

const CLOCK = 'set the clock of this machine: AWS takes no request that is signed more than some minutes off';
const EXPIRED = 'the temporary credentials have expired; new ones are looked for';
const KEY = 'check access_key_id; a key kept in a file is reread automatically';
const SIGNATURE = 'check secret_access_key, region and service';

/** The codes of AWS "Common errors" and of S3 "Error responses" that are about keys, signature and clock. */
const REFUSALS: Readonly<Record<string, Omit<AwsRefusal, 'code'>>> = {
  ExpiredToken: { hint: EXPIRED, isOfKeys: true },
  ExpiredTokenException: { hint: EXPIRED, isOfKeys: true },
  IncompleteSignature: { hint: SIGNATURE, isOfKeys: true },
  IncompleteSignatureException: { hint: SIGNATURE, isOfKeys: true },
  InvalidAccessKeyId: { hint: KEY, isOfKeys: true },
  InvalidClientTokenId: { hint: KEY, isOfKeys: true },
  InvalidSignatureException: { hint: SIGNATURE, isOfKeys: true },
  InvalidToken: { hint: 'check session_token: it does not belong to the key', isOfKeys: true },
  RequestExpired: { hint: CLOCK, isOfKeys: false },
  RequestTimeTooSkewed: { hint: CLOCK, isOfKeys: false },
  SignatureDoesNotMatch: { hint: SIGNATURE, isOfKeys: true },
  UnrecognizedClientException: { hint: KEY, isOfKeys: true },
};

/** Services say it with 400 as well as with 401 and 403. Null for any other answer. */
export function awsRefusal(response: HttpResponse): AwsRefusal | null {
  if (response.status !== 400 && response.status !== 401 && response.status !== 403) return null;
  const text = response.body.subarray(0, BODY_LOOKED_AT_BYTES).toString('utf8');
  const code = codeIn(response.headers['x-amzn-errortype'], text);
  const refusal = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  if (refusal === undefined) return null;
  // Where the clock is off, most services call that a wrong signature, and say in the message what it is.
  if (/Signature (?:expired|not yet current)/.test(text)) return { code, hint: CLOCK, isOfKeys: false };
  return { code, ...refusal };
}

/** The code stands in a header, in JSON or in XML, in JSON behind the name of the service. */
function codeIn(header: string | readonly string[] | undefined, text: string): string {
  const said =
    (typeof header === 'string' ? header : header?.[0]) ??
    /"(?:__type|[cC]ode)"\s*:\s*"([^"]{1,200})"/.exec(text)?.[1] ??
    /<Code>([A-Za-z0-9.]{1,60})<\/Code>/.exec(text)?.[1] ??
    '';
  return oneLine(said.replace(/:.*$/s, '').replace(/^.*#/s, ''), 60);
}
