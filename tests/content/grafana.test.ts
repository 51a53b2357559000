import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly description?: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

describe('the board for Grafana', () => {
  const text = readFileSync(new URL('../../content/grafana/auditferry.json', import.meta.url), 'utf8');
  const { panels, templating } = JSON.parse(text) as Board;

  it('says of every panel what it shows', () => {
    for (const { title, description = '' } of panels) expect(description.length, title).toBeGreaterThan(20);
  });

  it('asks every series for the chosen jobs and instances', () => {
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      const series = expr.match(/(?:auditferry|process|nodejs)_\w+(?! *\{)\b(?!\{)/g) ?? [];
      const chosen = expr.match(/\{job=~"\$job",instance=~"\$instance"/g) ?? [];
      expect(chosen.length, expr).toBeGreaterThan(0);
      // The only series without a choice is matched with one that has it.
      expect(
        series.filter((name) => name !== 'auditferry_build_info'),
        expr,
      ).toEqual([]);
    }
  });

  it('has the variables that it uses', () => {
    const names = templating.list.map(({ name }) => name);
    const used = new Set([...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name));
    expect(names).toEqual(['datasource', 'job', 'instance']);
    for (const name of used) if (!name.startsWith('__')) expect(names).toContain(name);
  });
});
