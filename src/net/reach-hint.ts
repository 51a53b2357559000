const NO_NAME = 'check the host name, and DNS on this machine';
const NO_ROUTE = 'check the address, the network, and firewalls in between';

const HINTS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'check the port, and that the server there is running'],
  ['ENOTFOUND', NO_NAME],
  ['EAI_AGAIN', NO_NAME],
  ['EHOSTUNREACH', NO_ROUTE],
  ['ENETUNREACH', NO_ROUTE],
  ['ETIMEDOUT', NO_ROUTE],
]);

/**
 * What to check when a peer cannot be reached, by the system's error code. Undefined for a code that says something else than that
 * the name or the way there is at fault: the peer may then have seen a certificate of ours.
 */
export function reachHint(code: string): string | undefined {
  return HINTS.get(code);
}
