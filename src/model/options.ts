import type { PartSchema } from './part.ts';
import type { Secret } from './secret.ts';
import { parseDuration, parseSize } from './units.ts';

declare const MEANS: unique symbol;

/** A schema whose values have a type that its keywords do not tell. */
export type Means<T> = Readonly<Record<string, unknown>> & { readonly [MEANS]?: T };

/** `filled`: every default is there. `given`: they may be left out. */
type Form = 'filled' | 'given';

/** What the validated value of one schema is: durations in milliseconds, sizes in bytes, secrets as Secret. */
type ValueOf<S, F extends Form> =
  S extends Means<infer T> ? (unknown extends T ? KeywordsOf<S, F> : T) : KeywordsOf<S, F>;

type KeywordsOf<S, F extends Form> = S extends { readonly secret: true }
  ? Secret
  : S extends { readonly duration: true } | { readonly size: true }
    ? number
    : S extends { readonly enum: readonly (infer E)[] }
      ? E
      : S extends { readonly anyOf: readonly (infer Any)[] } | { readonly oneOf: readonly (infer Any)[] }
        ? ValueOf<Any, F>
        : S extends { readonly type: readonly (infer T)[] }
          ? OfType<T, S, F>
          : S extends { readonly type: infer T }
            ? OfType<T, S, F>
            : unknown;

type OfType<T, S, F extends Form> = T extends 'string'
  ? string
  : T extends 'integer' | 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'array'
        ? readonly ItemOf<S, F>[]
        : T extends 'object'
          ? ObjectOf<S, F>
          : unknown;

type ItemOf<S, F extends Form> = S extends { readonly items: infer I } ? ValueOf<I, F> : unknown;

type ObjectOf<S, F extends Form> = S extends { readonly properties: infer P }
  ? Members<P, RequiredIn<S>, F>
  : S extends { readonly additionalProperties: infer V }
    ? Readonly<Record<string, ValueOf<V, F>>>
    : object;

type RequiredIn<S> = S extends { readonly required: readonly (infer K)[] } ? K : never;
type Defaulted<P> = { [K in keyof P]: P[K] extends { readonly default: unknown } ? K : never }[keyof P];
/** Keys that are there. */
type Present<P, R, F extends Form> = F extends 'filled' ? R | Defaulted<P> : R;

type Members<P, R, F extends Form> = Flat<
  { readonly [K in keyof P as K extends Present<P, R, F> ? K : never]: ValueOf<P[K], F> } & {
    readonly [K in keyof P as K extends Present<P, R, F> ? never : K]?: ValueOf<P[K], F>;
  }
>;
type Flat<T> = { [K in keyof T]: T[K] };

/** What a part is handed once its schema let it through: one declaration says keys, types, defaults and documentation. */
export type OptionsOf<S extends PartSchema> = Members<S['properties'], RequiredIn<S>, 'filled'>;

/** The same with what has a default left out, as where no configuration was read. */
export type GivenOf<S extends PartSchema> = Members<S['properties'], RequiredIn<S>, 'given'>;

/** Puts the schema's defaults where nothing was given; a configuration that was read has them already. */
export function withDefaults<S extends PartSchema>(schema: S, given: GivenOf<S>): OptionsOf<S> {
  return fill(schema.properties, given) as OptionsOf<S>;
}

interface Property {
  readonly default?: unknown;
  readonly duration?: boolean;
  readonly size?: boolean;
  readonly properties?: Readonly<Record<string, object>>;
}

function fill(properties: Readonly<Record<string, Property>>, given: object): object {
  const values = new Map<string, unknown>(Object.entries(given));
  for (const [key, property] of Object.entries(properties)) {
    const value = values.get(key) ?? defaultOf(property);
    if (value === undefined) continue;
    const isSection = property.properties !== undefined && typeof value === 'object' && value !== null;
    values.set(key, isSection ? fill(property.properties, value) : value);
  }
  return Object.fromEntries(values);
}

function defaultOf({ default: initial, duration, size }: Property): unknown {
  if (typeof initial !== 'string') return initial;
  if (duration === true) return parseDuration(initial);
  return size === true ? parseSize(initial) : initial;
}
