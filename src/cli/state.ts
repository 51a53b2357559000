import type { Journal } from '../checkpoint/journal.ts';
import { openJournal } from '../checkpoint/sqlite/index.ts';
import * as sqlite from '../checkpoint/sqlite/transfer.ts';
import type { Blank, Contents } from '../checkpoint/transfer.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import { sharedFingerprintOf } from './verify/fingerprint.ts';
import { holderOf } from './holder.ts';
import { version } from './version.ts';

export interface OpenOptions {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A writer takes part in the work; a guest looks, and leaves work to be done. */
  readonly access: 'writer' | 'guest';
  readonly onWarn?: (text: string) => void;
  /** The configuration in force, where that can change while the journal is open. */
  readonly configuration?: () => Config;
}

type TransferOptions = Required<Omit<OpenOptions, 'access' | 'configuration'>>;

/** Opens the journal that a configuration names, in whatever it is kept. */
export async function openState(config: Config, options: OpenOptions): Promise<Journal> {
  const { type, dir, url, schema, lease: leaseMs, max_size: maxBytes } = config.state;
  if (type === 'sqlite' || url === undefined)
    return openJournal({ ...options, dir, maxBytes, heedsWord: true });
  const postgres = await import('../checkpoint/postgres/index.ts');
  const { configuration = () => config } = options;
  const fingerprint = (): string => sharedFingerprintOf(configuration());
  return postgres.openJournal({ ...options, url, schema, leaseMs, maxBytes, version, fingerprint });
}

/** The journal that a configuration names, to be read as a whole. Throws `config` while something works on it. */
export async function openContents(
  config: Config,
  { clock, env, onWarn }: TransferOptions,
): Promise<Contents> {
  const { type, dir, url, schema } = config.state;
  if (type === 'sqlite' || url === undefined) return sqlite.openContents(dir, clock);
  const postgres = await import('../checkpoint/postgres/transfer.ts');
  return postgres.openContents({ url, schema, env, onWarn });
}

/** A new journal where a configuration says. Throws `config` where there is one, unless nothing is in it or a copy left it unfinished. */
export async function openBlank(
  config: Config,
  { clock, env, onWarn }: TransferOptions,
  what: string,
): Promise<Blank> {
  const { type, dir, url, schema } = config.state;
  if (type === 'sqlite' || url === undefined) return sqlite.openBlank(dir, clock, what);
  const postgres = await import('../checkpoint/postgres/transfer.ts');
  return postgres.openBlank({ url, schema, env, onWarn }, what);
}

/** Who works on the journal now, in words; null when nobody does. Only looks. */
export async function runningOn(
  config: Config,
  options: Omit<OpenOptions, 'access'>,
): Promise<string | null> {
  if (config.state.type === 'sqlite') return holderOf(config.state.dir);
  let journal: Journal;
  try {
    journal = await openState(config, { ...options, access: 'guest' });
  } catch (error) {
    if (isNotMadeYet(error)) return null;
    throw error;
  }
  try {
    const alive = (await journal.replicas()).filter((replica) => replica.alive).map(({ name }) => name);
    if (alive.length === 0) return null;
    return `${alive.length === 1 ? 'replica' : 'replicas'} ${alive.join(', ')}`;
  } finally {
    await journal.close();
  }
}

/** Whether opening found nothing at all, as before the first run. */
export function isNotMadeYet(error: unknown): boolean {
  return (
    error instanceof ForwardError &&
    error.kind === 'config' &&
    error.message.startsWith('there is no journal')
  );
}

/** Where the journal is, for messages. */
export function placeOfState({ state }: Config): string {
  return state.type === 'sqlite' ? state.dir : `the database of state.url, schema ${state.schema}`;
}
