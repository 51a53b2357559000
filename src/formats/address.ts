import { isIPv4, isIPv6 } from 'node:net';

/** Longest text kept of something that was meant to be an address, in UTF-16 units. */
const MAX_ADDRESS_UNITS = 1024;

export interface Address {
  /** An IPv4 or IPv6 address in its usual short spelling; absent when the text holds none. */
  readonly ip?: string;
  /** The address, or the text itself where it is none; absent when empty. */
  readonly address?: string;
}

/**
 * Reads `user_ip_address`, which the API types as a plain string: the first of a list, without port, brackets, zone or quotes, a mapped
 * IPv4 address as IPv4. What is no address is kept aside as text, so that no `ip` field ever holds junk.
 */
export function readAddress(text: string): Address {
  const whole = text.trim().toWellFormed().slice(0, MAX_ADDRESS_UNITS).toWellFormed();
  if (whole === '') return {};
  if (isIPv4(whole)) return { ip: whole, address: whole };
  const first = (whole.split(',', 1)[0] ?? '').trim().replace(/^"(.*)"$/, '$1');
  const ip = plainIp(first);
  return ip === undefined ? { address: whole } : { ip, address: ip };
}

function plainIp(text: string): string | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1];
  const candidate = (bracketed ?? text.replace(/^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/, '$1')).replace(
    /(?:%|\/).*$/s,
    '',
  );
  if (isIPv4(candidate)) return candidate;
  return isIPv6(candidate) ? shortIpv6(candidate) : undefined;
}

/** The one short spelling of an IPv6 address, so that the same address always compares equal; mapped IPv4 becomes IPv4. */
function shortIpv6(text: string): string {
  const short = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [parseInt(mapped[1] ?? '0', 16), parseInt(mapped[2] ?? '0', 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** Of two kinds of address, which: for formats that have a field for each. */
export function isIpv6(ip: string): boolean {
  return ip.includes(':');
}
