import { DASHBOARDS, DATA_VIEW, SEARCHES } from './dashboards.ts';
import type { Dashboard, Measure, Panel, SavedSearch } from './dashboards.ts';
import { places } from './layout.ts';
import { dashboardId, lucene, SEARCH_INDEX, searchId } from './saved-objects.ts';
import type { Reference, SavedObject } from './saved-objects.ts';

/** What OpenSearch Dashboards 2 and 3 write themselves; the shapes are those of Kibana 7.10, from which they come. */
const VERSIONS = {
  'index-pattern': '7.6.0',
  search: '7.9.3',
  visualization: '7.10.0',
  dashboard: '7.9.3',
} as const;
const versioned = (type: keyof typeof VERSIONS) => ({ migrationVersion: { [type]: VERSIONS[type] } });
const pattern = (name: string): Reference => ({ id: DATA_VIEW.id, name, type: 'index-pattern' });

export function opensearchObjects(): SavedObject[] {
  const { id, title } = DATA_VIEW;
  const attributes = { title, timeFieldName: '@timestamp' };
  const view: SavedObject = {
    id,
    type: 'index-pattern',
    attributes,
    references: [],
    ...versioned('index-pattern'),
  };
  return [view, ...SEARCHES.map(savedSearch), ...DASHBOARDS.flatMap(dashboardWithPanels)];
}

function source(query: string) {
  return {
    kibanaSavedObjectMeta: {
      searchSourceJSON: JSON.stringify({ query: lucene(query), filter: [], indexRefName: SEARCH_INDEX }),
    },
  };
}

function savedSearch({ id, title, description, query, columns }: SavedSearch): SavedObject {
  return {
    id: searchId(id),
    type: 'search',
    attributes: {
      title: `CloudQuery audit: ${title}`,
      description,
      columns,
      sort: [['@timestamp', 'desc']],
      version: 1,
      ...source(query),
    },
    references: [pattern(SEARCH_INDEX)],
    ...versioned('search'),
  };
}

/** Rows that a line of list controls takes. */
const CONTROLS_HEIGHT = 7;

function dashboardWithPanels(dashboard: Dashboard): SavedObject[] {
  const { id, title, description, controls, panels } = dashboard;
  const controlled = controls.length > 0;
  const placed = places(panels, controlled ? CONTROLS_HEIGHT : 0);
  const own: SavedObject[] = [];
  const shown = panels.map((panel, index) => {
    const place = placed[index];
    if (panel.kind === 'events')
      return { place, title: panel.title, type: 'search', id: searchId(panel.search) };
    const drawn = visualization(`${dashboardId(id)}-${index}`, `${title}: ${panel.title}`, panel);
    own.push(drawn);
    return { place, title: panel.title, type: 'visualization', id: drawn.id };
  });
  if (controlled) {
    const chooser = controlsOf(dashboard);
    own.push(chooser);
    const place = { x: 0, y: 0, w: 48, h: CONTROLS_HEIGHT };
    shown.unshift({ place, title: 'Choose', type: 'visualization', id: chooser.id });
  }
  const panelsJSON = shown.map(({ place, title: heading }, index) => ({
    panelIndex: String(index),
    gridData: { ...place, i: String(index) },
    version: '2.19.0',
    embeddableConfig: { title: heading },
    title: heading,
    panelRefName: `panel_${index}`,
  }));
  const board: SavedObject = {
    id: dashboardId(id),
    type: 'dashboard',
    attributes: {
      title,
      description,
      panelsJSON: JSON.stringify(panelsJSON),
      optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
      version: 1,
      timeRestore: true,
      timeFrom: 'now-7d',
      timeTo: 'now',
      kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify({ query: lucene(''), filter: [] }) },
    },
    references: shown.map(({ id: shownId, type }, index) => ({ id: shownId, name: `panel_${index}`, type })),
    ...versioned('dashboard'),
  };
  return [...own, board];
}

function visualizationObject(
  id: string,
  visState: { readonly title: string },
  query: string,
  references: readonly Reference[],
): SavedObject {
  return {
    id,
    type: 'visualization',
    attributes: {
      title: visState.title,
      description: '',
      visState: JSON.stringify(visState),
      uiStateJSON: '{}',
      version: 1,
      ...source(query),
    },
    references: [pattern(SEARCH_INDEX), ...references],
    ...versioned('visualization'),
  };
}

function controlsOf({ id, title, controls }: Dashboard): SavedObject {
  const list = controls.map(({ field, label }, index) => ({
    id: String(index),
    fieldName: field,
    parent: '',
    label,
    type: 'list',
    options: { type: 'terms', multiselect: true, dynamicOptions: true, size: 20, order: 'desc' },
    indexPatternRefName: `control_${index}_index_pattern`,
  }));
  const params = { controls: list, updateFiltersOnChange: true, useTimeFilter: true, pinFilters: false };
  return visualizationObject(
    `${dashboardId(id)}-controls`,
    { title: `${title}: Choose`, ...{ type: 'input_control_vis', params, aggs: [] } },
    '',
    controls.map((_, index) => pattern(`control_${index}_index_pattern`)),
  );
}

type Drawn = Exclude<Panel, { readonly kind: 'events' }>;

interface Aggregation {
  readonly id: string;
  readonly enabled: true;
  readonly type: string;
  readonly schema: string;
  readonly params: Readonly<Record<string, unknown>>;
}

function visualization(id: string, title: string, panel: Drawn): SavedObject {
  const [type, params, aggs] = drawing(panel);
  return visualizationObject(id, { title, ...{ type, params, aggs } }, panel.query, []);
}

function drawing(panel: Drawn): [type: string, params: object, aggs: Aggregation[]] {
  switch (panel.kind) {
    case 'number':
      return [
        'metric',
        {
          addTooltip: true,
          addLegend: false,
          type: 'metric',
          metric: { metricColorMode: 'None', labels: { show: true }, style: { fontSize: 36 } },
        },
        [metric('1', panel.measure)],
      ];
    case 'over_time':
      return [
        'histogram',
        { type: 'histogram', addTooltip: true, addLegend: true, legendPosition: 'right', ...AXES },
        [
          metric('1', panel.measure),
          agg('2', 'date_histogram', 'segment', { field: '@timestamp', interval: 'auto', min_doc_count: 1 }),
          terms('3', panel.by, 8, 'group'),
        ],
      ];
    case 'table': {
      const measures = panel.measures.map((one, index) => metric(String(index + 1), one));
      const rows = panel.by.map((field, index) =>
        terms(String(measures.length + index + 1), field, panel.rows, 'bucket'),
      );
      return [
        'table',
        { perPage: 10, showPartialRows: true, showMetricsAtAllLevels: false },
        [...measures, ...rows],
      ];
    }
  }
}

/** The one pair of axes that a histogram needs. */
const AXES = {
  grid: { categoryLines: false },
  categoryAxes: [
    {
      id: 'CategoryAxis-1',
      type: 'category',
      position: 'bottom',
      show: true,
      scale: { type: 'linear' },
      labels: { show: true, filter: true },
      title: {},
    },
  ],
  valueAxes: [
    {
      id: 'ValueAxis-1',
      name: 'LeftAxis-1',
      type: 'value',
      position: 'left',
      show: true,
      scale: { type: 'linear', mode: 'normal' },
      labels: { show: true },
      title: { text: '' },
    },
  ],
  seriesParams: [
    {
      show: true,
      type: 'histogram',
      mode: 'stacked',
      data: { id: '1', label: '' },
      valueAxis: 'ValueAxis-1',
    },
  ],
};

function agg(
  id: string,
  type: string,
  schema: string,
  params: Readonly<Record<string, unknown>>,
): Aggregation {
  return { id, enabled: true, type, schema, params };
}

const METRICS: Readonly<Record<Measure['kind'], string>> = {
  count: 'count',
  distinct: 'cardinality',
  max: 'max',
  sum: 'sum',
};

function metric(id: string, { kind, field, label }: Measure): Aggregation {
  return agg(id, METRICS[kind], 'metric', { ...(field === undefined ? {} : { field }), customLabel: label });
}

function terms(id: string, field: string, size: number, schema: string): Aggregation {
  return agg(id, 'terms', schema, {
    field,
    size,
    orderBy: '1',
    order: 'desc',
    otherBucket: false,
    missingBucket: true,
    missingBucketLabel: '-',
    customLabel: field,
  });
}
