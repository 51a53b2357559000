import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { auditMappings } from '../../src/sinks/elastic/mappings.ts';
import { importFiles } from './elastic/files.ts';
import { kibanaObjects } from './elastic/kibana.ts';
import { opensearchObjects } from './elastic/opensearch.ts';
import type { SavedObject } from './elastic/saved-objects.ts';
import { mappedFields } from './mapped-fields.ts';
import { ecsFields } from './emitted-fields.ts';
import { elasticQueries, fieldsOfEql, fieldsOfLucene } from './query-fields.ts';

const FOLDER = fileURLToPath(new URL('../../content/elastic/', import.meta.url));

/** A time of the receiver's own, and what is asked for in every document. */
const RECEIVER_FIELDS = ['_id', '_index', '_version'];

describe('content/elastic', () => {
  it('has import files that are what their description makes', () => {
    const files = importFiles();
    const lines = (objects: readonly unknown[]): string =>
      objects.map((object) => `${JSON.stringify(object)}\n`).join('');
    if (process.env['UPDATE_CONTENT'] === '1')
      for (const [path, objects] of files) writeFileSync(FOLDER + path, lines(objects));
    const found = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ndjson'),
    );
    expect(found.sort()).toEqual([...files.keys()].sort());
    for (const [path, objects] of files)
      expect(readFileSync(FOLDER + path, 'utf8'), path).toBe(lines(objects));
  });

  describe.each([
    ['Kibana', kibanaObjects()],
    ['OpenSearch Dashboards', opensearchObjects()],
  ])('the saved objects for %s', (_product, objects) => {
    it('refer to each other only', () => {
      const known = new Set(objects.map(({ type, id }) => `${type}:${id}`));
      expect(known.size).toBe(objects.length);
      for (const { id, references } of objects) {
        for (const reference of references) expect(known, id).toContain(`${reference.type}:${reference.id}`);
        expect(new Set(references.map(({ name }) => name)).size, id).toBe(references.length);
      }
    });

    it('use the names of their references, and only those', () => {
      for (const object of objects) {
        const names = object.references.map(({ name }) => name).sort();
        expect([...usedReferences(object)].sort(), object.id).toEqual(names);
      }
    });

    it('have panels side by side', () => {
      for (const { attributes, type } of objects) {
        if (type !== 'dashboard') continue;
        const panels = (JSON.parse(String(attributes['panelsJSON'])) as { gridData: Grid }[]).map(
          ({ gridData }) => gridData,
        );
        expect(panels.length).toBeGreaterThan(4);
        for (const [index, one] of panels.entries()) {
          expect(one.x + one.w).toBeLessThanOrEqual(48);
          for (const other of panels.slice(index + 1)) expect(overlap(one, other)).toBe(false);
        }
      }
    });
  });

  it('asks for no field that is not both mapped and sent', () => {
    const mapped = mappedFields(auditMappings('elasticsearch'));
    const sent = ecsFields();
    let asked = 0;
    for (const { where, fields } of elasticQueries()) {
      for (const field of fields) {
        asked += 1;
        if (RECEIVER_FIELDS.includes(field)) continue;
        expect(sent, where).toContain(field);
        // The heartbeat's own members are no part of the audit events' mapping.
        if (!field.startsWith('auditferry_heartbeat.')) expect([...mapped.keys()], where).toContain(field);
      }
    }
    expect(asked).toBeGreaterThan(200);
  });

  it('finds the fields of a query', () => {
    expect([...fieldsOfLucene('a.b:(x OR y) AND NOT c:"d:e" AND (f.g:* OR h:[1 TO 2])')]).toEqual([
      'a.b',
      'c',
      'f.g',
      'h',
    ]);
    expect([
      ...fieldsOfEql(
        'sequence by u.n with maxspan=10m [any where a.b == "x == y" and c in ("d")] with runs=5 [any where e != 1]',
      ),
    ]).toEqual(['u.n', 'a.b', 'c', 'e']);
  });
});

interface Grid {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function overlap(one: Grid, other: Grid): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  );
}

/** The names under which an object says it needs others: Kibana puts the panel's own before them. */
function* usedReferences({ attributes, type }: SavedObject): Iterable<string> {
  const meta = attributes['kibanaSavedObjectMeta'] as { searchSourceJSON: string } | undefined;
  const { indexRefName } = JSON.parse(meta?.searchSourceJSON ?? '{}') as { indexRefName?: string };
  if (indexRefName !== undefined) yield indexRefName;
  if (type === 'visualization') {
    const { params } = JSON.parse(String(attributes['visState'])) as {
      params: { controls?: { indexPatternRefName: string }[] };
    };
    for (const control of params.controls ?? []) yield control.indexPatternRefName;
  }
  if (type !== 'dashboard') return;
  for (const panel of JSON.parse(String(attributes['panelsJSON'])) as DashboardPanel[]) {
    const prefix = panel.type !== undefined ? `${panel.panelIndex}:` : '';
    if (panel.panelRefName !== undefined) yield prefix + panel.panelRefName;
    const lens = panel.embeddableConfig.attributes;
    for (const layer of Object.keys(lens?.state.datasourceStates.formBased.layers ?? {}))
      yield `${prefix}indexpattern-datasource-layer-${layer}`;
  }
  const group = attributes['controlGroupInput'] as { panelsJSON: string } | undefined;
  for (const key of Object.keys(JSON.parse(group?.panelsJSON ?? '{}') as object))
    yield `controlGroup_${key}:optionsListDataView`;
}

interface DashboardPanel {
  readonly panelIndex: string;
  /** Only Kibana's panels have one. */
  readonly type?: string;
  readonly panelRefName?: string;
  readonly embeddableConfig: {
    readonly attributes?: {
      readonly state: { readonly datasourceStates: { readonly formBased: { readonly layers: object } } };
    };
  };
}
