import type { Config } from '../../config/config.ts';

/** What receivers get of an event, beside what the journal keeps. */
export interface Redaction {
  readonly enabled: boolean;
  /** Sinks that get events as the Platform sent them all the same. */
  readonly unredactedSinks: readonly string[];
}

export function redactionOf(config: Config): Redaction {
  const { redact } = config.normalize;
  const unredacted = [...config.sinks.values()].filter(({ formatOptions }) => {
    const { redact: own } = (formatOptions ?? {}) as { readonly redact?: boolean };
    return own === false;
  });
  return { enabled: redact?.enabled !== false, unredactedSinks: unredacted.map(({ name }) => name) };
}

/** For people who compare a receiver's copy with the Platform's. */
export function redactionSentence({ enabled, unredactedSinks }: Redaction): string {
  if (!enabled) return 'off: receivers get every value as the Platform sent it';
  const except =
    unredactedSinks.length === 0
      ? ''
      : `, except in ${unredactedSinks.join(', ')}, which get events as they are`;
  return `what receivers got was redacted: values under keys that look secret were replaced before an event left${except}. The journal keeps the bytes of the Platform, and hashes are of these`;
}
