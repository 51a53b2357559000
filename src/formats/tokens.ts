/** Longest part of an event type that is read, in UTF-16 units: longer ones are not names. */
const MAX_EVENT_TYPE_UNITS = 512;

/**
 * The words of a name in any convention: `user_login`, `sync.created`, `policy updated`, `DeleteAPIKey`. Lower case, in order.
 */
export function wordsOf(name: string): string[] {
  return spaced(name.slice(0, MAX_EVENT_TYPE_UNITS))
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** A pattern as it would be spelled for the form of `slugOf`: `billing.*` is `billing_*`, `ApiKey*` is `api_key*`. */
export function slugPatternOf(pattern: string): string {
  return spaced(pattern)
    .replace(/[^\p{L}\p{M}\p{N}*?]+/gu, '_')
    .replace(/^_(?![*?])|(?<![*?])_$/g, '');
}

/** Lower case, with a space wherever the case of letters says that a word begins. */
function spaced(name: string): string {
  return name
    .toWellFormed()
    .normalize('NFKC')
    .replace(/(?<!\p{N})2F[Aa](?!\p{Ll})/gu, ' 2fa ')
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase();
}

/** The words joined by `_`: the form in which event types are compared and shown as an action. Never empty. */
export function slugOf(words: readonly string[]): string {
  return words.length === 0 ? 'unnamed_event' : words.join('_');
}
