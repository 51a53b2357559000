import { itemsOf, rendered } from '../rendered.ts';
import type { Document, Happening } from '../rendered.ts';
import { SCENARIOS } from '../scenarios.ts';
import { sigmaRules } from './sigma-rules.ts';

/** Prints what the detection rules of Elastic must fire on and must not, as events in ECS by the name of the rule: for .ci/elastic-rules.py. */
const documents = (list: readonly (readonly Happening[])[]): Document[][] =>
  list.map((happenings) => {
    const inOrder = happenings.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0));
    return rendered(itemsOf(inOrder), 'ecs');
  });

const byRule = sigmaRules().flatMap(({ name, title }) => {
  const scenarios = SCENARIOS[name];
  if (scenarios === undefined) return [];
  const { fires, quiet } = scenarios;
  return [[`CloudQuery: ${title}`, { fires: documents(fires), quiet: documents(quiet) }] as const];
});
process.stdout.write(`${JSON.stringify(Object.fromEntries(byRule))}\n`);
