/* global fetch, AbortSignal */
/** Speaks with the daemon. The token is kept here, in memory, and nowhere else. */

let token = null;
const TIMEOUT_MS = 10_000;

export const unlocked = () => token !== null;
export function lock() {
  token = null;
}

/** What an answer said when it was no good one; `status` is 0 when nothing answered. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const get = (path) => exchange(path, { method: 'GET', headers: authorization() });

export const post = (path, body) =>
  exchange(path, {
    method: 'POST',
    headers: { ...authorization(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Tries a token; keeps it when it is right, throws when not. */
export async function unlock(candidate) {
  const before = token;
  token = candidate;
  try {
    await get('api/events?limit=1');
  } catch (error) {
    token = before;
    throw error;
  }
}

function authorization() {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

async function exchange(path, request) {
  let response;
  let document;
  try {
    response = await fetch(path, { ...request, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    document = await response.json();
  } catch {
    throw new Failure(0, 'The daemon does not answer.');
  }
  if (response.ok) return document;
  const lines = document.lines?.join('\n');
  throw new Failure(
    response.status,
    [document.error ?? lines ?? `status ${response.status}`, document.hint].filter(Boolean).join(': '),
  );
}
