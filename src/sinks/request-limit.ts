import { openHttpClient } from '../net/http.ts';
import type { HttpClient, HttpClientOptions } from '../net/http.ts';
import type { SinkContext } from './sink.ts';

/** One request, or whatever stands for it in the sink's protocol, within the rate that its operator set. */
export function withinRate<T>(
  { limit }: SinkContext,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return limit === undefined ? work() : limit(work, signal);
}

/** A client whose every exchange counts: parts of a batch, questions and acknowledgements as well. */
export function openLimitedClient(options: HttpClientOptions, context: SinkContext): HttpClient {
  const client = openHttpClient({ ...options, warn: (message) => context.warn(message) });
  context.watchCredential?.(() => client.certificateReplaced?.() === true);
  return {
    exchange: (request, signal) => withinRate(context, () => client.exchange(request, signal), signal),
    close: () => client.close(),
  };
}
