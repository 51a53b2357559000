import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { parseMoment } from '../model/moment.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import type { Window } from '../model/event.ts';
import { formatTime, msToNs } from '../model/time.ts';

export interface RangeOptions {
  readonly from: string;
  readonly to: string;
  readonly source?: string;
}

const TIME_FORMS = 'an RFC 3339 time, a date, a duration ago such as 24h, now or beginning';

/** Adds --from, --to and --source. */
export function withRange(command: Command): Command {
  return command
    .requiredOption('--from <time>', `where the range begins: ${TIME_FORMS}`, readable)
    .option('--to <time>', 'where it ends, inclusive: as --from', readable, 'now')
    .option('--source <name>', 'only this source');
}

function readable(text: string): string {
  if (parseMoment(text, 0) === null) throw new InvalidArgumentError(`It takes ${TIME_FORMS}.`);
  return text;
}

/** The range in nanoseconds since 1970. Its end is never in the future: nothing can be said about that. */
export function readRange(options: RangeOptions, clock: Clock): Window {
  const nowMs = clock.now();
  const startNs = parseMoment(options.from, nowMs);
  const wishedNs = parseMoment(options.to, nowMs);
  if (startNs === null || wishedNs === null) {
    throw new ForwardError('config', `--from and --to take ${TIME_FORMS}`);
  }
  const nowNs = msToNs(nowMs);
  const endNs = wishedNs < nowNs ? wishedNs : nowNs;
  if (startNs > endNs) {
    throw new ForwardError(
      'config',
      `--from ${formatTime(startNs)} is later than --to ${formatTime(endNs)}${wishedNs > nowNs ? ', which is now' : ''}`,
      { hint: 'give a range of the past' },
    );
  }
  return { startNs, endNs };
}

/** Throws `config` for a name that the configuration does not have. Null stays null: all of them. */
export function knownName(config: Config, what: 'source' | 'sink', name: string | undefined): string | null {
  if (name === undefined) return null;
  const names = [...(what === 'source' ? config.sources : config.sinks).keys()];
  if (names.includes(name)) return name;
  throw new ForwardError('config', `there is no ${what} named ${oneLine(name, 64)} in ${config.file}`, {
    hint: `it has ${names.join(', ')}`,
  });
}
