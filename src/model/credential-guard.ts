import { inspect } from 'node:util';

import type { CheckReport } from './check.ts';
import { ForwardError } from './errors.ts';
import { createHide } from './hide.ts';
import type { Hide, KnownSecret } from './hide.ts';
import { Secret, secretsWithin } from './secret.ts';
import { addressSecrets } from './secret-names.ts';

/** What guards the credentials of a source or sink: they show in nothing that it tells, and it is known when one was replaced. */
export interface CredentialGuard {
  readonly hide: Hide;
  /** Warns of credentials that were replaced by a value which a peer refuses: work goes on, and nobody would know. `told` does it by itself. */
  readonly sayFallbacks: () => void;
  /** Whether one of the credentials was replaced since it was used last. */
  readonly replaced: () => boolean;
  /** Ends as `work` does, with its answer or error cleaned. */
  readonly told: <T>(work: Promise<T>, signal: AbortSignal, clean: (answer: T) => T) => Promise<T>;
  /** What was thrown, when it shows nothing or is why `signal` was aborted; else the same without what it shows. */
  readonly cleanError: (error: unknown, signal: AbortSignal) => unknown;
  readonly cleanReport: (report: CheckReport) => CheckReport;
}

/**
 * Peers, and proxies before them, quote the request that they refuse, in places that nobody foresees. `options` hold the credentials, and
 * `further` are those that are sent as well; a line of `warn` is for the operator.
 */
export function guardOf(
  options: unknown,
  further: readonly KnownSecret[],
  warn: (message: string) => void,
): CredentialGuard {
  const found = secretsWithin(options);
  const hide = createHide([...found, ...inAddresses(options), ...further]);
  const sayFallbacks = (): void => {
    for (const { path, secret } of found)
      if (secret.fellBack())
        warn(`the new value of ${path} was refused; the one before it is in use until it is replaced again`);
  };
  const cleanError: CredentialGuard['cleanError'] = (error, signal) =>
    error === signal.reason ? error : cleaned(error, hide);
  return {
    hide,
    sayFallbacks,
    replaced: () => found.some(({ secret }) => secret.replaced()),
    async told(work, signal, clean) {
      try {
        return clean(await work);
      } catch (error) {
        throw cleanError(error, signal);
      } finally {
        sayFallbacks();
      }
    },
    cleanError,
    cleanReport: ({ items }) => ({
      items: items.map((item) => ({
        ...item,
        finding: hide(item.finding),
        ...(item.hint === undefined ? {} : { hint: hide(item.hint) }),
      })),
    }),
  };
}

/** What an address carries in its query: some receivers take their key there. */
function inAddresses(options: unknown): readonly KnownSecret[] {
  if (typeof options === 'string')
    return addressSecrets(options).map((value) => ({ secret: Secret.of(value), username: undefined }));
  if (typeof options !== 'object' || options === null || options instanceof Secret) return [];
  return Object.values(options).flatMap(inAddresses);
}

/** What was thrown, when it shows nothing; else the same without what it shows, and without the cause, which a log may print as well. */
export function cleaned(error: unknown, hide: Hide): unknown {
  if (!(error instanceof Error)) return error;
  const shown = inspect(error, { depth: 9 });
  if (hide(shown) === shown && hide(error.message) === error.message) return error;
  const message = hide(error.message);
  if (error instanceof ForwardError) {
    const { kind, retryAfterMs, ambiguous, lasting, hint } = error;
    const clean = hint === undefined ? undefined : hide(hint);
    return new ForwardError(kind, message, { retryAfterMs, ambiguous, lasting, hint: clean });
  }
  const clean = new Error(message);
  clean.name = error.name;
  clean.stack = hide(error.stack ?? message);
  return clean;
}
