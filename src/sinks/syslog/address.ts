import { ForwardError } from '../../model/errors.ts';

export type Protocol = 'tcp' | 'tls' | 'udp' | 'relp' | 'relp+tls';

export interface Address {
  readonly protocol: Protocol;
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** As messages show it. */
  readonly where: string;
}

/** What the configuration's schema checks; `parseAddress` checks the port's range as well. */
export const ADDRESS_PATTERN =
  '^(tcp|tls|udp|relp|relp\\+tls)://(\\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$';

const SHAPE = new RegExp(ADDRESS_PATTERN);

/** Reads "tls://siem:6514" or "udp://[2001:db8::5]:514". Throws `config` for anything else. */
export function parseAddress(text: string): Address {
  const match = SHAPE.exec(text);
  const port = Number(text.slice(text.lastIndexOf(':') + 1));
  if (match === null || !(port >= 1 && port <= 65_535)) {
    throw new ForwardError('config', 'is not a syslog address', {
      hint: 'expected protocol, host and port from 1 to 65535: tls://siem:6514, tcp://, udp://, relp:// or relp+tls://; IPv6 in brackets',
    });
  }
  const host = match[2] ?? '';
  return {
    protocol: (match[1] ?? 'tcp') as Protocol,
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port,
    where: text,
  };
}
