import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { simulatedItems } from '../content/emitted-fields.ts';
import { HEARTBEATS } from '../content/heartbeats.ts';
import { flattened, itemsOf, rendered, START_MS } from '../content/rendered.ts';
import type { Document, Happening } from '../content/rendered.ts';
import { SCENARIOS } from '../content/scenarios.ts';
import { DASHBOARDS, SEARCHES } from '../content/elastic/dashboards.ts';
import { monitors } from '../content/elastic/monitors.ts';
import { opensearchObjects } from '../content/elastic/opensearch.ts';
import { sigmaRules } from '../content/elastic/sigma-rules.ts';
import { FOUND, INVESTIGATED, STORY } from '../content/story.ts';
import type { Name } from '../content/story.ts';
import { available } from './receivers.ts';
import { startOpenSearch } from './search-receivers.ts';
import type { SearchReceiver } from './search-receivers.ts';

type Tree = Readonly<Record<string, unknown>>;

interface Answer {
  readonly hits: {
    readonly total: { readonly value: number };
    readonly hits: readonly { readonly _id: string }[];
  };
  readonly aggregations?: Readonly<Record<string, Bucketed>>;
}

interface Bucketed {
  readonly buckets?: readonly Tree[];
  readonly value?: number;
}

/**
 * The dashboards, searches and monitors of content/elastic over simulated events in a real OpenSearch, with the shipped templates. There is
 * no Dashboards and no alerting plugin here: their queries are taken out of the shipped objects and sent as those would send them.
 */
describe.runIf(available('opensearch'))('the content for OpenSearch', () => {
  let receiver: SearchReceiver;
  beforeAll(async () => {
    receiver = await startOpenSearch();
    for (const [path, file] of [
      ['_component_template/auditferry@mappings', 'component-template.json'],
      ['_index_template/auditferry-logs-cloudquery.audit', 'index-template.json'],
    ] as const) {
      const answer = await receiver.call('PUT', `/${path}`, JSON.parse(contentFile(file)));
      expect(answer.status, answer.text).toBe(200);
    }
    await index('simulated', [...rendered(simulatedItems(), 'ecs'), ...HEARTBEATS.ecs]);
    await index('scenarios', rendered(itemsOf(SHIFTED), 'ecs'));
    await index('story', [...rendered(itemsOf(Object.values(STORY)), 'ecs'), ...HEARTBEATS.ecs]);
  });
  afterAll(() => receiver.stop());

  async function index(namespace: string, documents: readonly Document[]): Promise<void> {
    // The node takes small requests only.
    for (let first = 0; first < documents.length; first += BATCH) {
      const lines = documents
        .slice(first, first + BATCH)
        .flatMap((document) => [{ create: { _id: String(flattened(document).get('event.id')) } }, document]);
      const answer = await fetch(new URL(`/${stream(namespace)}/_bulk?refresh=true`, receiver.url), {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      });
      expect(((await answer.json()) as { errors: boolean }).errors).toBe(false);
    }
  }

  async function search(namespace: string, body: Tree): Promise<Answer> {
    const answer = await receiver.call('POST', `/${stream(namespace)}/_search`, body);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as Answer;
  }

  const find = async (query: object): Promise<string[]> => {
    const { hits } = await search('story', { size: 1000, query });
    return hits.hits.map(({ _id }) => _id).sort();
  };

  it.each(Object.keys(FOUND))('the saved search %s finds what it should, and nothing else', async (id) => {
    expect(await find(asSaved(id))).toEqual(idsOf(FOUND[id] ?? []));
  });

  it('the saved search of heartbeats finds those, and none of the others does', async () => {
    expect(await find(asSaved('heartbeats'))).toEqual([
      String(flattened(HEARTBEATS.ecs[0] ?? {}).get('event.id')),
    ]);
    expect(SEARCHES.map(({ id }) => id).sort()).toEqual([...Object.keys(FOUND), 'heartbeats'].sort());
  });

  it.each(INVESTIGATED)('an investigation of $field $value', async ({ field, value, found }) => {
    const chosen = DASHBOARDS.find(({ id }) => id === 'investigation')?.controls.map(
      (control) => control.field,
    );
    expect(chosen).toContain(field);
    const filter = [asSaved('all'), { term: { [field]: value } }];
    expect(await find({ bool: { filter } })).toEqual(idsOf(found));
  });

  const drawn = opensearchObjects().filter(
    ({ type, id }) => type === 'visualization' && !id.endsWith('-controls'),
  );
  it.each(drawn.map(({ attributes }) => [String(attributes['title']), attributes] as const))(
    'draws "%s"',
    async (_title, attributes) => {
      const meta = attributes['kibanaSavedObjectMeta'] as { searchSourceJSON: string };
      const { query } = JSON.parse(meta.searchSourceJSON) as { query: { query: string } };
      const { aggs } = JSON.parse(String(attributes['visState'])) as { aggs: VisAggregation[] };
      const body = { size: 0, query: { query_string: { query: query.query } }, aggs: requestOf(aggs) };
      // Of some things the simulated Platform has nothing to show; the story does.
      const answers = [await search('simulated', body), await search('story', body)];
      expect(answers.some(({ hits }) => hits.total.value > 0)).toBe(true);
      for (const one of answers.flatMap((answer) => Object.values(answer.aggregations ?? {})))
        expect(one.buckets ?? one.value).toBeDefined();
      const buckets = answers.flatMap((answer) => answer.aggregations?.['rows']?.buckets ?? []);
      if (aggs.some(({ schema }) => schema !== 'metric')) expect(buckets.length).toBeGreaterThan(0);
    },
  );

  const watched = sigmaRules().filter(
    ({ correlation }) => correlation === null || correlation.condition !== undefined,
  );
  it('has a monitor for each rule that needs no order of events', () => {
    expect(
      monitors()
        .slice(0, -2)
        .map(({ name }) => name),
    ).toEqual(watched.map(({ title }) => `CloudQuery: ${title}`));
  });

  it.each(watched.map(({ name }, place) => [name, place] as const))(
    'the monitor for %s',
    async (rule, place) => {
      const { fires = [], quiet = [] } = SCENARIOS[rule] ?? {};
      for (const happenings of fires)
        expect(await alerts(place, happenings), JSON.stringify(happenings)).toBe(true);
      for (const happenings of quiet)
        expect(await alerts(place, happenings), JSON.stringify(happenings)).toBe(false);
    },
  );

  it('tells when nothing arrives', async () => {
    const [heartbeats, audit] = [monitors().length - 2, monitors().length - 1];
    expect(await alertsAt(heartbeats, 'story', START_MS + 10 * MINUTE_MS)).toBe(false);
    expect(await alertsAt(heartbeats, 'story', START_MS + 16 * MINUTE_MS)).toBe(true);
    expect(await alertsAt(audit, 'story', START_MS + 60 * MINUTE_MS)).toBe(false);
    expect(await alertsAt(audit, 'story', START_MS + 25 * 60 * MINUTE_MS)).toBe(true);
  });

  /** Whether a monitor alerts at the time of one of these events. */
  async function alerts(place: number, happenings: readonly Happening[]): Promise<boolean> {
    const shift = SHIFTS.get(happenings) ?? 0;
    const ends = new Set(happenings.map(({ at = 0 }) => START_MS + (at + shift) * MINUTE_MS));
    for (const end of ends) if (await alertsAt(place, 'scenarios', end)) return true;
    return false;
  }

  async function alertsAt(place: number, namespace: string, end: number): Promise<boolean> {
    const monitor = monitors()[place] as {
      inputs: [{ search: { query: Tree } }];
      triggers: [{ query_level_trigger: { condition: { script: { source: string } } } }];
    };
    const body = JSON.stringify(monitor.inputs[0].search.query).replaceAll('{{period_end}}', String(end));
    const result = await search(namespace, JSON.parse(body) as Tree);
    return holds(monitor.triggers[0].query_level_trigger.condition.script.source, result);
  }
});

/** The trigger's condition: Painless, of which it uses what this reads. Terms after one that does not hold are not looked at. */
function holds(condition: string, result: Answer): boolean {
  return condition.split(' && ').every((term) => {
    const [, path = '', operator = '', number = ''] =
      /^ctx\.results\[0\]\.(\S+) (>|>=|==) (\d+)$/.exec(term) ?? [];
    const value = path
      .replace('.size()', '.length')
      .split(/[.[\]]+/)
      .reduce<unknown>((found, key) => (found as Tree)[key], result);
    if (typeof value !== 'number') throw new Error(`${term} asks for what is not there`);
    const limit = Number(number);
    return operator === '==' ? value === limit : operator === '>' ? value > limit : value >= limit;
  });
}

const MINUTE_MS = 60_000;
/** All scenarios are in one stream, each in a week of its own. Minutes. */
const APART = 7 * 24 * 60;
const ALL = Object.values(SCENARIOS).flatMap(({ fires, quiet }) => [...fires, ...quiet]);
const SHIFTS: ReadonlyMap<readonly Happening[], number> = new Map(
  ALL.map((one, place) => [one, place * APART]),
);
const SHIFTED = ALL.flatMap((one, place) =>
  one.map((happening) => ({ ...happening, at: (happening.at ?? 0) + place * APART })),
);

/** Events in one request. */
const BATCH = 200;
const stream = (namespace: string): string => `logs-cloudquery.audit-${namespace}`;

function contentFile(name: string): string {
  return readFileSync(new URL(`../../content/elastic/opensearch/${name}`, import.meta.url), 'utf8');
}

/** The query of a saved search, out of the object that is imported. */
function asSaved(id: string): object {
  const object = opensearchObjects().find((one) => one.id === `auditferry-search-${id}`);
  const meta = object?.attributes['kibanaSavedObjectMeta'] as { searchSourceJSON: string };
  const { query } = JSON.parse(meta.searchSourceJSON) as { query: { query: string } };
  return { query_string: { query: query.query } };
}

function idsOf(names: readonly Name[]): string[] {
  const all = Object.keys(STORY);
  const ids = itemsOf(Object.values(STORY)).map((item) => String((item as { id: string }).id));
  return names.map((name) => ids[all.indexOf(name)] ?? '').sort();
}

interface VisAggregation {
  readonly type: string;
  readonly schema: string;
  readonly params: { readonly field?: string; readonly size?: number; readonly orderBy?: string };
}

/** The request that Dashboards makes of a chart's description: metrics within rows within rows. */
function requestOf(aggs: readonly VisAggregation[]): Tree {
  const metrics = aggs.filter(({ schema }) => schema === 'metric');
  const measures = Object.fromEntries(
    metrics.flatMap(({ type, params: { field } }, index) =>
      type === 'count' ? [] : [[`measure_${index}`, { [type]: { field } }]],
    ),
  );
  const order = metrics[0]?.type === 'count' ? { _count: 'desc' } : { measure_0: 'desc' };
  return aggs
    .filter(({ schema }) => schema !== 'metric')
    .reduceRight<Tree>((inner, { type, params: { field, size } }) => {
      const rows =
        type === 'date_histogram'
          ? { date_histogram: { field, fixed_interval: '1h', min_doc_count: 1 } }
          : { terms: { field, size, order, missing: '__missing__' } };
      return { rows: { ...rows, aggs: { ...measures, ...inner } } };
    }, measures);
}
