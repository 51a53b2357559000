import { DASHBOARDS, SEARCHES } from './elastic/dashboards.ts';
import { detectionRules } from './elastic/detection-rules.ts';
import { monitors } from './elastic/monitors.ts';

/** The fields that one query or panel asks for. */
export interface Asked {
  readonly where: string;
  readonly fields: ReadonlySet<string>;
}

const unquoted = (query: string): string => query.replace(/"(?:[^"\\]|\\.)*"/g, '""');

/** Fields stand before a colon. */
export function fieldsOfLucene(query: string): Set<string> {
  return new Set([...unquoted(query).matchAll(/([@\w.]+):/g)].map(([, field = '']) => field));
}

const EQL_WORDS = new Set('sequence by with maxspan any where and or not in runs until'.split(' '));

/** Fields are the words of a query that are neither its language nor a number. */
export function fieldsOfEql(query: string): Set<string> {
  const words = unquoted(query)
    .replace(/\b(?:maxspan|runs)=\w+/g, '')
    .matchAll(/[a-zA-Z_][\w.]*/g);
  return new Set([...words].map(([word]) => word).filter((word) => !EQL_WORDS.has(word)));
}

/** What the dashboards, saved searches, detection rules and monitors of content/elastic ask for. */
export function* elasticQueries(): Iterable<Asked> {
  for (const { id, query, columns } of SEARCHES)
    yield { where: `search ${id}`, fields: new Set([...fieldsOfLucene(query), ...columns]) };
  for (const { id, panels, controls } of DASHBOARDS) {
    yield { where: `controls of ${id}`, fields: new Set(controls.map(({ field }) => field)) };
    for (const panel of panels) {
      if (panel.kind === 'events') continue;
      const by = panel.kind === 'number' ? [] : [panel.by].flat();
      const measures = panel.kind === 'table' ? panel.measures : [panel.measure];
      const measured = measures.flatMap(({ field }) => field ?? []);
      yield {
        where: `${id}: ${panel.title}`,
        fields: new Set([...fieldsOfLucene(panel.query), ...by, ...measured]),
      };
    }
  }
  for (const rule of detectionRules()) yield { where: String(rule['name']), fields: fieldsOfRule(rule) };
  for (const monitor of monitors()) {
    const text = JSON.stringify(monitor['inputs']);
    const queries = [...text.matchAll(/"query_string":\{"query":"((?:[^"\\]|\\.)*)"/g)].map(
      ([, query = '']) => query,
    );
    const fields = [...text.matchAll(/"field":"([^"]+)"/g)].map(([, field = '']) => field);
    yield {
      where: String(monitor['name']),
      fields: new Set([...queries.flatMap((query) => [...fieldsOfLucene(query)]), ...fields]),
    };
  }
}

interface Threshold {
  readonly field: readonly string[];
  readonly cardinality: readonly { readonly field: string }[];
}

function fieldsOfRule(rule: Readonly<Record<string, unknown>>): Set<string> {
  const query = String(rule['query']);
  if (rule['type'] === 'eql') return fieldsOfEql(query);
  if (rule['type'] === 'esql')
    return new Set([...query.matchAll(/where ([\w.]+) == "/g)].map(([, field = '']) => field));
  const { field = [], cardinality = [] } = (rule['threshold'] ?? {}) as Partial<Threshold>;
  const terms = (rule['new_terms_fields'] ?? []) as readonly string[];
  return new Set([...fieldsOfLucene(query), ...field, ...cardinality.map((one) => one.field), ...terms]);
}
