import { BlockList, isIP } from 'node:net';

import { globsOf } from '../../model/glob.ts';
import { isObject } from '../../model/json.ts';
import type { Wanted } from './wire.ts';

/** Which events are journaled; an empty list, or an empty text, takes all. */
export interface CloudqueryFilters {
  readonly event_type: readonly string[];
  readonly user: readonly string[];
  readonly team: readonly string[];
  readonly entity: readonly string[];
  readonly ip_address: readonly string[];
  readonly search: string;
}

/**
 * Whether an item is wanted. Names are globs. Matching is done here and never left to the server, whose match rules are
 * not documented: a server that matches otherwise would lose events in silence. Null where every item is.
 */
export function compileFilters(filters: CloudqueryFilters): Wanted | null {
  if (Object.values(filters).every(({ length }: string | readonly string[]) => length === 0)) return null;
  const fields = {
    event_type: compileNames(filters.event_type),
    user: compileNames(filters.user),
    team: compileNames(filters.team),
    entity: compileNames(filters.entity),
    ip_address: compileAddresses(filters.ip_address),
  };
  const search = filters.search.toLowerCase();
  return (item) => {
    const user = isObject(item['user']) ? item['user'] : {};
    const users = texts(user['id'], user['email'], user['name']);
    const seen = {
      event_type: texts(item['event_type']),
      user: users,
      team: texts(item['team_name']),
      entity: texts(item['entity_display_name']),
      ip_address: texts(item['user_ip_address']),
    };
    return (
      fields.event_type(seen.event_type) &&
      fields.user(seen.user) &&
      fields.team(seen.team) &&
      fields.entity(seen.entity) &&
      fields.ip_address(seen.ip_address) &&
      (search === '' ||
        Object.values(seen)
          .flat()
          .some((text) => text.toLowerCase().includes(search)))
    );
  };
}

function texts(...values: readonly unknown[]): readonly string[] {
  return values.filter((value) => typeof value === 'string');
}

function compileNames(names: readonly string[]): (values: readonly string[]) => boolean {
  if (names.length === 0) return () => true;
  const fits = globsOf(names);
  return (values) => values.some(fits);
}

/** Addresses as text (with `*`), or as ranges such as 203.0.113.0/24. */
function compileAddresses(names: readonly string[]): (values: readonly string[]) => boolean {
  const ranges = new BlockList();
  const plain = names.filter((name) => {
    const range = rangeIn(name);
    if (range === null) return true;
    ranges.addSubnet(range.network, range.bits, range.family);
    return false;
  });
  if (names.length === 0) return () => true;
  const byText = plain.length === 0 ? () => false : compileNames(plain);
  return (values) =>
    byText(values) ||
    values
      .flatMap(addressesIn)
      .some((address) => ranges.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'));
}

/**
 * Why an entry of `ip_address` can match no address, or null: such an entry would leave out every event in silence. What
 * holds a `*`, or is written like the field itself (with a port, say), is compared as text.
 */
export function addressFault(name: string): string | null {
  const parts = name.split('.');
  const numbers = /^[\d.*]+$/.test(name) && parts.some((part) => part.includes('*'));
  const pattern = numbers
    ? parts.length <= 4 && parts.every((part) => part.includes('*') || isIP(`0.0.0.${part}`) === 4)
    : name.includes('*') && !name.includes('/');
  const written = name.split(SEPARATORS).every((text) => addressesIn(text).length > 0);
  if (pattern || written || rangeIn(name) !== null) return null;
  return 'is neither an address nor a range; expected an IPv4 or IPv6 address, a range such as 203.0.113.0/24, or text such as 203.0.113.*';
}

function rangeIn(name: string): { network: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [network = '', prefix = '', ...rest] = name.split('/');
  const family = isIP(network);
  const bits = Number(prefix);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix) || bits > (family === 4 ? 32 : 128))
    return null;
  return { network, bits, family: family === 4 ? 'ipv4' : 'ipv6' };
}

const SEPARATORS = /[\s,;]+/;

/** The address field is plain text: it may hold a port, brackets, a zone or, behind proxies, several addresses. */
function addressesIn(text: string): readonly string[] {
  return text.split(SEPARATORS).flatMap((part) => {
    const bare = part
      .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
      .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1')
      .replace(/%.*$/, '');
    return isIP(bare) === 0 ? [] : [bare];
  });
}
