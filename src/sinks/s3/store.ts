import { ForwardError, oneLine } from '../../model/errors.ts';
import type { Credential } from '../../model/secret.ts';
import { openAwsKeys, signAws } from '../../net/aws.ts';
import type { AwsKeys } from '../../net/aws.ts';
import { awsRefusal } from '../../net/aws-refusals.ts';
import { exchangeWith } from '../../net/credentials.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../net/http.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import { openLimitedClient } from '../request-limit.ts';
import type { SinkContext } from '../sink.ts';
import { bucketUrl } from './options.ts';
import type { S3Options } from './options.ts';

/** The bucket, asked with signed requests. */
export interface Store {
  /** `origin/bucket`, for messages. */
  readonly where: string;
  readonly client: HttpClient;
  /** Any status resolves. */
  put(
    key: string,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpResponse>;
  get(key: string, signal: AbortSignal): Promise<Buffer>;
  /** Names below a prefix, at most `most` of them. */
  list(prefix: string, most: number, signal: AbortSignal): AsyncIterable<string>;
  failure(response: HttpResponse): ForwardError;
}

const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;
const OBJECT_LIMIT_BYTES = 512 * 1024 * 1024;
/** Names in one answer, at most. */
const PAGE = 1000;

export function openStore(options: S3Options, context: SinkContext): Store {
  const client = openLimitedClient({ tls: options.tls }, context);
  const base = bucketUrl(options);
  const where = `${base.origin}${base.pathname.replace(/\/$/, '')}`;
  const { clock } = context;
  const keys: Credential<AwsKeys> = openAwsKeys(options, { ...context, client });
  const place = { region: options.region, service: 's3' };

  const ask = async (
    request: Pick<HttpRequest, 'method' | 'url'> & Partial<HttpRequest>,
    signal: AbortSignal,
  ): Promise<HttpResponse> => {
    const limits = { timeoutMs: options.request_timeout, maxResponseBytes: ANSWER_LIMIT_BYTES };
    const headers = { 'user-agent': `auditferry/${context.forwarderVersion}`, ...request.headers };
    const whole = { ...limits, ...request, headers };
    const build = async (show: <V>(credential: Credential<V>) => Promise<V>): Promise<HttpRequest> =>
      signAws(whole, await show(keys), place, clock.now());
    return exchangeWith(client, build, signal, refusesKeys);
  };

  const failure = (response: HttpResponse): ForwardError => {
    const code = codeOf(response);
    const options = { said: code, hint: HINTS[code] ?? HINTS[String(response.status)] };
    const usual = statusFailure(where, response, clock.now(), options);
    const { message, retryAfterMs, hint } = usual;
    if (TRANSIENT.has(code)) return new ForwardError('transient', message, { retryAfterMs });
    // Storage gives no verdict on events: whatever it refuses for good is about the bucket, and holds.
    return usual.kind === 'rejected' ? new ForwardError('denied', message, { retryAfterMs, hint }) : usual;
  };

  const asked = async (url: URL, most: number, signal: AbortSignal): Promise<Buffer> => {
    const response = await ask({ method: 'GET', url, maxResponseBytes: most }, signal);
    if (response.status !== 200) throw failure(response);
    return response.body;
  };

  return {
    where,
    client,
    failure,
    put: (key, body, headers, signal) => ask({ method: 'PUT', url: urlOf(base, key), body, headers }, signal),
    get: (key, signal) => asked(urlOf(base, key), OBJECT_LIMIT_BYTES, signal),
    async *list(prefix, most, signal) {
      let after = '';
      for (let left = most; left > 0;) {
        const url = new URL(base);
        url.searchParams.set('list-type', '2');
        url.searchParams.set('prefix', prefix);
        url.searchParams.set('max-keys', String(Math.min(left, PAGE)));
        if (after !== '') url.searchParams.set('start-after', after);
        const page = namesIn((await asked(url, ANSWER_LIMIT_BYTES, signal)).toString('utf8'));
        const last = page.names.at(-1) ?? '';
        // A store that does not go on behind the name that it is given would be asked for ever.
        if (last !== '' && !isBehind(last, after)) throw notAnotherPage();
        yield* page.names;
        after = last;
        left -= page.names.length;
        if (!page.more || after === '') return;
      }
    },
  };
}

function urlOf(base: URL, key: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname}${key.split('/').map(encodeURIComponent).join('/')}`;
  return url;
}

function namesIn(xml: string): { readonly names: readonly string[]; readonly more: boolean } {
  if (!xml.includes('<ListBucketResult')) {
    throw new ForwardError('transient', 'the store answered a question for names with something else', {
      hint: 'check that endpoint leads to the store itself, and not to a console or a proxy',
    });
  }
  const names = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => unescapeXml(name));
  return { names, more: /<IsTruncated>true</.test(xml) };
}

/** In the order of the store: by the bytes of UTF-8. */
function isBehind(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0;
}

function notAnotherPage(): ForwardError {
  return new ForwardError(
    'transient',
    'the store lists the same names again where it was asked for further ones',
    {
      hint: 'check that nothing between here and the store drops start-after from the address',
    },
  );
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' };

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name = '') => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return Number.isNaN(code)
        ? (ENTITIES[name as string] ?? whole)
        : code > 0x10ffff
          ? whole
          : String.fromCodePoint(code);
    },
  );
}

/** The code of an error, which never quotes a request. */
export function codeOf({ body }: HttpResponse): string {
  return oneLine(
    /<Code>([A-Za-z0-9.]{1,60})<\/Code>/.exec(body.subarray(0, 8192).toString('utf8'))?.[1] ?? '',
  );
}

function refusesKeys(response: HttpResponse): boolean {
  // versitygw has its own word for a key that it does not know.
  return (
    response.status === 401 ||
    awsRefusal(response)?.isOfKeys === true ||
    codeOf(response) === 'XAdminUserNotFound'
  );
}

/** Said with a status that alone would hold. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'IncompleteBody',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  'XAmzContentSHA256Mismatch',
]);

const HINTS: Readonly<Record<string, string>> = {
  AccessDenied: 'allow s3:PutObject on the prefix (and kms:GenerateDataKey with a key of KMS)',
  AllAccessDisabled: 'see to the account of the bucket',
  AuthorizationHeaderMalformed: 'check region: the bucket is in another one',
  NoSuchBucket: 'check bucket, region and endpoint; the bucket is not made by auditferry',
  NotImplemented: 'the store does not know a header that it was sent: try if_none_match: false',
  PermanentRedirect: 'check region and endpoint: the bucket is in another region',
  XAdminUserNotFound: 'check access_key_id; a key kept in a file is reread automatically',
  '301': 'check region and endpoint: the bucket is in another region',
  '307': 'check region and endpoint: the bucket is in another region',
  '501': 'the store does not know a header that it was sent: try if_none_match: false',
};

/** True for a request that is too large for the store or for something before it. */
export function isTooLarge(response: HttpResponse): boolean {
  return reactionTo(response.status) === 'split' || codeOf(response) === 'EntityTooLarge';
}
