import type { Config } from '../config/config.ts';
import { ForwardError } from '../model/errors.ts';
import { openAgent } from '../net/agent.ts';
import { openHttpClient } from '../net/http.ts';
import type { Terminal } from './terminal.ts';

/** What the listener of a running daemon says to a GET, whatever its status code. */
export interface DaemonAnswer {
  readonly url: URL;
  readonly status: number;
  readonly body: Buffer;
}

const ANSWER_MAX_BYTES = 16 * 2 ** 20;
const ANSWER_TIMEOUT_MS = 2_000;

/** Asks the daemon of this configuration; a ForwardError when its listener is off or nobody answers there. */
export async function fetchFromDaemon(
  config: Config,
  path: string,
  terminal: Terminal,
): Promise<DaemonAnswer | ForwardError> {
  const { listen, token } = config.admin;
  if (listen === null) return new ForwardError('transient', 'admin.listen is off');
  const url = new URL(path, `http://${reachable(listen.host)}:${listen.port}`);
  // Never through a proxy: the daemon is on this machine.
  const client = openHttpClient({ dispatcher: openAgent({ connections: 1 }) });
  try {
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
    };
    const request = {
      method: 'GET',
      url,
      headers,
      timeoutMs: ANSWER_TIMEOUT_MS,
      maxResponseBytes: ANSWER_MAX_BYTES,
    } as const;
    const { status, body } = await client.exchange(request, terminal.signal);
    return { url, status, body };
  } catch (error) {
    if (error instanceof ForwardError) return error;
    throw error;
  } finally {
    await client.close();
  }
}

/** Who listens everywhere is asked on this machine's own address. */
function reachable(host: string): string {
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const one = everywhere[host] ?? host;
  return one.includes(':') ? `[${one}]` : one;
}
