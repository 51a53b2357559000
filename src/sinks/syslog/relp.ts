import { failedItem } from '../../model/check.ts';
import type { CheckItem } from '../../model/check.ts';
import type { TlsConnect } from '../../net/tls-files.ts';
import { openRelpSession } from './relp-session.ts';
import type { RelpSession } from './relp-session.ts';
import type { Transport, TransportOptions } from './transport.ts';

/**
 * Syslog over RELP: the receiver answers every message, so a fate is known and not guessed. Sessions stay open between
 * sends, one per send under way; one that misbehaved is dropped.
 */
export function createRelpTransport(options: TransportOptions): Transport {
  const idle: Idle[] = [];
  return {
    delivery: 'confirmed',
    send: async (messages, signal) => {
      const certificates = options.tls?.current();
      const session = takeUsable(idle, certificates) ?? (await openRelpSession(options, signal));
      try {
        const fates = await session.send(messages, signal);
        if (session.usable() && !fates.some((fate) => fate.outcome === 'retry'))
          idle.push({ session, certificates });
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
      await Promise.all(idle.splice(0).map(({ session }) => session.close(never)));
    },
  };
}

interface Idle {
  readonly session: RelpSession;
  /** Those in use when it was last needed. */
  readonly certificates: TlsConnect | undefined;
}

/** A session that the peer ended meanwhile, or that was opened with certificates since replaced, is not used again. */
function takeUsable(idle: Idle[], certificates: TlsConnect | undefined): RelpSession | undefined {
  for (let one = idle.pop(); one !== undefined; one = idle.pop()) {
    if (one.session.usable() && one.certificates === certificates) return one.session;
    one.session.destroy();
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
    return [failedItem('reachable', error)];
  }
}
