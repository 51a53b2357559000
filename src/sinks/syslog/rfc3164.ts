import { nsToMs } from '../../model/time.ts';
import { headerField } from './rfc5424.ts';
import type { Header } from './rfc5424.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const TAG_LIMIT = 32;
const HOSTNAME_LIMIT = 255;

/**
 * `<PRI>Mmm dd hh:mm:ss HOSTNAME TAG[pid]: ` with the time in UTC. A CEF or LEEF line brings its own tag, which
 * collectors look for right after the host name, so it gets none from us.
 * Source: RFC 3164 section 4.1.
 */
export function prefix3164(header: Header, body: string): string {
  const start = `<${header.priority}>${time3164(header.timeNs)} ${headerField(header.hostname, HOSTNAME_LIMIT)} `;
  if (/^(CEF|LEEF):/.test(body)) return start;
  const tag = header.appName.replace(/[^A-Za-z0-9]/g, '').slice(0, TAG_LIMIT) || 'audit';
  const pid = header.procId.replace(/[^A-Za-z0-9]/g, '').slice(0, TAG_LIMIT);
  return `${start}${tag}${pid === '' ? '' : `[${pid}]`}: `;
}

/** Neither year nor zone fit in; the day is padded with a space. */
function time3164(ns: bigint): string {
  const time = new Date(nsToMs(ns));
  const day = String(time.getUTCDate()).padStart(2, ' ');
  return `${MONTHS[time.getUTCMonth()]} ${day} ${time.toISOString().slice(11, 19)}`;
}
