/** Text that no sink gets: private keys whole, and within URLs passwords and tokens. Returns the same string when there is none. */
export function withoutSecrets(text: string, replacement: string): string {
  if (text.includes('PRIVATE KEY') && text.includes('-----BEGIN')) return replacement;
  if (!text.includes('://') || !text.includes('@')) return text;
  return text.replace(WORD, (word) => withoutCredentials(word, replacement));
}

/** What may hold a URL. A quote or an angle bracket ends one, a comma does not: connection strings list their hosts. */
const WORD = /[^\s"'<>]+/g;
/** A user alone of this many characters is a token: `https://ghp_…@github.com`. UTF-16 units. */
const TOKEN_UNITS = 16;
/** `//host:8443/path`: what follows the colon is a port. */
const PORT = /^\d{1,5}[/?#]/;

/**
 * Replaces what stands between the user and the last `@` of a word. Passwords are written into URLs unescaped, `@` and `/` and all, and a
 * host too many taken out is a smaller fault than half a password left in.
 */
function withoutCredentials(word: string, replacement: string): string {
  const at = word.lastIndexOf('@');
  for (
    let scheme = word.indexOf('://');
    scheme !== -1 && scheme < at;
    scheme = word.indexOf('://', scheme + 3)
  ) {
    const start = scheme + 3;
    const slash = firstOf(word, start, at);
    // Nothing is looked for beyond the slash, so that a word of many schemes is still gone through only once.
    const authority = word.slice(start, slash);
    // The colons of an IPv6 address stand in brackets.
    const colon = authority.indexOf(':', authority.startsWith('[') ? authority.indexOf(']') : 0);
    if (colon !== -1) {
      const from = start + colon + 1;
      if (!PORT.test(word.slice(from, from + 6)))
        return `${word.slice(0, from)}${replacement}${word.slice(at)}`;
    } else if (slash === at && at - start >= TOKEN_UNITS) {
      return `${word.slice(0, start)}${replacement}${word.slice(at)}`;
    }
  }
  return word;
}

/** Where the authority of a URL ends: at the first `/`, `?` or `#`, at the latest at `end`. */
function firstOf(word: string, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const character = word[at];
    if (character === '/' || character === '?' || character === '#') return at;
  }
  return end;
}
