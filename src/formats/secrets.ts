import { wordsOf } from './tokens.ts';

/**
 * How secret a key's value looks: `strong` replaces texts and numbers, `weak` texts only (`max_tokens: 4000` is a count), `none` nothing.
 */
export type Secrecy = 'none' | 'weak' | 'strong';

export type JudgeKey = (key: string) => Secrecy;

/** Keys remembered with their judgement; an installation has some hundreds. */
const MAX_REMEMBERED = 5000;
/** Keys longer than this are not remembered, so that a hostile event cannot fill the memory. UTF-16 units. */
const MAX_REMEMBERED_UNITS = 128;

/** A judge of key names, with the operator's further keys and exceptions. Case and separators do not matter. */
export function createJudgeKey(further: readonly string[], keep: readonly string[]): JudgeKey {
  const secret = new Set(further.map(plain));
  const kept = new Set(keep.map(plain));
  const remembered = new Map<string, Secrecy>();
  return (key) => {
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const name = plain(key);
    const secrecy = kept.has(name) ? 'none' : secret.has(name) ? 'strong' : judge(wordsOf(key));
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    if (key.length <= MAX_REMEMBERED_UNITS) remembered.set(key, secrecy);
    return secrecy;
  };
}

/** True for the last word of a key that tells about a secret without being one: `api_key_id`, `token_type`, `password_changed_at`. */
export function tellsAbout(key: string): boolean {
  const words = wordsOf(key);
  return TELLING.has(words.at(-1) ?? '');
}

function judge(words: readonly string[]): Secrecy {
  const last = words.at(-1) ?? '';
  if (TELLING.has(last)) return 'none';
  const joined = words.join('');
  if (words.some((word) => SECRET_WORDS.has(word)) || GLUED.test(joined)) return 'strong';
  if (SECRET_NAMES.has(words.join('_'))) return 'strong';
  if (last === 'key') return PLAIN_KEYS.has(words.at(-2) ?? '') ? 'none' : 'strong';
  if (last === 'keys' && words.length > 1) return PLAIN_KEYS.has(words.at(-2) ?? '') ? 'none' : 'strong';
  return words.some((word) => word === 'token' || word === 'tokens') ? tokenSecrecy(words) : 'none';
}

function tokenSecrecy(words: readonly string[]): Secrecy {
  return words.includes('token') ? 'strong' : 'weak';
}

const SECRET_WORDS = set(
  'password passwords passwd pwd passphrase passcode secret secrets credential credentials cred creds authorization dsn ' +
    'cookie cookies apikey apikeys otp pin jwt bearer',
);
/** Spelled without a boundary: clientsecret, accesstoken. */
const GLUED =
  /passw(?:or)?d|passphrase|secret(?!ar)|credential|apikey|privatekey|accesskey|accesstoken|authtoken|refreshtoken|connectionstring/;
const SECRET_NAMES = set(
  'auth auth_header basic_auth connection_string connection_url connection_uri database_url db_url totp totp_code mfa_code backup_codes ' +
    'recovery_codes webhook_url session_cookie set_cookie',
);
/** Words before `key` that make it a name or a place, not a secret. */
const PLAIN_KEYS = set(
  'public primary foreign partition sort cache idempotency object s3 routing group row column unique join dedup map label tag index ' +
    'lookup message translation order shard',
);
const TELLING = set(
  'id ids uuid name names type types kind count counts expiry expires expiration expired at by on enabled disabled policy policies status ' +
    'length limit version algorithm used usage age days period ttl rotation required fingerprint label prefix arn provider source ' +
    'configured changed reset set present valid verified scope scopes role roles email created updated last description',
);

function plain(key: string): string {
  return wordsOf(key).join('_');
}

function set(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}
