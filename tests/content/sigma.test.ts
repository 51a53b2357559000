import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { auditMappings } from '../../src/sinks/elastic/mappings.ts';
import { flattened, itemsOf, rendered } from './rendered.ts';
import type { Happening } from './rendered.ts';
import { mappedFields } from './mapped-fields.ts';
import { SCENARIOS } from './scenarios.ts';

const CONTENT = fileURLToPath(new URL('../../content/sigma/', import.meta.url));
const SQLITE = fileURLToPath(new URL('sqlite/', import.meta.url));
const COLUMNS = [...mappedFields(auditMappings('elasticsearch')).keys()];

/** How many alerts the rule gives over these events, as they leave in the ecs format: its conversion for SQLite, run there. */
function alerts(rule: string, happenings: readonly Happening[]): number {
  const database = new DatabaseSync(':memory:');
  const columns = ['timestamp', ...COLUMNS].map((name) => `\`${name}\``);
  database.exec(`CREATE TABLE logs (${columns.join(', ')})`);
  const insert = database.prepare(`INSERT INTO logs VALUES (${columns.map(() => '?').join(', ')})`);
  for (const document of rendered(itemsOf(happenings), 'ecs')) {
    const fields = flattened(document);
    insert.run(String(fields.get('@timestamp')), ...COLUMNS.map((name) => cell(fields.get(name))));
  }
  const found = database.prepare(readFileSync(`${SQLITE}cloudquery_${rule}.txt`, 'utf8')).all().length;
  database.close();
  return found;
}

function cell(value: unknown): string | number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}

const names = (folder: string): string[] =>
  readdirSync(folder)
    .map((file) => basename(basename(file, '.yml'), '.txt').replace('cloudquery_', ''))
    .sort();

describe('the Sigma rules', () => {
  const rules = names(`${CONTENT}rules`);

  it('each have events that fire and events that do not', () => {
    expect(rules.length).toBeGreaterThanOrEqual(20);
    expect(Object.keys(SCENARIOS).sort()).toEqual(rules);
    for (const { fires, quiet } of Object.values(SCENARIOS)) {
      expect(fires.length).toBeGreaterThan(0);
      expect(quiet.length).toBeGreaterThan(0);
    }
  });

  it.each(rules)('%s', (rule) => {
    const { fires = [], quiet = [] } = SCENARIOS[rule] ?? {};
    for (const [index, happenings] of fires.entries())
      expect(alerts(rule, happenings), `events ${index} must fire`).toBeGreaterThan(0);
    for (const [index, happenings] of quiet.entries())
      expect(alerts(rule, happenings), `events ${index} must not fire`).toBe(0);
  });

  it('are converted, as far as each language can say them', () => {
    expect(names(SQLITE)).toEqual(rules);
    expect(names(`${CONTENT}converted/lucene`)).toEqual(rules);
    // sigma-cli knows no order of events for Splunk; the app in content/splunk/auditferry has a search of its own.
    expect(names(`${CONTENT}converted/splunk`)).toEqual(
      rules.filter((rule) => rule !== 'sign_in_after_failures'),
    );
  });

  it('have ids and names of their own', () => {
    const documents = rules.flatMap((rule) =>
      parseAllDocuments(readFileSync(`${CONTENT}rules/cloudquery_${rule}.yml`, 'utf8')).map(
        (document) => document.toJS() as { id: string; name: string },
      ),
    );
    expect(new Set(documents.map(({ id }) => id)).size).toBe(documents.length);
    expect(new Set(documents.map(({ name }) => name)).size).toBe(documents.length);
  });
});
