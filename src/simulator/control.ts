import type { IncomingMessage } from 'node:http';

import { describe, ForwardError } from '../model/errors.ts';
import { basicError } from './answers.ts';
import type { PlatformResponse } from './answers.ts';
import type { Platform } from './platform.ts';

const MAX_PATCH_BYTES = 65_536;

/** Paths below this are no part of the API: they steer the simulator from a test. */
export const CONTROL_PREFIX = '/_simulator/';

/**
 * GET /_simulator/events: id and created_at of every listed item, one JSON object per line.
 * POST /_simulator/set: a part of the options as JSON, durations in milliseconds.
 * Only from this machine, and never from a page in a browser, which would name its origin.
 */
export async function answerControl(
  request: IncomingMessage,
  path: string,
  platform: Platform,
): Promise<PlatformResponse> {
  if (!fromHere(request.socket.remoteAddress) || request.headers.origin !== undefined) {
    return basicError(403, 'only from this machine, and not from a browser');
  }
  if (path === `${CONTROL_PREFIX}events` && request.method === 'GET') return events(platform);
  if (path === `${CONTROL_PREFIX}set` && request.method === 'POST') return set(request, platform);
  return basicError(404, 'the simulator has GET /_simulator/events and POST /_simulator/set');
}

function events(platform: Platform): PlatformResponse {
  const lines = platform.visibleEvents().map(({ id, createdAt, malformed }) => {
    return `${JSON.stringify({ id, created_at: createdAt, ...(malformed ? { malformed } : {}) })}\n`;
  });
  return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: lines.join('') };
}

async function set(request: IncomingMessage, platform: Platform): Promise<PlatformResponse> {
  try {
    platform.set(JSON.parse(await readText(request)));
  } catch (error) {
    return basicError(400, describe(error));
  }
  const body = JSON.stringify(platform.options());
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

async function readText(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_PATCH_BYTES)
      throw new ForwardError('config', `the options are larger than ${MAX_PATCH_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function fromHere(address: string | undefined): boolean {
  const plain = (address ?? '').replace(/^::ffff:/, '');
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain);
}
