import type { Replica } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { formatSize } from '../../model/units.ts';
import { count } from '../report.ts';
import { isNotMadeYet, openState } from '../state.ts';
import type { Terminal } from '../terminal.ts';
import { sharedFingerprintOf } from '../verify/fingerprint.ts';

/** The journal in a database: can it be reached, who shares it, and how full is it? What `run` would make is not made here. */
export async function checkDatabase(config: Config, terminal: Terminal): Promise<readonly CheckItem[]> {
  const warnings: string[] = [];
  const onWarn = (text: string): void => void warnings.push(text);
  const { clock, env } = terminal;
  const { schema, max_size: maxBytes } = config.state;
  try {
    const journal = await openState(config, { clock, env, access: 'guest', onWarn });
    try {
      const [size, replicas] = await Promise.all([journal.size(), journal.replicas()]);
      const alive = replicas.filter((replica) => replica.alive);
      const own = sharedFingerprintOf(config);
      const others = alive.filter(({ fingerprint }) => fingerprint !== own);
      const names = (replicas: readonly Replica[]): string => replicas.map(({ name }) => name).join(', ');
      const room = `${count(size.events, 'event')}, ${formatSize(size.usedBytes)} of ${formatSize(maxBytes)}`;
      return [
        { name: 'database', outcome: 'ok', finding: `reached; the journal is in its schema ${schema}` },
        ...warnings.map((finding): CheckItem => ({ name: 'database', outcome: 'warn', finding })),
        size.usedBytes < maxBytes
          ? { name: 'journal', outcome: 'ok', finding: room }
          : {
              name: 'journal',
              outcome: 'warn',
              finding: `full: ${room}; polling waits`,
              hint: 'fix the sink that is behind, or raise state.max_size; the Platform keeps the events meanwhile',
            },
        others.length > 0
          ? {
              name: 'replicas',
              outcome: 'warn',
              finding: `the configuration differs from that of ${names(others)}`,
              hint: 'give every replica the same configuration: sources and sinks move between them',
            }
          : {
              name: 'replicas',
              outcome: 'ok',
              finding: alive.length === 0 ? 'none runs' : `with this configuration: ${names(alive)}`,
            },
      ];
    } finally {
      await journal.close();
    }
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    // A first start finds nothing: that is as it should be.
    if (isNotMadeYet(error))
      return [
        {
          name: 'database',
          outcome: 'ok',
          finding: `reached; the first run makes the journal in its schema ${schema}`,
        },
      ];
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return [{ name: 'database', outcome: 'fail', finding: describe(error), ...hint }];
  }
}
