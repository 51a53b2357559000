import type { Credential } from '../model/secret.ts';
import { awsRefusal } from './aws-refusals.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http.ts';

/** Gives a credential's value for the request that is being made, and notes which version went out with it. */
export type Show = <Value>(credential: Credential<Value>) => Promise<Value>;

/** A credential that changes under every request must not keep us here. */
const TRIES_LIMIT = 4;

/**
 * An attempt that carries credentials: refused ones are told so, by the version that was shown, and where another one is at hand the
 * attempt is made again with that. What was refused for its credential took nothing, so this repeats nothing.
 */
export async function withCredentials<Result>(
  attempt: (show: Show) => Promise<Result>,
  refuses: (result: Result) => boolean,
  signal: AbortSignal,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const shown: { readonly credential: Pick<Credential, 'refused'>; readonly version: number }[] = [];
    const result = await attempt(async (credential) => {
      const { value, version } = await credential.get(signal);
      shown.push({ credential, version });
      return value;
    });
    if (!refuses(result)) return result;
    const another = shown.map(({ credential, version }) => credential.refused(version)).includes(true);
    if (!another || tries === TRIES_LIMIT) return result;
  }
}

/** One HTTP exchange that carries credentials. */
export async function exchangeWith(
  client: Pick<HttpClient, 'exchange'>,
  build: (show: Show) => Promise<HttpRequest>,
  signal: AbortSignal,
  /** Whether an answer refuses the credential: not every Platform says so with a status. */
  refuses: (response: HttpResponse) => boolean = refusesCredential,
): Promise<HttpResponse> {
  return withCredentials(async (show) => client.exchange(await build(show), signal), refuses, signal);
}

function refusesCredential(response: HttpResponse): boolean {
  return awsRefusal(response)?.isOfKeys ?? isRefusal(response);
}

export function isRefusal({ status }: Pick<HttpResponse, 'status'>): boolean {
  return status === 401 || status === 403;
}
