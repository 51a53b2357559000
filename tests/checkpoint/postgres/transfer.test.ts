import { describe, expect, it } from 'vitest';

import { migrate } from '../../../src/checkpoint/postgres/schema.ts';
import type { Db } from '../../../src/checkpoint/postgres/store.ts';
import { insertStatement } from '../../../src/checkpoint/postgres/transfer.ts';
import { TABLE_NAMES } from '../../../src/checkpoint/transfer.ts';

/** The types of all columns, by `table.column`, from the statements that make a new schema. */
async function columnTypes(): Promise<ReadonlyMap<string, string>> {
  const statements: string[] = [];
  const db: Db = {
    all: async () => [{ tables: 0n, value: 'an id' }],
    run: async (sql) => statements.push(sql),
    script: async (sql) => void statements.push(sql),
  };
  await migrate(db, 'auditferry');
  const text = statements.join(';\n');
  const types = new Map<string, string>();
  for (const [, table, columns = ''] of text.matchAll(/CREATE TABLE (\w+) \(\n(.*?)\n {2}\)/gs))
    for (const [, column, type = ''] of columns.matchAll(/^ {4}([a-z_]+) +([a-z]\w*)/gm))
      types.set(`${table}.${column}`, type);
  for (const [, table, column, type = ''] of text.matchAll(/ALTER TABLE (\w+) ADD COLUMN (\w+) (\w+)/g))
    types.set(`${table}.${column}`, type);
  return types;
}

describe('a copy into PostgreSQL', () => {
  it.each(TABLE_NAMES)('gives each column of %s in its own type', async (table) => {
    const types = await columnTypes();
    const statement = insertStatement(table);
    const columns = /\((.*?)\)/.exec(statement)?.[1]?.split(', ') ?? [];
    const given = [...statement.matchAll(/::(\w+)\[\]/g)].map(([, type]) => type);
    expect(columns.length).toBeGreaterThan(1);
    expect(given).toEqual(columns.map((column) => types.get(`${table}.${column}`)));
  });
});
