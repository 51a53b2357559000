import { createPrivateKey } from 'node:crypto';

import { isObject } from '../model/json.ts';
import { roomForAnswer } from '../model/memory.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { Secret } from '../model/secret.ts';
import { formatSize } from '../model/units.ts';
import { positionOf } from './explain.ts';
import { isInterpolated } from './interpolate.ts';
import type { Problem } from './problems.ts';
import type { Parts } from './schema.ts';
import type { TreeNode } from './tree.ts';
import { find, pathOf } from './values.ts';
import { isWithin } from './paths.ts';

type Mapping = Readonly<Record<string, unknown>>;

interface Part {
  readonly segments: readonly string[];
  readonly options: Mapping;
}

interface Checking {
  readonly type: string;
  validate?(options: unknown): readonly OptionProblem[];
  claims?(options: unknown): { readonly path: string; readonly thing: string };
}

/** What the parts themselves find wrong beyond their schemas; a part that has problems already is not asked. */
export function partProblems(
  data: unknown,
  parts: Parts,
  root: TreeNode,
  known: readonly Problem[],
): readonly Problem[] {
  const claimed = new Map<string, string>();
  return partsIn(data).flatMap(({ segments, options }) => {
    const place = segments.join('.');
    if (known.some(({ path }) => isWithin(path, place))) return [];
    const definitions: readonly Checking[] = segments[0] === 'sources' ? parts.sources : parts.sinks;
    const definition = definitions.find(({ type }) => type === options['type']);
    const found = [...(definition?.validate?.(options) ?? [])];
    const claim = definition?.claims?.(options);
    if (claim !== undefined) {
      const { path, thing } = claim;
      const owner = claimed.get(thing);
      if (owner === undefined) claimed.set(thing, `${place}.${path}`);
      else found.push({ path, problem: `leads to the same place as ${owner}; expected one of its own` });
    }
    return found.map(({ path, problem }) => {
      const below = [...segments, ...path.split(/[./]/).filter((key) => key !== '')];
      return { at: positionOf(root, below, 'value'), path: pathOf(root, below), text: problem };
    });
  });
}

/** A key that cannot sign is found before anything starts, and without a word of what it is. */
export function heartbeatProblems(data: unknown, root: TreeNode): readonly Problem[] {
  const section = isMapping(data) ? data['heartbeat'] : undefined;
  const key = isMapping(section) ? section['signing_key'] : undefined;
  if (!(key instanceof Secret) || isSigningKey(key.reveal())) return [];
  const keys = ['heartbeat', 'signing_key'];
  const text =
    'cannot sign; expected an Ed25519 private key in PEM, as openssl genpkey -algorithm ed25519 writes it';
  return [{ at: positionOf(root, keys, 'value'), path: pathOf(root, keys), text }];
}

function isSigningKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** Allowed, since neither progress nor cursor is shared, but the dead letters of a source and a sink of one name are counted together. */
export function sharedNames(data: unknown, root: TreeNode): Problem[] {
  const sources = isMapping(data) && isMapping(data['sources']) ? Object.keys(data['sources']) : [];
  const sinks = isMapping(data) && isMapping(data['sinks']) ? Object.keys(data['sinks']) : [];
  const text = 'a source has this name as well: their dead letters are counted together; better another name';
  return sinks
    .filter((name) => sources.includes(name))
    .map((name) => ['sinks', name])
    .map((keys) => ({ at: positionOf(root, keys, 'key'), path: pathOf(root, keys), text }));
}

/** Secrets that are in the file itself: allowed, and said at each start. */
export function literalSecrets(data: unknown, root: TreeNode): Problem[] {
  return secretsIn(data, []).flatMap((segments) => {
    const node = find(root, segments)?.node;
    if (segments.join('.') === 'state.url' && !hasPassword(node)) return [];
    const literal = node?.kind === 'scalar' && (node.template === null || !isInterpolated(node.template));
    if (!literal) return [];
    const text = 'the secret itself is in the file; better ${NAME} (with braces) or ${file:/path}';
    return [{ at: node.at, path: pathOf(root, segments), text }];
  });
}

/** The address of a database is a secret for the password that it may hold. */
function hasPassword(node: TreeNode | undefined): boolean {
  const url = node?.kind === 'scalar' ? URL.parse(String(node.value)) : null;
  return url === null || url.password !== '' || url.searchParams.has('password');
}

/** Allowed but unwise: certificates that are not checked, credentials sent in the clear, and answers that the memory has no room for. */
export function cautions(data: unknown, root: TreeNode): Problem[] {
  return partsIn(data).flatMap(({ segments, options }) => {
    const found: Problem[] = [];
    const add = (keys: readonly string[], text: string): void => {
      const below = [...segments, ...keys];
      found.push({ at: positionOf(root, below, 'value'), path: pathOf(root, below), text });
    };
    const tls = options['tls'];
    if (isMapping(tls) && tls['verify'] === false) {
      add(
        ['tls', 'verify'],
        'the certificate is not verified: anyone in between can read and change everything',
      );
    }
    const largest = options['max_response_size'];
    const room = roomForAnswer(lanesOf(options));
    if (
      typeof largest === 'number' &&
      largest > room &&
      find(root, [...segments, 'max_response_size']) !== null
    ) {
      const has = formatSize(floorSize(room));
      add(
        ['max_response_size'],
        `the memory of this process has room for answers of ${has}: larger ones are asked for in parts`,
      );
    }
    if (secretsIn(options, []).length === 0) return found;
    for (const [key, value] of Object.entries(options)) {
      for (const address of Array.isArray(value) ? value : [value]) {
        if (isClearAddress(address))
          add([key], 'credentials are sent unencrypted over http://; better https://');
      }
    }
    return found;
  });
}

function lanesOf({ rate_limit: limit }: Mapping): number {
  const lanes = isMapping(limit) ? limit['concurrent'] : undefined;
  return typeof lanes === 'number' ? lanes : 1;
}

/** To the mebibyte: nobody needs more digits. */
function floorSize(bytes: number): number {
  return Math.floor(bytes / 2 ** 20) * 2 ** 20;
}

function isClearAddress(value: unknown): boolean {
  if (typeof value !== 'string' || !/^http:\/\//i.test(value)) return false;
  const host = (URL.parse(value)?.hostname ?? '').replace(/\.$/, '');
  return !(host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host));
}

function partsIn(data: unknown): Part[] {
  return ['sources', 'sinks'].flatMap((section) => {
    const named = isMapping(data) ? data[section] : undefined;
    if (!isMapping(named)) return [];
    return Object.entries(named).flatMap(([name, options]) =>
      isMapping(options) ? [{ segments: [section, name], options }] : [],
    );
  });
}

function secretsIn(value: unknown, segments: readonly string[]): (readonly string[])[] {
  if (value instanceof Secret) return [segments];
  if (Array.isArray(value))
    return value.flatMap((item, index) => secretsIn(item, [...segments, String(index)]));
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([key, below]) => secretsIn(below, [...segments, key]));
}

function isMapping(value: unknown): value is Mapping {
  return isObject(value) && !(value instanceof Secret);
}
