import type { Value } from './store.ts';

/** One condition of a filter, with what its dollar sign stands for. */
export type Condition = readonly [sql: (place: string) => string, value?: Value];

/** `column` is one of the names or numbers; no condition where none are given. */
export function among(
  column: string,
  values: readonly (string | bigint)[] | undefined,
  type: 'text' | 'int8',
): Condition[] {
  return values === undefined ? [] : [[(place) => `${column} = ANY(${place}::${type}[])`, values]];
}

/** The conditions as SQL, and their values behind those given already. */
export function where(
  conditions: readonly Condition[],
  before: readonly Value[] = [],
): { sql: string; values: Value[] } {
  const values = [...before];
  const parts = conditions.map(([sql, value]) => {
    if (value !== undefined) values.push(value);
    return sql(`$${values.length}`);
  });
  return { sql: ['TRUE', ...parts].join(' AND '), values };
}
