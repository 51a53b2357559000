import type { SQLInputValue, StatementSync } from 'node:sqlite';

import type { Store } from './store.ts';

/** One condition of a filter, with what its question marks stand for. */
export type Condition = readonly [sql: string, ...values: SQLInputValue[]];

/** `column` is one of the names; no condition where none are given. */
export function among(column: string, names: readonly string[] | undefined): Condition[] {
  if (names === undefined) return [];
  const [name, ...others] = names;
  // One alone is worth a statement of its own: with it an index also gives the order.
  if (name !== undefined && others.length === 0) return [[`${column} = ?`, name]];
  return [[`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(names)]];
}

/** `column` is one of the whole numbers. As text, since JSON numbers of that size are not exact. */
export function amongNumbers(column: string, numbers: readonly bigint[] | undefined): Condition[] {
  return numbers === undefined
    ? []
    : [
        [
          `${column} IN (SELECT CAST(value AS INTEGER) FROM json_each(?))`,
          JSON.stringify(numbers.map(String)),
        ],
      ];
}

/**
 * Prepares a statement for each set of conditions that is asked for, once: a condition that is always there and may be empty
 * (`? IS NULL OR …`) can use no index.
 */
export function filtered(
  store: Store,
  sql: (where: string) => string,
): (conditions: readonly Condition[]) => {
  readonly statement: StatementSync;
  readonly values: SQLInputValue[];
} {
  const statements = new Map<string, StatementSync>();
  return (conditions) => {
    const where = ['TRUE', ...conditions.map(([condition]) => condition)].join(' AND ');
    let statement = statements.get(where);
    if (statement === undefined) {
      statement = store.prepare(sql(where));
      statements.set(where, statement);
    }
    return { statement, values: conditions.flatMap(([, ...values]) => values) };
  };
}
