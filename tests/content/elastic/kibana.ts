import { DASHBOARDS, DATA_VIEW, SEARCHES } from './dashboards.ts';
import type { Dashboard, Measure, Panel, SavedSearch } from './dashboards.ts';
import { places } from './layout.ts';
import { dashboardId, lucene, SEARCH_INDEX, searchId } from './saved-objects.ts';
import type { Reference, SavedObject } from './saved-objects.ts';

/** The oldest shapes that Kibana 8.9 and later read as they are; newer ones are migrated on import. */
const VERSIONS = { 'index-pattern': '8.0.0', search: '8.0.0', dashboard: '8.9.0' } as const;
const versioned = (type: keyof typeof VERSIONS) => ({
  coreMigrationVersion: '8.8.0',
  typeMigrationVersion: VERSIONS[type],
});
const dataView = (name: string): Reference => ({ id: DATA_VIEW.id, name, type: 'index-pattern' });

/** Data view, saved searches and dashboards with Lens, in the order in which they refer to each other. */
export function kibanaObjects(): SavedObject[] {
  const { id, title, name } = DATA_VIEW;
  const attributes = { title, name, timeFieldName: '@timestamp' };
  const view: SavedObject = {
    id,
    type: 'index-pattern',
    attributes,
    references: [],
    ...versioned('index-pattern'),
  };
  return [view, ...SEARCHES.map(savedSearch), ...DASHBOARDS.map(dashboard)];
}

function savedSearch({ id, title, description, query, columns }: SavedSearch): SavedObject {
  const source = { query: lucene(query), filter: [], indexRefName: SEARCH_INDEX };
  return {
    id: searchId(id),
    type: 'search',
    attributes: {
      title: `CloudQuery audit: ${title}`,
      description,
      columns,
      sort: [['@timestamp', 'desc']],
      kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify(source) },
    },
    references: [dataView(SEARCH_INDEX)],
    ...versioned('search'),
  };
}

function dashboard({ id, title, description, controls, panels }: Dashboard): SavedObject {
  const placed = places(panels, 0);
  const drawn = panels.map((panel, index) => {
    const key = `panel_${index}`;
    const place = placed[index];
    const frame = { panelIndex: key, gridData: { ...place, i: key }, title: panel.title };
    if (panel.kind === 'events')
      return {
        panel: { ...frame, type: 'search', embeddableConfig: {}, panelRefName: `panel_${key}` },
        references: [{ id: searchId(panel.search), name: `${key}:panel_${key}`, type: 'search' }],
      };
    const attributes = lens(panel);
    return {
      panel: { ...frame, type: 'lens', embeddableConfig: { attributes, enhancements: {} } },
      references: attributes.references.map((reference) => ({
        ...reference,
        name: `${key}:${reference.name}`,
      })),
    };
  });
  const controlPanels = controls.map(({ field, label }, order) => {
    const key = `control_${order}`;
    const explicitInput = { id: key, fieldName: field, title: label, enhancements: {} };
    return [key, { type: 'optionsListControl', order, grow: true, width: 'medium', explicitInput }] as const;
  });
  return {
    id: dashboardId(id),
    type: 'dashboard',
    attributes: {
      title,
      description,
      panelsJSON: JSON.stringify(drawn.map(({ panel }) => panel)),
      optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
      timeRestore: true,
      timeFrom: 'now-7d',
      timeTo: 'now',
      kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify({ query: lucene(''), filter: [] }) },
      ...(controls.length === 0
        ? {}
        : {
            controlGroupInput: {
              chainingSystem: 'HIERARCHICAL',
              controlStyle: 'oneLine',
              ignoreParentSettingsJSON: '{}',
              panelsJSON: JSON.stringify(Object.fromEntries(controlPanels)),
            },
          }),
    },
    references: [
      ...drawn.flatMap(({ references }) => references),
      ...controlPanels.map(([key]) => dataView(`controlGroup_${key}:optionsListDataView`)),
    ],
    ...versioned('dashboard'),
  };
}

type Drawn = Exclude<Panel, { readonly kind: 'events' }>;

const LAYER = 'events';

function lens(panel: Drawn) {
  const { columns, visualization, visualizationType } = drawing(panel);
  const layer = { columnOrder: Object.keys(columns), columns, incompleteColumns: {} };
  return {
    title: panel.title,
    visualizationType,
    references: [dataView(`indexpattern-datasource-layer-${LAYER}`)],
    state: {
      datasourceStates: { formBased: { layers: { [LAYER]: layer } } },
      visualization,
      query: lucene(panel.query),
      filters: [],
      internalReferences: [],
      adHocDataViews: {},
    },
  };
}

function drawing(panel: Drawn) {
  const layer = { layerId: LAYER, layerType: 'data' };
  switch (panel.kind) {
    case 'number':
      return {
        visualizationType: 'lnsMetric',
        columns: { measure: measure(panel.measure) },
        visualization: { ...layer, metricAccessor: 'measure' },
      };
    case 'over_time': {
      const drawn = { ...layer, xAccessor: 'time', splitAccessor: 'by', accessors: ['measure'] };
      return {
        visualizationType: 'lnsXY',
        columns: { by: terms(panel.by, 8, 'measure'), time: histogram(), measure: measure(panel.measure) },
        visualization: {
          preferredSeriesType: 'bar_stacked',
          legend: { isVisible: true, position: 'right' },
          valueLabels: 'hide',
          layers: [{ ...drawn, seriesType: 'bar_stacked', position: 'top', showGridlines: false }],
        },
      };
    }
    case 'table': {
      const measures = panel.measures.map((one, index) => [`measure_${index}`, measure(one)] as const);
      const rows = panel.by.map(
        (field, index) => [`by_${index}`, terms(field, panel.rows, 'measure_0')] as const,
      );
      return {
        visualizationType: 'lnsDatatable',
        columns: Object.fromEntries([...rows, ...measures]),
        visualization: { ...layer, columns: [...rows, ...measures].map(([columnId]) => ({ columnId })) },
      };
    }
  }
}

function measure({ kind, field, label }: Measure) {
  const column = { label, customLabel: true, isBucketed: false };
  const isTime = field === '@timestamp';
  switch (kind) {
    case 'count':
      return {
        ...column,
        dataType: 'number',
        operationType: 'count',
        scale: 'ratio',
        sourceField: '___records___',
        params: {},
      };
    case 'distinct':
      return {
        ...column,
        dataType: 'number',
        operationType: 'unique_count',
        scale: 'ratio',
        sourceField: field,
        params: {},
      };
    case 'max':
    case 'sum':
      return {
        ...column,
        dataType: isTime ? 'date' : 'number',
        operationType: kind,
        scale: isTime ? 'interval' : 'ratio',
        sourceField: field,
        params: {},
      };
  }
}

function terms(field: string, size: number, orderBy: string) {
  return {
    label: field,
    customLabel: true,
    dataType: 'string',
    operationType: 'terms',
    isBucketed: true,
    scale: 'ordinal',
    sourceField: field,
    params: {
      size,
      orderBy: { type: 'column', columnId: orderBy },
      orderDirection: 'desc',
      // A row with a gap is better than a row that is missing.
      missingBucket: true,
      otherBucket: true,
      parentFormat: { id: 'terms' },
    },
  };
}

function histogram() {
  return {
    label: '@timestamp',
    dataType: 'date',
    operationType: 'date_histogram',
    isBucketed: true,
    scale: 'interval',
    sourceField: '@timestamp',
    params: { interval: 'auto', includeEmptyRows: true },
  };
}
