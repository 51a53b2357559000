import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

import type { Secret } from '../model/secret.ts';
import type { AdminOptions } from './options.ts';
import { Refused } from './answer.ts';

/**
 * The name that a request is addressed to must be one of ours. A page elsewhere on the web can point its own name at this
 * address (DNS rebinding), but the browser then sends that name.
 */
export function assertHost(
  request: IncomingMessage,
  options: Pick<AdminOptions, 'listen' | 'allowedHosts'>,
): void {
  const name = hostName(request.headers.host);
  const own = plainAddress(request.socket.localAddress ?? '');
  const allowed = new Set(
    ['localhost', options.listen.host, own, ...options.allowedHosts].map((host) =>
      plainAddress(host.toLowerCase()),
    ),
  );
  if (name !== null && (allowed.has(name) || (isLoopback(name) && isLoopback(own)))) return;
  throw new Refused(421, 'this host name is not allowed here', 'add the name to admin.allowed_hosts');
}

/** Lower case, without port and brackets; null when it cannot be one. */
function hostName(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec((header ?? '').toLowerCase());
  if (match === null) return null;
  return plainAddress(match[1] ?? match[2] ?? '');
}

function plainAddress(address: string): string {
  return address.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d)/i, '');
}

export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

/** Whether a request carries the token; a changed file counts at once. */
export function carriesToken(request: IncomingMessage, token: Secret | undefined): boolean {
  const given = /^Bearer +(\S{1,4096})$/i.exec(request.headers.authorization ?? '')?.[1];
  return token !== undefined && given !== undefined && same(given, token.reveal());
}

/** Compares digests, so that neither the content nor the length shows in the time taken. */
function same(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return expected !== '' && timingSafeEqual(digest(given), digest(expected));
}

/**
 * A request that changes something must carry the token, which no browser adds by itself, and JSON, which no form can send:
 * so there is nothing for another site to forge.
 */
export function assertMayChange(
  request: IncomingMessage,
  hasToken: (request: IncomingMessage) => boolean,
  token: Secret | undefined,
): void {
  if (token === undefined) {
    throw new Refused(403, 'this listener is read-only', 'set admin.token to allow changes');
  }
  if (!hasToken(request)) {
    throw new Refused(
      401,
      'the token is missing or wrong',
      'send the header Authorization: Bearer <admin.token>',
    );
  }
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new Refused(415, 'the body must be JSON', 'send the header Content-Type: application/json');
  assertSameSite(request);
}

/** A browser says where a request comes from; other programs do not. */
function assertSameSite(request: IncomingMessage): void {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Refused(403, 'the request comes from another site');
  }
}

/**
 * What events say is for those who hold the token, once there is one, and without one only for this machine: audit events
 * name people and addresses.
 */
export function assertMayReadEvents(
  request: IncomingMessage,
  hasToken: (request: IncomingMessage) => boolean,
  token: Secret | undefined,
): void {
  // It could not read the answer, but it could make us search.
  assertSameSite(request);
  if (token === undefined) {
    if (isLoopback(request.socket.localAddress ?? '')) return;
    throw new Refused(403, 'events are shown on a loopback address only', 'set admin.token and send it');
  }
  if (!hasToken(request)) throw new Refused(401, 'events are shown only with the token', 'enter admin.token');
}
