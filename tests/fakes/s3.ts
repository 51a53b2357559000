import { createHash } from 'node:crypto';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

import type { FakeAnswer, FakeReceiver, FakeRequest } from './faults.ts';

export interface S3Fake {
  readonly receive: FakeReceiver;
  readonly objects: Map<string, Buffer>;
  /** Headers of each object's first PUT. */
  readonly headers: Map<string, FakeRequest['headers']>;
  /** Answers every request with this. */
  refusal: FakeAnswer | null;
  ignoresConditions: boolean;
  mayList: boolean;
  /** Of one object. */
  maxBytes: number;
  /** Every line of every object of events. */
  lines(): readonly string[];
}

/** A bucket as Amazon keeps it: signed requests only, whole objects, conditions, names in order and in pages of two. */
export function s3Fake(bucket: string, accessKeyId: string): S3Fake {
  const fake: S3Fake = {
    objects: new Map(),
    headers: new Map(),
    refusal: null,
    ignoresConditions: false,
    mayList: true,
    maxBytes: Infinity,
    lines: () =>
      [...fake.objects].flatMap(([key, body]) => {
        if (!key.includes('.ndjson.')) return [];
        const text = (key.endsWith('.zst') ? zstdDecompressSync(body) : gunzipSync(body)).toString('utf8');
        if (!text.endsWith('\n')) throw new Error('the last line has no end');
        return text.slice(0, -1).split('\n');
      }),
    receive: (request) => {
      if (fake.refusal !== null) return fake.refusal;
      const { authorization = '' } = request.headers;
      if (!authorization.startsWith('AWS4-HMAC-SHA256 Credential=')) return refuse(403, 'AccessDenied');
      if (!authorization.includes(`Credential=${accessKeyId}/`)) return refuse(403, 'InvalidAccessKeyId');
      if (!authorization.includes('/eu-west-1/s3/aws4_request'))
        return refuse(400, 'AuthorizationHeaderMalformed');
      const hash = createHash('sha256').update(request.body).digest('hex');
      if (request.headers['x-amz-content-sha256'] !== hash) return refuse(400, 'XAmzContentSHA256Mismatch');
      if (!request.path.startsWith(`/${bucket}/`)) return refuse(404, 'NoSuchBucket');
      const key = decodeURIComponent(request.path.slice(bucket.length + 2));
      if (request.method === 'PUT') return put(fake, key, request);
      if (key === '') return fake.mayList ? list(fake, request.query) : refuse(403, 'AccessDenied');
      const body = fake.objects.get(key);
      return body === undefined ? refuse(404, 'NoSuchKey') : { status: 200, body };
    },
  };
  return fake;
}

function put(fake: S3Fake, key: string, request: FakeRequest): FakeAnswer {
  if (request.body.length > fake.maxBytes) return refuse(413, 'EntityTooLarge');
  const conditional = request.headers['if-none-match'] === '*' && !fake.ignoresConditions;
  if (conditional && fake.objects.has(key)) return refuse(412, 'PreconditionFailed');
  fake.objects.set(key, request.body);
  fake.headers.set(key, request.headers);
  return { status: 200, headers: { etag: '"0123"' } };
}

function list(fake: S3Fake, query: URLSearchParams): FakeAnswer {
  if (query.get('list-type') !== '2') throw new Error('the old list is not asked for');
  const after = query.get('start-after') ?? '';
  const all = [...fake.objects.keys()]
    .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
    .toSorted();
  const page = all.slice(0, Math.min(Number(query.get('max-keys')), 2));
  const contents = page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
  const body = `<?xml version="1.0"?><ListBucketResult><IsTruncated>${page.length < all.length}</IsTruncated>${contents}</ListBucketResult>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

export function refuse(status: number, code: string): FakeAnswer {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>in its own words</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}
