/**
 * What a person may have pasted where a Platform API key belongs, by the prefix of the token.
 * Source: the vendor's command line and Go clients (auth/token.go), which issue these kinds.
 */
const WRONG_KEYS: readonly (readonly [string, string])[] = [
  [
    'cqpd_',
    'this is a login token of the cloudquery command line (cqpd_…), good for external syncs only and for about a week; create an API key in the Platform under Organization settings',
  ],
  [
    'cqsr_',
    'this is the token of one sync run (cqsr_…); create an API key in the Platform under Organization settings',
  ],
  [
    'cqstc_',
    'this is the token of one test connection (cqstc_…); create an API key in the Platform under Organization settings',
  ],
];

/** Why `value` cannot be a Platform API key, or null. Quotes the kind's prefix only, never the value. */
export function wrongKeyHint(value: string): string | null {
  const key = value.trim();
  if (key === '') return 'the key is empty';
  return WRONG_KEYS.find(([prefix]) => key.startsWith(prefix))?.[1] ?? null;
}

/** Why `url` cannot be a Platform installation, or null. */
export function wrongHostHint(url: string): string | null {
  const parsed = URL.parse(url);
  if (parsed === null) return 'this is no URL; expected one such as https://acme.mycloudquery.com';
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') {
    return 'the URL starts with neither https:// nor http://';
  }
  if (parsed.username !== '' || parsed.password !== '') {
    return 'the URL holds a user or a password; put the key under api_key';
  }
  if (parsed.hostname.replace(/\.$/, '') === 'api.cloudquery.io') {
    return 'api.cloudquery.io is CloudQuery Cloud, which has no audit log; expected the address of your Platform, such as https://acme.mycloudquery.com';
  }
  return null;
}
