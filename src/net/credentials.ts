import type { Credential } from '../model/secret.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http.ts';

/** Gives a credential's value for the request that is being made, and notes which version went out with it. */
export type Show = <Value>(credential: Credential<Value>) => Promise<Value>;

/** A credential that changes under every request must not keep us here. */
const TRIES_LIMIT = 4;

/**
 * One exchange that carries credentials: a refused one is told so, by the version that was sent, and where another one is at hand the
 * request is made again with that. A request that was refused for its credential took nothing, so this repeats nothing.
 */
export async function exchangeWith(
  client: Pick<HttpClient, 'exchange'>,
  build: (show: Show) => Promise<HttpRequest>,
  signal: AbortSignal,
  /** Whether an answer refuses the credential: not every Platform says so with a status. */
  refuses: (response: HttpResponse) => boolean = isRefusal,
): Promise<HttpResponse> {
  for (let tries = 1; ; tries += 1) {
    const sent: { readonly credential: Pick<Credential, 'refused'>; readonly version: number }[] = [];
    const request = await build(async (credential) => {
      const { value, version } = await credential.get(signal);
      sent.push({ credential, version });
      return value;
    });
    const response = await client.exchange(request, signal);
    if (!refuses(response)) return response;
    const another = sent.map(({ credential, version }) => credential.refused(version)).includes(true);
    if (!another || tries === TRIES_LIMIT) return response;
  }
}

export function isRefusal({ status }: Pick<HttpResponse, 'status'>): boolean {
  return status === 401 || status === 403;
}
