/**
 * Whether what stands under this name, a header or a parameter of an address, is a secret. A word too many hides a harmless value, a
 * word too few shows a key; so this is wide, and what it does not know is shown, such as X-Scope-OrgID.
 */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

const SECRET_NAME =
  /auth(?!or(?!i))|bearer|cookie|credential|dsn|honeycomb-team|jwt|key|licen[cs]e|nonce|otp|pass|pwd|secret|session|sig(?:nature)?(?:$|[-_])|token/i;

/** The words before a credential in an Authorization header. They are no part of it. */
const SCHEME = /^(?:apikey|basic|bearer|digest|key|negotiate|splunk|sso-key|token) +(?=\S)/i;

/** A value that names its own scheme is a credential under any name. */
export function isCredential(value: string): boolean {
  return SCHEME.test(value);
}

export function withoutScheme(value: string): string {
  return value.replace(SCHEME, '');
}

/** Longer values of an address's query are taken for secrets under any name. */
const OPEN_VALUE_LIMIT = 16;

/** The values in the query of an address that are not to be shown; none for what is no address. */
export function addressSecrets(text: string): readonly string[] {
  if (!/^[a-z][a-z+.-]*:\/\//i.test(text)) return [];
  const query = URL.parse(text)?.searchParams ?? new URLSearchParams();
  return [...query]
    .filter(([name, value]) => value !== '' && (isSecretName(name) || value.length >= OPEN_VALUE_LIMIT))
    .map(([, value]) => value);
}
