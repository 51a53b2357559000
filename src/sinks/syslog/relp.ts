import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { openRelpSession } from './relp-session.ts';
import type { RelpSession } from './relp-session.ts';
import type { Transport, TransportOptions } from './transport.ts';

/**
 * Syslog over RELP: the receiver answers every message, so a fate is known and not guessed. Sessions stay open between
 * sends, one per send under way; one that misbehaved is dropped.
 */
export function createRelpTransport(options: TransportOptions): Transport {
  const idle: RelpSession[] = [];
  return {
    delivery: 'confirmed',
    send: async (messages, signal) => {
      const session = takeUsable(idle) ?? (await openRelpSession(options, signal));
      try {
        const fates = await session.send(messages, signal);
        if (session.usable() && !fates.some((fate) => fate.outcome === 'retry')) idle.push(session);
        else session.destroy();
        return fates;
      } catch (error) {
        session.destroy();
        throw error;
      }
    },
    check: (signal) => checkRelp(options, signal),
    close: async () => {
      const never = new AbortController().signal;
      await Promise.all(idle.splice(0).map((session) => session.close(never)));
    },
  };
}

function takeUsable(idle: RelpSession[]): RelpSession | undefined {
  for (let session = idle.pop(); session !== undefined; session = idle.pop()) {
    if (session.usable()) return session;
    session.destroy();
  }
  return undefined;
}

async function checkRelp(options: TransportOptions, signal: AbortSignal): Promise<readonly CheckItem[]> {
  const where = options.address.where;
  try {
    const session = await openRelpSession(options, signal);
    await session.close(signal);
    return [{ name: 'reachable', outcome: 'ok', finding: `${where} takes syslog over RELP` }];
  } catch (error) {
    signal.throwIfAborted();
    const hint = error instanceof ForwardError ? error.hint : undefined;
    return [
      {
        name: 'reachable',
        outcome: 'fail',
        finding: describe(error),
        ...(hint === undefined ? {} : { hint }),
      },
    ];
  }
}
