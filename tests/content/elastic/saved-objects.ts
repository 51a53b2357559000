/** One line of an import file of Kibana or OpenSearch Dashboards. */
export interface SavedObject {
  readonly id: string;
  readonly type: 'index-pattern' | 'search' | 'visualization' | 'dashboard';
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly references: readonly Reference[];
  readonly [version: string]: unknown;
}

export interface Reference {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

export const SEARCH_INDEX = 'kibanaSavedObjectMeta.searchSourceJSON.index';
export const lucene = (query: string) => ({ language: 'lucene', query });
export const searchId = (id: string): string => `auditferry-search-${id}`;
export const dashboardId = (id: string): string => `auditferry-${id}`;
