import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const SIGMA = fileURLToPath(new URL('../../../content/sigma/', import.meta.url));

export type Level = 'informational' | 'low' | 'medium' | 'high' | 'critical';

export interface SigmaRule {
  /** The file's name without `cloudquery_`. */
  readonly name: string;
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly level: Level;
  readonly tags: readonly string[];
  readonly falsepositives: readonly string[];
  readonly correlation: Correlation | null;
  /** The events that it finds or counts as Lucene queries, one for each kind. */
  readonly lucene: readonly string[];
}

export interface Correlation {
  readonly type: 'event_count' | 'value_count' | 'temporal' | 'temporal_ordered';
  readonly 'group-by': readonly [string];
  readonly timespan: string;
  readonly condition?: { readonly gte: number; readonly field?: string };
}

interface Document {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly level: Level;
  readonly tags: readonly string[];
  readonly falsepositives: readonly string[];
  readonly correlation?: Correlation;
}

/** The rules of content/sigma, each with its conversion. The first document of a file is the rule; the others are what it counts. */
export function sigmaRules(): SigmaRule[] {
  return readdirSync(`${SIGMA}rules`)
    .sort()
    .map((file) => {
      const [document] = parseAllDocuments(readFileSync(`${SIGMA}rules/${file}`, 'utf8'));
      const { correlation = null, ...rule } = document?.toJS() as Document;
      const stem = basename(file, '.yml');
      const lucene = readFileSync(`${SIGMA}converted/lucene/${stem}.txt`, 'utf8');
      return {
        ...rule,
        name: stem.replace('cloudquery_', ''),
        correlation,
        lucene: lucene.split('\n').filter((line) => line !== ''),
      };
    });
}

const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 24 * 60 };

/** "10m" as 10, "1d" as 1440. */
export function minutesOf(timespan: string): number {
  return Number.parseInt(timespan, 10) * (MINUTES[timespan.slice(-1)] ?? 0);
}
