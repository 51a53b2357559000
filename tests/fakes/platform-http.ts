import { ForwardError } from '../../src/model/errors.ts';
import type { HttpClient, HttpRequest } from '../../src/net/http.ts';
import type { Platform } from '../../src/simulator/platform.ts';

export interface PlatformHttp extends HttpClient {
  /** What was asked, newest last: path and query. */
  readonly asked: string[];
}

/** The simulated Platform behind an HttpClient: no socket, so that a test owns time and order. */
export function platformHttp(platform: Platform): PlatformHttp {
  const asked: string[] = [];
  return {
    asked,
    async exchange(request: HttpRequest, signal: AbortSignal) {
      signal.throwIfAborted();
      asked.push(`${request.url.pathname}${request.url.search}`);
      const { method, url, headers } = request;
      const answer = platform.handle({ method, path: url.pathname, query: url.searchParams, headers });
      if (answer.fault === 'hang') {
        throw new ForwardError('transient', 'no whole answer', {
          cause: new DOMException('timed out', 'TimeoutError'),
          ambiguous: true,
        });
      }
      if (answer.fault === 'reset')
        throw new ForwardError('transient', 'connection reset', { ambiguous: true });
      const body = Buffer.from(answer.body);
      const cut = answer.fault === 'truncate' ? body.subarray(0, Math.floor(body.length / 2)) : body;
      return { status: answer.status, headers: answer.headers, body: cut };
    },
    close: async () => {},
  };
}
