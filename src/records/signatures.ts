import { createPublicKey, hash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { signedText } from '../formats/heartbeat.ts';
import type { Heartbeat } from '../formats/heartbeat.ts';
import { ForwardError } from '../model/errors.ts';

/** Public keys by the name that heartbeats give them. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

const PEM_BLOCK = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g;
const KEY_DIGITS = 16;

/** All Ed25519 keys of a PEM text: a key that was replaced leaves heartbeats behind, so there may be several. Throws `config`. */
export function readPublicKeys(pem: string): PublicKeys {
  const keys = [...pem.matchAll(PEM_BLOCK)].map(([block]) => readKey(block));
  if (keys.length === 0) throw noKey();
  return new Map(
    keys.map((key) => [
      hash('sha256', key.export({ type: 'spki', format: 'der' })).slice(0, KEY_DIGITS),
      key,
    ]),
  );
}

function readKey(block: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(block);
  } catch (error) {
    throw noKey(error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw noKey();
  return key;
}

function noKey(cause?: unknown): ForwardError {
  return new ForwardError('config', '--public-key: the file holds no Ed25519 public key in PEM', {
    cause,
    hint: 'openssl pkey -in KEY -pubout writes it from the signing key',
  });
}

/** Null: signed by one of the keys. Otherwise what is wrong. */
export function signatureFault(heartbeat: Heartbeat, keys: PublicKeys): string | null {
  const { key: name, signature } = heartbeat;
  if (signature === undefined || name === undefined) return 'it is not signed';
  const key = keys.get(name);
  if (key === undefined) return `it is signed with another key (${name.slice(0, KEY_DIGITS)})`;
  const holds = verify(null, Buffer.from(signedText(heartbeat)), key, Buffer.from(signature, 'base64'));
  return holds ? null : 'its signature does not hold: it was changed after it was signed';
}
