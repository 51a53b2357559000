import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { emittedFields } from './emitted-fields.ts';
import {
  COLUMNS,
  deployment,
  LEFT_OUT,
  parsers,
  SENTINEL,
  STREAM,
  TRANSFORMATION,
} from './sentinel/deployment.ts';

interface AnalyticRule {
  readonly id: string;
  readonly name: string;
  readonly query: string;
  readonly queryFrequency: string;
  readonly queryPeriod: string;
  readonly severity: string;
  readonly entityMappings?: readonly { readonly fieldMappings: readonly { readonly columnName: string }[] }[];
}

const RULES = readdirSync(`${SENTINEL}rules`).map((file) => ({
  file,
  rule: parse(readFileSync(`${SENTINEL}rules/${file}`, 'utf8')) as AnalyticRule,
}));

/** Names that Log Analytics keeps for itself. */
const RESERVED = ['_ResourceId', 'id', '_SubscriptionId', 'TenantId', 'Type', 'UniqueId', 'Title'];
const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 24 * 60 };
const minutes = (duration: string): number =>
  Number.parseInt(duration, 10) * (MINUTES[duration.slice(-1)] ?? 0);

/** Columns begin with a capital letter, and so do tables and functions; the words of the language do not. */
function namesOf(query: string): Set<string> {
  const bare = query.replace(/"[^"]*"/g, '""').replace(/\/\/.*$/gm, '');
  return new Set([...bare.matchAll(/(?<![\w.])[A-Z]\w*/g)].map(([name]) => name));
}

function definedIn(query: string): Set<string> {
  return new Set([...query.matchAll(/(?:let )?([A-Z]\w*) = /g)].map(([, name = '']) => name));
}

describe('content/sentinel', () => {
  it('has the deployment that its description makes', () => {
    const text = `${JSON.stringify(deployment(), null, 2)}\n`;
    if (process.env['UPDATE_CONTENT'] === '1') writeFileSync(`${SENTINEL}deploy.json`, text);
    expect(readFileSync(`${SENTINEL}deploy.json`, 'utf8')).toBe(text);
  });

  it('has a column for each member of a document, and names that a table may have', () => {
    const members = new Set([...emittedFields('ecs')].map((field) => field.split('.')[0] ?? ''));
    const declared = Object.keys(STREAM).filter((name) => !/^[A-Z]/.test(name));
    expect([...members].filter((name) => !LEFT_OUT.includes(name)).sort()).toEqual(declared.sort());
    for (const name of [...COLUMNS.map((column) => column.name), ...Object.keys(STREAM)]) {
      expect(name).toMatch(/^[A-Za-z][A-Za-z0-9_]{0,44}$/);
      expect(RESERVED).not.toContain(name);
    }
  });

  it('takes from a row what the format puts there', () => {
    const sent = emittedFields('ecs');
    const paths = [
      ...TRANSFORMATION.matchAll(
        /(?<![\w.)])(?:event|user|source|agent|cloudquery|auditferry_heartbeat)\.[\w.]+/g,
      ),
    ];
    expect(paths.length).toBeGreaterThan(30);
    for (const [path] of paths) {
      const found = [...sent].some((field) => field === path || field.startsWith(`${path}.`));
      expect(found, path).toBe(true);
    }
  });

  it('asks in parsers and rules for columns that the table has', () => {
    const columns = COLUMNS.map(({ name }) => name);
    const functions = parsers().map(({ name }) => name);
    for (const { name, query } of parsers())
      for (const used of namesOf(query))
        expect([...columns, ...functions, ...definedIn(query), 'CloudQueryAudit_CL'], name).toContain(used);
    const ofHeartbeat = definedIn(parsers().find(({ name }) => name === 'AuditferryHeartbeat')?.query ?? '');
    for (const { file, rule } of RULES) {
      const known = [...columns, ...functions, ...ofHeartbeat, ...definedIn(rule.query)];
      for (const used of namesOf(rule.query)) expect(known, file).toContain(used);
      for (const { columnName } of (rule.entityMappings ?? []).flatMap(({ fieldMappings }) => fieldMappings))
        expect(namesOf(rule.query), file).toContain(columnName);
    }
  });

  it('has rules that look back further than they run apart, since events come late', () => {
    expect(RULES.length).toBeGreaterThan(12);
    expect(new Set(RULES.map(({ rule }) => rule.id)).size).toBe(RULES.length);
    for (const { file, rule } of RULES) {
      expect(minutes(rule.queryPeriod), file).toBeGreaterThan(minutes(rule.queryFrequency));
      // Sentinel's own bounds.
      expect(minutes(rule.queryFrequency), file).toBeGreaterThanOrEqual(5);
      expect(minutes(rule.queryPeriod), file).toBeLessThanOrEqual(minutes('14d'));
      expect(['Low', 'Medium', 'High'], file).toContain(rule.severity);
    }
  });
});
