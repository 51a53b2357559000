import { wordsOf } from './tokens.ts';

/**
 * How secret a key's value looks: `strong` replaces texts and numbers, `weak` texts only (`max_tokens: 4000` is a count), `none` nothing.
 */
export type Secrecy = 'none' | 'weak' | 'strong';

/** What a key says of its value and of its neighbours. */
export interface KeyMeaning {
  readonly secrecy: Secrecy;
  /** It tells about a secret without being one: `api_key_id`, `token_type`, `password_changed_at`. */
  readonly tells: boolean;
  /**
   * Lists of changes and of headers name the attribute beside its values: `{"field": "password", "old": …, "new": …}`. Whether this is
   * the key of the name or of a value.
   */
  readonly beside: 'name' | 'value' | null;
}

export type JudgeKey = (key: string) => KeyMeaning;

/** Keys remembered with their meaning; an installation has some hundreds. */
const MAX_REMEMBERED = 5000;
/** Keys longer than this are not remembered, so that a hostile event cannot fill the memory. UTF-16 units. */
const MAX_REMEMBERED_UNITS = 128;

/** A judge of key names, with the operator's further keys and exceptions. Case and separators do not matter. */
export function createJudgeKey(further: readonly string[], keep: readonly string[]): JudgeKey {
  const secret = new Set(further.map(plain));
  const kept = new Set(keep.map(plain));
  const remembered = new Map<string, KeyMeaning>();
  return (key) => {
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const words = wordsOf(key);
    const name = words.join('_');
    const meaning: KeyMeaning = {
      secrecy: kept.has(name) ? 'none' : secret.has(name) ? 'strong' : secrecyOf(words),
      tells: TELLING.has(words.at(-1) ?? ''),
      beside: NAME_KEYS.has(name) ? 'name' : VALUE_KEYS.has(name) ? 'value' : null,
    };
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    if (key.length <= MAX_REMEMBERED_UNITS) remembered.set(key, meaning);
    return meaning;
  };
}

function secrecyOf(numbered: readonly string[]): Secrecy {
  const words = numbered.map((word) => word.replace(/(?<=\D)\d+$/, ''));
  const last = words.at(-1) ?? '';
  if (TELLING.has(last)) return 'none';
  const ending = words.slice(-2).join('_');
  if (words.some((word) => SECRET_WORDS.has(word)) || GLUED.test(words.join(''))) return 'strong';
  if (SECRET_ENDINGS.has(ending) || SECRET_NAMES.has(words.join('_'))) return 'strong';
  if (last === 'key' || (last === 'keys' && words.length > 1))
    return PLAIN_KEYS.has(words.at(-2) ?? '') ? 'none' : 'strong';
  if (words.includes('token')) return 'strong';
  return words.includes('tokens') || words.includes('pass') ? 'weak' : 'none';
}

const SECRET_WORDS = set(
  'password passwords passwd pwd pw passphrase passcode secret secrets credential credentials cred creds authorization dsn ' +
    'cookie cookies apikey apikeys otp totp otpauth pin jwt bearer kubeconfig mnemonic',
);
/** Spelled without a boundary: clientsecret, accesstoken. */
const GLUED =
  /passw(?:or)?d|passphrase|secret(?!ar)|credential|apikey|privatekey|accesskey|accesstoken|authtoken|refreshtoken|tokenvalue|connectionstring/;
/** The last two words of a key: one-time codes, addresses that grant access by themselves, connection strings. */
const SECRET_ENDINGS = set(
  'mfa_code backup_code backup_codes recovery_code recovery_codes verification_code activation_code security_code login_code ' +
    'webhook_url webhook_uri slack_webhook teams_webhook discord_webhook incoming_webhook connection_string connection_str connection_url ' +
    'connection_uri conn_string conn_str database_url db_url jdbc_url reset_link reset_url magic_link invite_link invitation_link login_link ' +
    'activation_link signed_url presigned_url sas_url saml_assertion saml_response session_cookie set_cookie auth_header basic_auth ' +
    'github_pat gitlab_pat access_pat key_data seed_phrase',
);
const SECRET_NAMES = set('auth');
/** Words before `key` that make it a name or a place, not a secret. */
const PLAIN_KEYS = set(
  'public primary foreign partition sort cache idempotency object s3 routing group row column unique join dedup map label tag index ' +
    'lookup message translation order shard file folder feature flag issue project',
);
const TELLING = set(
  'id ids uuid name names type types kind count counts expiry expires expiration expired at by on enabled disabled policy policies status ' +
    'length limit version algorithm used usage age days period ttl rotation required fingerprint label prefix arn provider source ' +
    'configured changed reset set present valid verified scope scopes role roles email created updated last description',
);
const NAME_KEYS = set(
  'field field_name attribute attribute_name property property_name key key_name name path column column_name variable variable_name ' +
    'header header_name setting setting_name option parameter param env_var',
);
const VALUE_KEYS = set(
  'value values val old new before after from to current previous old_value new_value before_value after_value previous_value ' +
    'current_value original_value updated_value old_content new_content content data default default_value',
);

function plain(key: string): string {
  return wordsOf(key).join('_');
}

function set(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}
