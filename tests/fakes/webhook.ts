import { createHmac, timingSafeEqual } from 'node:crypto';

import type { FakeReceiver, FakeRequest } from './faults.ts';

export interface WebhookFake {
  readonly receive: FakeReceiver;
  /** The lines or array elements taken, as text, in order of arrival. */
  readonly documents: string[];
  /** A request that holds one of these ids is answered with `refusal` and nothing of it is taken. */
  readonly poison: Set<string>;
  refusal: { status: number; body: string };
}

/** A webhook as its contract has it: a request is taken whole or not at all. */
export function webhookFake(authorization: string): WebhookFake {
  const fake: WebhookFake = {
    documents: [],
    poison: new Set(),
    refusal: { status: 400, body: '{"error":"field event_type is not known"}' },
    receive: (request) => {
      if (request.headers.authorization !== authorization) return { status: 401, body: 'who are you?' };
      if (request.method === 'HEAD') return { status: 405 };
      const documents = readDocuments(request);
      if (documents.some((text) => [...fake.poison].some((id) => text.includes(id)))) return fake.refusal;
      fake.documents.push(...documents);
      return { status: 200, body: '{"ok":true}' };
    },
  };
  return fake;
}

/** Independent of the sink: checks the first signature that a secret of ours makes. Source: Standard Webhooks. */
export function signatureMatches(request: FakeRequest, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${header(request, 'webhook-id')}.${header(request, 'webhook-timestamp')}.`;
  const wanted = createHmac('sha256', key).update(signed).update(request.body).digest();
  return header(request, 'webhook-signature')
    .split(' ')
    .map((part) => Buffer.from(part.replace(/^v1,/, ''), 'base64'))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

export function header(request: FakeRequest | undefined, name: string): string {
  const value = request?.headers[name];
  return typeof value === 'string' ? value : '';
}

function readDocuments(request: FakeRequest): readonly string[] {
  const text = request.body.toString('utf8');
  if (header(request, 'content-type') === 'application/json') {
    return (JSON.parse(text) as unknown[]).map((document) => JSON.stringify(document));
  }
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  return text.slice(0, -1).split('\n');
}
