import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import { parseObject } from '../model/json.ts';
import type { Credential, Secret } from '../model/secret.ts';
import { exchangeWith } from './credentials.ts';
import { retryAfterMs } from './http.ts';
import type { HttpClient, HttpResponse } from './http.ts';

export interface Oauth2Options {
  readonly token_url: string;
  readonly client_id: string;
  readonly client_secret: Secret;
  readonly scope?: string;
  /** Where the secret stands in the request for a token. */
  readonly client_auth?: 'body' | 'basic';
}

/** What a sink lends to those who authorize its requests. */
export interface Around {
  readonly client: Pick<HttpClient, 'exchange'>;
  readonly clock: Clock;
  readonly conceal?: ((known: () => readonly string[]) => void) | undefined;
}

interface Token {
  readonly value: string;
  readonly version: number;
  readonly fetchedMs: number;
  readonly expiresMs: number;
  refused: boolean;
}

const TOKEN_TIMEOUT_MS = 30_000;
const ANSWER_LIMIT_BYTES = 256 * 1024;
/** A server need not say how long its token lives. */
const DEFAULT_LIFE_S = 300;
/** A token is replaced so long before its end, or after four fifths of a short life. */
const EARLY_MS = 300_000;
const LIFE_SHARE = 0.8;
/** A token that was refused at this age or younger has a right problem, not an age problem: another one would fare no better. */
const YOUNG_MS = 60_000;

/**
 * An access token for a client's own credentials, kept until shortly before its end and asked for once for all who wait.
 * The secret is read again for each. Source: RFC 6749 4.4; what servers do otherwise is in docs/sinks/http.md.
 */
export function openOauth2(options: Oauth2Options, around: Around): Credential {
  const { clock } = around;
  let tokens: readonly Token[] = [];
  let asking: Promise<Token> | null = null;
  around.conceal?.(() => tokens.map(({ value }) => value));

  const renew = async (): Promise<Token> => {
    const fetchedMs = clock.monotonic(); // before the request: the life counts from when the server wrote it
    const { value, lifeMs } = await askForToken(options, around);
    const version = (tokens[0]?.version ?? 0) + 1;
    const token = { value, version, fetchedMs, expiresMs: fetchedMs + lifeMs, refused: false };
    tokens = [token, ...tokens.slice(0, 1)];
    return token;
  };

  return {
    async get(signal) {
      const [newest] = tokens;
      const now = clock.monotonic();
      if (newest !== undefined && !newest.refused && now < renewFrom(newest)) return newest;
      asking ??= renew().finally(() => {
        asking = null;
      });
      try {
        return await abortable(asking, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (newest !== undefined && !newest.refused && now < newest.expiresMs) return newest;
        throw error;
      }
    },
    refused(version) {
      const token = tokens.find((one) => one.version === version);
      if (token === undefined) return true;
      token.refused = true;
      return token !== tokens[0] || clock.monotonic() - token.fetchedMs > YOUNG_MS;
    },
  };
}

function renewFrom({ fetchedMs, expiresMs }: Token): number {
  const life = expiresMs - fetchedMs;
  return Math.max(expiresMs - EARLY_MS, fetchedMs + life * LIFE_SHARE);
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function askForToken(
  options: Oauth2Options,
  { client, clock }: Around,
): Promise<{ readonly value: string; readonly lifeMs: number }> {
  const { client_id: id, client_secret: secret, scope, client_auth: place = 'body' } = options;
  const url = new URL(options.token_url);
  const response = await exchangeWith(
    client,
    async (show) => {
      const password = (await show(secret)).trim();
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        ...(scope === undefined ? {} : { scope }),
        ...(place === 'body' ? { client_id: id, client_secret: password } : {}),
      });
      return {
        method: 'POST',
        url,
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
          ...(place === 'basic' ? { authorization: basic(id, password) } : {}),
        },
        body: form.toString(),
        timeoutMs: TOKEN_TIMEOUT_MS,
        maxResponseBytes: ANSWER_LIMIT_BYTES,
      };
    },
    new AbortController().signal, // shared by all who wait: ends by its deadline
    refusesClient,
  );
  const answer = readAnswer(response);
  const where = `${url.origin}${url.pathname}`;
  const { access_token: value, expires_in: life } = answer;
  if (response.status !== 200 || typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value))
    throw tokenFailure(where, response, answer, clock.now());
  const seconds = Number(life);
  return { value, lifeMs: (Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_LIFE_S) * 1000 };
}

/** Both are form-encoded before they are joined. Source: RFC 6749 2.3.1. */
function basic(id: string, secret: string): string {
  const encoded = (text: string): string => new URLSearchParams({ x: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`;
}

function refusesClient(response: HttpResponse): boolean {
  return response.status === 401 || readAnswer(response)['error'] === 'invalid_client';
}

function readAnswer({ body }: HttpResponse): Readonly<Record<string, unknown>> {
  return parseObject(body) ?? {};
}

/** Only the error's code and Entra's number are shown: an answer may quote what it was sent. */
function tokenFailure(
  where: string,
  response: HttpResponse,
  answer: Record<string, unknown>,
  nowMs: number,
): ForwardError {
  const { error, error_description: description } = answer;
  const code = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : '';
  const number = typeof description === 'string' ? (/AADSTS\d{1,8}/.exec(description)?.[0] ?? '') : '';
  const said = [code, number].filter((text) => text !== '').join(', ');
  const message = `${where} gave no token: it answered ${response.status}${said === '' ? '' : ` (${said})`}`;
  const passing = response.status === 429 || response.status === 408 || response.status >= 500;
  const retryAfter = retryAfterMs(response.headers, nowMs);
  if (passing || (response.status === 200 && code === ''))
    return new ForwardError('transient', message, { retryAfterMs: retryAfter });
  return new ForwardError('denied', message, { retryAfterMs: retryAfter, hint: hintFor(code, number) });
}

const HINTS: Readonly<Record<string, string>> = {
  AADSTS7000215: 'the secret is wrong: give its value, not its ID',
  AADSTS7000222: 'the secret has expired: make a new one',
  AADSTS700016: 'the application is not known in this tenant: check client_id and tenant_id',
  AADSTS90002: 'there is no such tenant: check tenant_id',
  invalid_client: 'check client_id and client_secret; a secret kept in a file is reread automatically',
  unauthorized_client: 'allow this client the client credentials grant',
  invalid_scope: 'check scope',
};

function hintFor(code: string, number: string): string {
  return HINTS[number] ?? HINTS[code] ?? 'check token_url, client_id, client_secret and scope';
}
