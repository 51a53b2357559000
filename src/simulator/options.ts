import { isObject } from '../model/json.ts';
import { formatDuration, parseDuration, parseSize } from '../model/units.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import type { PartSchema } from '../model/part.ts';
import { parseTime } from '../model/time.ts';
import { switches } from './switches.ts';
import type { Switch } from './switches.ts';

export type Precision = 's' | 'ms' | 'us' | 'ns';
export type LimitAnswer = '400' | '413' | '422' | '500' | '502' | '504' | 'hang' | 'reset';
export type FaultKind = '500' | '502' | '503' | '429' | 'reset' | 'truncate' | 'html' | 'hang' | 'slow';

/** How the simulated Platform behaves. Durations in milliseconds, sizes in bytes, shares in [0, 1]. */
export interface SimulatorOptions {
  readonly listen: string;
  readonly api: 'v1' | 'v2';
  /** The bearer key it demands; empty: no key is asked for. */
  readonly api_key: string;
  readonly seed: number;
  readonly history: number;
  /** Where the history begins, as an RFC 3339 time; empty: `history` before the start of the program. */
  readonly since: string;
  /** Events per minute, on average. */
  readonly rate: number;
  readonly burst: { readonly every: number; readonly rows: number; readonly rows_per_ms: number };
  readonly instant: { readonly rows: number; readonly ago: number; readonly at: string };
  readonly order: 'asc' | 'desc' | 'shuffled_ties' | 'random';
  readonly precision: Precision;
  readonly filter_precision: Precision;
  readonly end_exclusive: boolean;
  readonly totals: boolean;
  readonly last_page: boolean;
  readonly page_clamp: number;
  readonly late: { readonly share: number; readonly up_to: number };
  readonly visibility_lag: number;
  readonly drift: number;
  /** Zero: nothing is ever purged. */
  readonly retention: number;
  readonly duplicate_ids: number;
  readonly missing_ids: number;
  readonly shared_ids: number;
  readonly malformed: number;
  readonly odd: number;
  readonly stray: { readonly share: number; readonly by: number };
  readonly created_at_key: string;
  readonly poison: number;
  /** Zero: no limit. */
  readonly limits: {
    readonly span: number;
    readonly rows: number;
    readonly per_page: number;
    readonly answer: LimitAnswer;
  };
  readonly live_users: boolean;
  readonly clock_skew: number;
  readonly latency: number;
  readonly faults: { readonly share: number; readonly kinds: readonly FaultKind[] };
  readonly rate_limit: {
    readonly requests_per_second: number;
    readonly retry_after: 'seconds' | 'date' | 'none';
  };
  readonly plan: 'enterprise' | 'foundations';
  readonly role_ok: boolean;
  readonly details_bytes: number;
}

/** A part of the options, at any depth: what is left out stays as it is. */
export type SimulatorPatch = {
  readonly [Key in keyof SimulatorOptions]?: SimulatorOptions[Key] extends readonly unknown[]
    ? SimulatorOptions[Key]
    : SimulatorOptions[Key] extends object
      ? Partial<SimulatorOptions[Key]>
      : SimulatorOptions[Key];
};

type Tree = Record<string, unknown>;

const SIGNED_DURATION = '^-?([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$';

/** What a Platform does when nothing is said: well behaved, except that ties come in no stable order. */
export const defaultOptions: SimulatorOptions = amend({}, {});

/** Schema of the top-level `simulator:` section, made from the table of switches. */
export const simulatorSchema: PartSchema = {
  description:
    'A simulated Platform to run against, with a switch for each behaviour that the API leaves open.',
  properties: schemaProperties(),
};

/** The whole options from a part of them. Throws a `config` error that names the switch and what it takes. */
export function completeOptions(patch: SimulatorPatch): SimulatorOptions {
  return amend(defaultOptions, patch);
}

/** Options with some switches changed; `patch` may be untrusted. Throws a `config` error and changes nothing. */
export function amend(base: object, patch: unknown): SimulatorOptions {
  refuseUnknown(patch, '');
  const options: Tree = {};
  for (const entry of switches) {
    const given = lookUp(patch, entry.path);
    const value = given === undefined ? (lookUp(base, entry.path) ?? entry.initial) : checked(entry, given);
    place(options, entry.path, value);
  }
  return options as unknown as SimulatorOptions;
}

function refuseUnknown(patch: unknown, prefix: string): void {
  if (!isObject(patch)) {
    throw new ForwardError('config', `the simulator's ${prefix || 'options'} must be an object of switches`);
  }
  for (const [key, value] of Object.entries(patch)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (switches.some((entry) => entry.path === path)) continue;
    if (!switches.some((entry) => entry.path.startsWith(`${path}.`))) {
      throw new ForwardError('config', `the simulator has no switch named ${oneLine(path, 60)}`, {
        hint: 'see docs/simulator.md for the switches',
      });
    }
    refuseUnknown(value, path);
  }
}

function checked(entry: Switch, given: unknown): unknown {
  const value = measured(entry, given);
  if (!accepts(entry, value)) {
    throw new ForwardError('config', `the simulator's ${entry.path} takes ${expected(entry)}`);
  }
  return value;
}

/** Durations and sizes may come as text; what is no duration or size comes out as null. */
function measured(entry: Switch, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (entry.kind === 'size') return parseSize(value);
  if (entry.kind !== 'duration') return value;
  const ms = parseDuration(value.replace(/^-/, ''));
  return ms === null || !value.startsWith('-') ? ms : -ms;
}

function accepts(entry: Switch, value: unknown): boolean {
  switch (entry.kind) {
    case 'flag':
      return typeof value === 'boolean';
    case 'text':
      return typeof value === 'string' && value.length <= 1000;
    case 'time':
      return typeof value === 'string' && (value === '' || parseTime(value) !== null);
    case 'choice':
      return typeof value === 'string' && (entry.choices ?? []).includes(value);
    case 'choices':
      return Array.isArray(value) && value.every((one) => (entry.choices ?? []).includes(String(one)));
    case 'number':
    case 'integer':
    case 'duration':
    case 'size': {
      if (typeof value !== 'number' || !Number.isFinite(value)) return false;
      if (entry.kind !== 'number' && !Number.isSafeInteger(value)) return false;
      return value >= (entry.minimum ?? 0) && value <= (entry.maximum ?? Number.MAX_SAFE_INTEGER);
    }
  }
}

/** The value of a switch from a command line; undefined when the text is none. Lists are parted by commas. */
export function readText(entry: Switch, text: string): unknown {
  const numeric = entry.kind === 'number' || entry.kind === 'integer';
  const list = entry.kind === 'choices';
  const raw = numeric ? Number(text.trim() || NaN) : list ? text.split(',').filter(Boolean) : text;
  const value = measured(entry, raw);
  return accepts(entry, value) ? value : undefined;
}

/** What a switch takes, as a sentence part. */
export function expected(entry: Switch): string {
  const bounds = entry.maximum === undefined ? '' : ` from ${entry.minimum ?? 0} to ${entry.maximum}`;
  const words: Record<Switch['kind'], string> = {
    flag: 'true or false',
    text: 'a text',
    time: 'an RFC 3339 time, or nothing',
    choice: `one of ${(entry.choices ?? []).join(', ')}`,
    choices: `a list out of ${(entry.choices ?? []).join(', ')}`,
    number: `a number${bounds}`,
    integer: `a whole number${bounds}`,
    duration: 'a duration such as 15s, 10m or 24h',
    size: `a size${bounds} bytes`,
  };
  return words[entry.kind];
}

function schemaProperties(): Record<string, object> {
  const properties: Record<string, object> = {};
  for (const entry of switches) {
    const [group, key] = split(entry.path);
    if (key === undefined) {
      properties[group] = leafSchema(entry);
      continue;
    }
    const parent = (properties[group] ??= {
      type: 'object',
      description: entry.group ?? '',
      additionalProperties: false,
      default: {},
      properties: {},
    }) as { properties: Record<string, object> };
    parent.properties[key] = leafSchema(entry);
  }
  return properties;
}

function leafSchema(entry: Switch): object {
  const { description, choices } = entry;
  const limits = {
    minimum: entry.minimum ?? 0,
    ...(entry.maximum === undefined ? {} : { maximum: entry.maximum }),
  };
  switch (entry.kind) {
    case 'flag':
      return { type: 'boolean', description, default: entry.initial };
    case 'text':
    case 'time':
      return { type: 'string', description, default: entry.initial };
    case 'choice':
      return { enum: choices, description, default: entry.initial };
    case 'choices':
      return { type: 'array', items: { enum: choices }, description, default: entry.initial };
    case 'number':
    case 'integer':
      return { type: entry.kind, ...limits, description, default: entry.initial };
    case 'duration': {
      const initial = formatDuration(Number(entry.initial));
      // The keyword knows no durations before zero; `amend` reads this one itself.
      if (limits.minimum < 0)
        return { type: 'string', pattern: SIGNED_DURATION, description, default: initial };
      return { type: 'string', duration: true, description, default: initial };
    }
    case 'size':
      return { type: 'string', size: true, ...limits, description, default: `${String(entry.initial)}B` };
  }
}

function lookUp(tree: unknown, path: string): unknown {
  const [group, key] = split(path);
  const value = own(tree, group);
  return key === undefined ? value : own(value, key);
}

function own(tree: unknown, key: string): unknown {
  return isObject(tree) && Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** Puts a value at a switch's path; paths come from the table only, never from input. */
export function place(tree: Tree, path: string, value: unknown): void {
  const [group, key] = split(path);
  if (key === undefined) {
    tree[group] = value;
    return;
  }
  const branch = (tree[group] ??= {}) as Tree;
  branch[key] = value;
}

function split(path: string): [group: string, key: string | undefined] {
  const [group = path, key] = path.split('.');
  return [group, key];
}
