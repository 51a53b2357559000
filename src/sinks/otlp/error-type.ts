/** The causes that `error.type` names, in the order in which they are looked for, each with the words that tell it. */
const CAUSES: readonly (readonly [cause: string, words: RegExp])[] = [
  [
    'mfa_required',
    /\b(?:mfa|2fa|otp|totp|factor)\b.*\b(?:required|needed|missing|not (?:configured|set ?up))\b/,
  ],
  ['rate_limited', /\b(?:rate limit\w*|too many (?:requests|attempts)|throttled)\b/],
  ['timeout', /\b(?:time ?out|timed out|deadline exceeded)\b/],
  ['expired', /\b(?:expired|expiry)\b/],
  ['locked', /\blocked\b/],
  ['disabled', /\b(?:disabled|deactivated|suspended|inactive)\b/],
  ['not_found', /\b(?:not found|no such|unknown (?:user|account)|does not exist|doesn t exist)\b/],
  ['conflict', /\b(?:already exists|conflict|duplicate)\b/],
  [
    'invalid_credentials',
    /\b(?:bad|invalid|wrong|incorrect)\b.*\b(?:credentials?|password|passcode|login|otp|totp|(?:api|access|auth|bearer|refresh) (?:key|token)|(?:mfa|verification|security|recovery) code)\b/,
  ],
  ['denied', /\b(?:denied|forbidden|unauthori[sz]ed|not (?:allowed|permitted|authori[sz]ed)|insufficient)\b/],
  ['unreachable', /\b(?:unreachable|unavailable|connection (?:refused|reset|closed))\b/],
];

/** What stands for any other cause, as the semantic conventions ask. */
const OTHER = '_OTHER';

/**
 * The cause of a failure as one name of a short closed list. The reason is free text and may hold names of people: made into a name itself
 * it would be another one for each event.
 */
export function errorType(reason: string | undefined): string {
  const words = (reason ?? '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ');
  return CAUSES.find(([, telling]) => telling.test(words))?.[0] ?? OTHER;
}
