import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ecsFields } from './emitted-fields.ts';
import { rowOf } from '../../src/sinks/sentinel/row.ts';
import { canonicalOf, ORIGIN } from '../formats/events.ts';
import { itemsOf } from './rendered.ts';
import { STORY } from './story.ts';
import { COLUMNS, deployment, parsers, SENTINEL, STREAM, TRANSFORMATION } from './sentinel/deployment.ts';

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

  it('declares the columns of a row, and names that a table may have', () => {
    const [canonical] = itemsOf(Object.values(STORY)).map((item) => canonicalOf(item));
    if (canonical === undefined) throw new Error('the story is empty');
    const row = JSON.parse(rowOf({ canonical, origin: ORIGIN, body: '{}', kind: 'json' })) as object;
    expect(Object.keys(STREAM).sort()).toEqual(Object.keys(row).sort());
    for (const { name } of COLUMNS) {
      expect(name).toMatch(/^[A-Za-z][A-Za-z0-9_]{0,44}$/);
      expect(RESERVED).not.toContain(name);
    }
  });

  it('takes from a row what the format puts there', () => {
    const sent = ecsFields();
    const paths = [...TRANSFORMATION.matchAll(/Event\.([\w.]+)/g)];
    expect(paths.length).toBeGreaterThan(20);
    for (const [, path = ''] of paths) {
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
