import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe } from '../model/errors.ts';
import type { ForwardError } from '../model/errors.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';

/** A request that is turned down: with a status, a sentence, and what to do about it. */
export class Refused extends Error {
  readonly status: number;
  readonly hint: string | undefined;

  constructor(status: number, message: string, hint?: string) {
    super(message);
    this.name = 'Refused';
    this.status = status;
    this.hint = hint;
  }
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The page loads nothing but its own files, runs no inline code, and fits in no frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

export function json(document: object, status = 200): Answer {
  const body = `${JSON.stringify(document, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`;
  return { status, contentType: 'application/json; charset=utf-8', body };
}

export function refusal(error: Refused): Answer {
  const document = { error: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return {
    ...json(document, error.status),
    headers: {
      // What is left of a body that was not read must not be taken for the next request.
      connection: 'close',
      ...(error.status === 401 ? { 'www-authenticate': 'Bearer realm="auditferry"' } : {}),
    },
  };
}

/** What was asked for stands in a journal that cannot be read now. */
export function unanswerable(error: ForwardError): Answer {
  return json({ error: describe(error), ...(error.hint === undefined ? {} : { hint: error.hint }) }, 503);
}

/** Writes an answer; to HEAD without its body. */
export function write(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  response.writeHead(answer.status, {
    ...HEADERS,
    ...answer.headers,
    'content-type': answer.contentType,
    'content-length': body.length,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

const BODY_LIMIT_BYTES = 65_536;

/** The body of a request as a JSON object. */
export async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const parts: Buffer[] = [];
  let size = 0;
  // The connection must outlive a body that is too large: the answer goes through it.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_LIMIT_BYTES) throw new Refused(413, `the body is larger than ${BODY_LIMIT_BYTES} bytes`);
    parts.push(part);
  }
  let document: unknown;
  try {
    document = JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (cause) {
    throw Object.assign(new Refused(400, 'the body is not JSON'), { cause });
  }
  if (!isObject(document)) throw new Refused(400, 'the body must be a JSON object');
  return document as JsonObject;
}
