import { createHash, createHmac } from 'node:crypto';

import { ForwardError } from '../../model/errors.ts';

const PREFIX = 'whsec_';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Identity of a delivery: depends on the member events only, so that every try of the same batch carries the same one
 * and the receiver can drop repeats. Source: Standard Webhooks, `webhook-id`.
 */
export function deliveryId(eventIds: readonly string[]): string {
  return `msg_${createHash('sha256').update(JSON.stringify(eventIds)).digest('hex')}`;
}

/**
 * The three headers of Standard Webhooks over the body before compression: one `v1` signature per secret, so that a
 * receiver that knows either the old or the new one accepts it while secrets are rotated.
 */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  nowMs: number,
  body: string,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', signingKey(secret)).update(`${id}.${timestamp}.${body}`, 'utf8');
    return `v1,${mac.digest('base64')}`;
  });
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  return signatures.length === 0 ? headers : { ...headers, 'webhook-signature': signatures.join(' ') };
}

/** The bytes of a `whsec_…` secret. Throws `config` without showing any of it. */
export function signingKey(secret: string): Buffer {
  const text = secret.trim();
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '';
  const key = BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0);
  if (key.length > 0) return key;
  throw new ForwardError('config', 'is not of the form whsec_<base64>', {
    hint: `make one with: printf '${PREFIX}%s' "$(head -c 32 /dev/urandom | base64)"`,
  });
}
