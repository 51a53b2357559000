import { isIP } from 'node:net';

import type * as KafkaLibrary from '@platformatic/kafka';
import type { Connection, Producer, SASLOptions } from '@platformatic/kafka';

import { ForwardError } from '../../model/errors.ts';
import type { Credential } from '../../model/secret.ts';
import { withCredentials } from '../../net/credentials.ts';
import type { Show } from '../../net/credentials.ts';
import type { HttpClient } from '../../net/http.ts';
import { openOauth2 } from '../../net/oauth2.ts';
import { within } from '../../net/socket.ts';
import { openTlsFiles } from '../../net/tls-files.ts';
import type { TlsConnect } from '../../net/tls-files.ts';
import { oneAtATime } from '../one-at-a-time.ts';
import { openLimitedClient, withinRate } from '../request-limit.ts';
import type { SinkContext } from '../sink.ts';
import { asFailure, isAuthenticationFailure, isVerdictOnRecords } from './faults.ts';
import { guardConnection } from './guard.ts';
import { readBroker } from './options.ts';
import type { KafkaOptions, SaslOptions } from './options.ts';

export type Client = Producer<Buffer, Buffer, Buffer, Buffer>;

/** The brokers, through one producer at a time. */
export interface Bus {
  /** For messages: kafka://first.example.com:9093 */
  readonly where: string;
  /**
   * One piece of work, after those before it. Ends by the deadline and at an abort; whatever the library throws comes out as a
   * ForwardError with it as its cause. After a failure the next work gets a new producer.
   */
  ask<T>(work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

/** Of the library's own tries, all under one sequence number: what a broker stored before is not stored again. */
const RETRIES = 2;
const RETRY_DELAY_MS = 250;
/** Event Hubs cuts a connection that was idle for 240 s. */
const METADATA_AGE_MS = 180_000;

export function openBus(options: KafkaOptions, context: SinkContext): Bus {
  const { clock } = context;
  const brokers = options.brokers.map(readBroker);
  const where = `kafka://${options.brokers[0]}`;
  const timeoutMs = options.request_timeout;
  /** Of the library's own waits: a broker that is silent leaves time for another. */
  const half = Math.ceil(timeoutMs / 2);
  if (options.tls?.verify === false) context.warn(`${where}: tls.verify is off, any certificate is accepted`);
  const tls = options.tls === undefined ? null : openTlsFiles(options.tls, (text) => context.warn(text));
  const sasl = options.sasl === undefined ? null : openSasl(options.sasl, context);
  const inTurn = oneAtATime();
  let current: Client | null = null;
  /** What the newest client was given. */
  let certificates: TlsConnect | undefined;
  let turn = 0;
  let closed = false;

  context.watchCredential?.(() => certificates !== undefined && tls?.current() !== certificates);

  /** Ends the attempt for what a connection shows. The library would try again what trying does not change. */
  let refuse: (error: unknown) => void = () => {};

  const clientNow = ({ Producer, saslScramSha }: Library): Client => {
    const newest = tls?.current();
    if (newest !== certificates) drop();
    if (current !== null) return current;
    certificates = newest;
    if (closed) throw new ForwardError('transient', `${where}: the sink is closed`);
    // Each begins at another broker: one that accepts and says nothing must not be asked first for ever.
    const first = turn++ % brokers.length;
    const client: Client = new Producer({
      clientId: options.client_id,
      bootstrapBrokers: [...brokers.slice(first), ...brokers.slice(0, first)],
      idempotent: true,
      retries: RETRIES,
      retryDelay: RETRY_DELAY_MS,
      connectTimeout: half,
      requestTimeout: half,
      timeout: half,
      metadataMaxAge: METADATA_AGE_MS,
      compression: options.compress,
      autocreateTopics: false,
      ...(certificates === undefined ? {} : { tls: certificates, ...serverName(options, certificates) }),
      ...(sasl === null ? {} : { sasl: sasl.options(saslScramSha) }),
    });
    // One that was given up must not speak for the next.
    const refused = (error: unknown): void => {
      if (current === client) refuse(error);
    };
    client.connections.on('connecting', ({ connection }) =>
      guardConnection(connection, options.tls, where, refused),
    );
    current = client;
    return client;
  };

  const drop = (): void => {
    if (current !== null) void end(current);
    current = null;
  };

  const attempt = async <T>(
    work: (client: Client) => Promise<T>,
    show: Show,
    signal: AbortSignal,
  ): Promise<Attempt<T>> => {
    const library = await import('@platformatic/kafka'); // takes most of a second the first time, which is no broker's fault
    let over = false;
    const run = async (): Promise<T> => {
      await sasl?.show(show);
      if (over) throw new Error('given up meanwhile');
      return work(clientNow(library));
    };
    const refused = Promise.withResolvers<never>();
    refuse = refused.reject;
    try {
      const late = (): Error => tooSlow(where, timeoutMs);
      const either = Promise.race([run(), refused.promise]);
      return { value: await within(either, timeoutMs, clock, signal, late) };
    } catch (error) {
      over = true;
      if (!isVerdictOnRecords(error)) drop();
      signal.throwIfAborted();
      return { failure: asFailure(error, where), refused: isAuthenticationFailure(error) };
    }
  };

  return {
    where,
    ask: (work, signal) =>
      inTurn(async () => {
        signal.throwIfAborted();
        const limited = (show: Show) => withinRate(context, () => attempt(work, show, signal), signal);
        const outcome = await withCredentials(limited, ({ refused }) => refused === true, signal);
        if ('value' in outcome) return outcome.value;
        throw outcome.failure;
      }),
    async close() {
      closed = true;
      const last = current;
      current = null;
      if (last !== null) await end(last);
      await sasl?.close();
    },
  };
}

type Library = Pick<typeof KafkaLibrary, 'Producer' | 'saslScramSha'>;

type Attempt<T> =
  | { readonly value: T; readonly refused?: false }
  | { readonly failure: ForwardError; readonly refused: boolean };

function tooSlow(where: string, ms: number): ForwardError {
  const message = `${where} did not answer within ${Math.round(ms / 100) / 10} s`;
  return new ForwardError('transient', message, { ambiguous: true });
}

/** What is pending fails, and nobody listens. A broker that reads nothing more must not keep the socket. */
async function end(client: Client): Promise<void> {
  const sockets = [...client.connections].map(([, connection]) => connection.socket);
  const ended = client.close(true).catch(() => {});
  for (const socket of sockets) socket?.destroy();
  await ended;
}

/** Asked for by name, but not where brokers are named by address: TLS knows no addresses there. */
function serverName(
  { brokers }: KafkaOptions,
  { servername }: TlsConnect,
): { tlsServerName?: string | true } {
  if (servername !== undefined) return { tlsServerName: servername };
  return brokers.some((broker) => isIP(readBroker(broker).host) !== 0) ? {} : { tlsServerName: true };
}

interface Sasl {
  /** Gets what is to be shown ready, so that a server that gives no token is heard in its own words. */
  show(show: Show): Promise<void>;
  options(scram: Scram): SASLOptions;
  close(): Promise<void>;
}

type Authenticate = NonNullable<SASLOptions['authenticate']>;
type Scram = typeof KafkaLibrary.saslScramSha;

function openSasl(options: SaslOptions, context: SinkContext): Sasl {
  const { mechanism, username, password, oauth2, extensions } = options;
  let tokens: HttpClient | null = null;
  let credential: Credential;
  if (oauth2 !== undefined) {
    const client = openLimitedClient({ tls: oauth2.tls }, context);
    tokens = client;
    credential = openOauth2(oauth2, { ...context, client });
  } else if (password !== undefined) credential = password;
  else throw new Error('the schema lets sasl stand without a credential');
  let shown: Show = async (one) => (await one.get()).value;
  // Also asked by the library when a session is about to end.
  const secret = async (): Promise<string> => (await shown(credential)).trim();
  return {
    async show(show) {
      shown = show;
      await show(credential);
    },
    options: (scram) => {
      if (mechanism === 'oauthbearer')
        return {
          mechanism: 'OAUTHBEARER',
          token: secret,
          ...(extensions === undefined ? {} : { oauthBearerExtensions: extensions }),
        };
      const user = { username: username ?? '', password: secret };
      if (mechanism === 'plain') return { mechanism: 'PLAIN', ...user };
      const name = mechanism === 'scram-sha-256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512';
      return { mechanism: name, ...user, authenticate: scramOf(scram) };
    },
    async close() {
      await tokens?.close();
    },
  };
}

/** A broker asks for 4096 as a rule. Each costs time, and no wait ends it. */
const SCRAM_ITERATIONS_LIMIT = 1_000_000;

/** SCRAM as the library does it, but an answer that makes no sense fails the connection, and not the process. */
function scramOf({ authenticate, defaultCrypto }: Scram): Authenticate {
  return (mechanism, connection, send, username, password, _token, callback) => {
    const guarded = ((on: Connection, bytes: Buffer, next: Answered) =>
      (send as Send)(on, bytes, (...answer) => {
        try {
          next(...answer);
        } catch (error) {
          callback(error as Error, undefined);
        }
      })) as typeof send;
    const bounded: typeof defaultCrypto = {
      ...defaultCrypto,
      hi: async (definition, secret, salt, iterations) => {
        if (iterations <= SCRAM_ITERATIONS_LIMIT)
          return defaultCrypto.hi(definition, secret, salt, iterations);
        throw new Error(`the broker asks for ${iterations} rounds of SCRAM`);
      },
    };
    const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512';
    authenticate(guarded, connection, algorithm, username ?? '', password ?? '', bounded, callback);
  };
}

type Answered = (...answer: unknown[]) => void;
type Send = (on: Connection, bytes: Buffer, next: Answered) => unknown;
