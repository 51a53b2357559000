import { BlockList, isIP, isIPv6 } from 'node:net';

import { ForwardError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { FoundSecret } from '../model/secret.ts';

/** A proxy that the environment names. */
export interface Proxy {
  /** The variable that names it: messages show this and the host, never what else stands in it. */
  readonly variable: string;
  readonly tls: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** The value of Proxy-Authorization. */
  readonly authorization: string | undefined;
  /** What is secret in it. */
  readonly credential: Pick<FoundSecret, 'secret' | 'username'> | undefined;
}

export interface Proxies {
  /** The proxy that leads to an address, or null for the direct way. */
  for(target: Target): Proxy | null;
}

/** As in a URL: the protocol with its colon, an IPv6 address with or without brackets, no port where it is the usual one. */
export interface Target {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const USUAL_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** The first that is set and not empty counts: lower case before upper case, as curl has it. */
const VARIABLES = {
  'http:': ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'],
  'https:': ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'],
} as const;

/**
 * Reads the proxy variables as curl does: `https_proxy` leads to https addresses and `http_proxy` to http ones,
 * `all_proxy` to both where theirs is not set, `no_proxy` lists what is reached directly. Throws `config` for a variable
 * that names no proxy.
 */
export function readProxies(environment: Environment = process.env): Proxies {
  const http = proxyIn(environment, VARIABLES['http:']);
  const https = proxyIn(environment, VARIABLES['https:']);
  const direct = readNoProxy(environment['no_proxy'] || environment['NO_PROXY'] || '');
  return {
    for: (target) => {
      const proxy = target.protocol === 'https:' ? https : http;
      return proxy === null || direct(target) ? null : proxy;
    },
  };
}

/** What is secret in the proxy variables: a proxy may quote what it was sent, as any peer does. */
export function proxyCredentials(
  environment: Environment = process.env,
): readonly Pick<FoundSecret, 'secret' | 'username'>[] {
  return Object.values(VARIABLES).flatMap((names) => {
    try {
      return proxyIn(environment, names)?.credential ?? [];
    } catch {
      return []; // it is not used either
    }
  });
}

function proxyIn(environment: Environment, names: readonly string[]): Proxy | null {
  const variable = names.find((name) => (environment[name] ?? '') !== '');
  return variable === undefined ? null : readProxy(variable, environment[variable] ?? '');
}

/** A scheme is not needed. What stands in the variable is never quoted: it may hold a password. */
function readProxy(variable: string, text: string): Proxy {
  const trimmed = text.trim();
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`);
  const known = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!known || url.hostname === '') {
    throw new ForwardError('config', `the environment variable ${variable} names no HTTP proxy`, {
      hint: 'expected host:port, http://host:port or https://host:port, with user:password@ before the host if it asks for them',
    });
  }
  return {
    variable,
    tls: url.protocol === 'https:',
    host: bare(url.hostname),
    port: Number(url.port) || (USUAL_PORTS[url.protocol] ?? 80),
    ...credentialsOf(variable, url),
  };
}

function credentialsOf(variable: string, url: URL): Pick<Proxy, 'authorization' | 'credential'> {
  if (url.username === '' && url.password === '') return { authorization: undefined, credential: undefined };
  try {
    const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      // A name without a password is a token.
      credential:
        password === ''
          ? { secret: Secret.of(username), username: undefined }
          : { secret: Secret.of(password), username },
    };
  } catch {
    throw new ForwardError(
      'config',
      `the user or password in the environment variable ${variable} is not percent-encoded`,
      { hint: 'write a percent sign as %25' },
    );
  }
}

/** Names the proxy for messages. */
export function nameOf({ variable, host, port }: Proxy): string {
  return `the proxy in ${variable} (${isIPv6(host) ? `[${host}]` : host}:${port})`;
}

// --- no_proxy ---

type Matcher = (target: Target) => boolean;

/**
 * `no_proxy`, separated by commas or white space: `*`, a domain with everything below it (a leading dot changes nothing),
 * an address, a range such as `10.0.0.0/8` or `fd00::/8`, each also with `:port`. A star at one end stands for anything.
 */
function readNoProxy(text: string): Matcher {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const matchers = entries.map((entry) => readEntry(entry.toLowerCase()));
  return (target) => matchers.some((matches) => matches(target));
}

/** Host and port; brackets around IPv6 may be left out where no port follows. */
const ENTRY =
  /^(?:\[([0-9a-f:.]+)\](\/\d{1,3})?|([^[\]:]*)|([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:./]*))(?::(\d{1,5}))?$/;

function readEntry(entry: string): Matcher {
  const [, bracketed, prefix = '', name, bareIPv6, port] = ENTRY.exec(entry) ?? [];
  const host = bracketed === undefined ? (name ?? bareIPv6 ?? entry) : `${bracketed}${prefix}`;
  const matches = hostMatcher(host);
  return (target) =>
    (port === undefined || Number(port) === portOf(target)) &&
    matches(bare(target.hostname).toLowerCase().replace(/\.$/, ''));
}

function hostMatcher(entry: string): (host: string) => boolean {
  const [address = '', prefix] = entry.split('/');
  if (isIP(address) !== 0) return addressMatcher(address, prefix);
  const name = entry.replace(/\.$/, '');
  if (name.startsWith('*')) return (host) => host.endsWith(name.slice(1));
  if (name.endsWith('*')) return (host) => host.startsWith(name.slice(0, -1));
  const domain = name.replace(/^\./, '');
  return (host) => domain !== '' && (host === domain || host.endsWith(`.${domain}`));
}

function addressMatcher(address: string, prefix: string | undefined): (host: string) => boolean {
  const family = familyOf(address);
  const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix);
  const range = new BlockList();
  if (!Number.isInteger(bits) || bits > (family === 'ipv4' ? 32 : 128)) return () => false;
  range.addSubnet(address, bits, family);
  return (host) => isIP(host) !== 0 && range.check(host, familyOf(host));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

function portOf(target: Target): number {
  return Number(target.port) || (USUAL_PORTS[target.protocol] ?? 0);
}

function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
