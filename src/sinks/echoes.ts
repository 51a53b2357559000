import { inspect } from 'node:util';

import { ForwardError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { CheckReport } from '../model/check.ts';
import type { Receipt, Sink, SinkContext } from './sink.ts';

type Hide = (text: string) => string;

/**
 * The sink with its credentials taken out of whatever it tells: fates, notices, warnings, errors and findings. Receivers, and proxies before
 * them, quote the request that they refuse, in places that nobody foresees; so it is done once, where their words leave the sink, and its
 * decisions are still made on the words as they came.
 */
export function withoutEchoes<Options extends object>(
  options: Options,
  context: SinkContext,
  open: (options: Options, context: SinkContext) => Sink,
): Sink {
  const hide = hideCredentials(options);
  const sink = open(options, { ...context, warn: (message) => context.warn(hide(message)) });
  const told = async <T>(work: Promise<T>, clean: (answer: T) => T): Promise<T> => {
    try {
      return clean(await work);
    } catch (error) {
      throw cleanError(error, hide);
    }
  };
  return {
    delivery: sink.delivery,
    send: (batch, signal) => told(sink.send(batch, signal), (receipt) => cleanReceipt(receipt, hide)),
    check: (signal) => told(sink.check(signal), (report) => cleanReport(report, hide)),
    ...(sink.holds === undefined
      ? {}
      : {
          holds: (ids, signal) =>
            told(sink.holds?.(ids, signal) ?? Promise.resolve(new Map()), (held) => held),
        }),
    refreshSecrets: () => sink.refreshSecrets(),
    close: () => sink.close(),
  };
}

/** Every secret within the options, wherever it stands; a password also together with the user name beside it, as it is sent. */
function hideCredentials(options: object): Hide {
  const found: { readonly secret: Secret; readonly username: string | undefined }[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { username } = value as { readonly username?: unknown };
    for (const member of Object.values(value) as unknown[]) {
      if (member instanceof Secret)
        found.push({ secret: member, username: typeof username === 'string' ? username : undefined });
      else look(member);
    }
  };
  look(options);
  return (text) => found.reduce((left, { secret, username }) => secret.hide(left, username), text);
}

function cleanReceipt(receipt: Receipt, hideOnce: Hide): Receipt {
  const known = new Map<string, string>(); // a batch is often refused with one reason
  const hide: Hide = (text) => {
    const clean = known.get(text) ?? hideOnce(text);
    known.set(text, clean);
    return clean;
  };
  const fates = receipt.fates.map((fate) =>
    'reason' in fate ? { ...fate, reason: hide(fate.reason) } : fate,
  );
  return { ...receipt, fates, ...(receipt.notice === undefined ? {} : { notice: hide(receipt.notice) }) };
}

function cleanReport({ items }: CheckReport, hide: Hide): CheckReport {
  return {
    items: items.map((item) => ({
      ...item,
      finding: hide(item.finding),
      ...(item.hint === undefined ? {} : { hint: hide(item.hint) }),
    })),
  };
}

/** The same error where it shows nothing; else one without the cause, which a log may print as well. */
function cleanError(error: unknown, hide: Hide): unknown {
  if (!(error instanceof ForwardError)) return error;
  const shown = inspect(error, { depth: 9 });
  if (hide(shown) === shown && hide(error.message) === error.message) return error;
  const { kind, message, retryAfterMs, ambiguous, hint } = error;
  return new ForwardError(kind, hide(message), {
    retryAfterMs,
    ambiguous,
    hint: hint === undefined ? undefined : hide(hint),
  });
}
