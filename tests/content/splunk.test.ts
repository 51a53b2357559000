import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { emittedDocuments } from './emitted-fields.ts';
import { sigmaRules } from './elastic/sigma-rules.ts';
import { APP, computedFields, confOf, expanded, read, views } from './splunk/app.ts';
import { extracted, meets, splunkFields } from './splunk/evaluate.ts';
import { REPORTS, savedSearches } from './splunk/saved-searches.ts';
import { commandsOf, fieldsOfSpl } from './splunk/spl-fields.ts';
import { itemsOf, rendered } from './rendered.ts';
import type { Happening } from './rendered.ts';
import { SCENARIOS } from './scenarios.ts';
import { FOUND, INVESTIGATED, STORY } from './story.ts';

/** Every field that the `cim` format emits, by the name under which Splunk finds it. */
function sentFields(): Set<string> {
  return new Set(
    emittedDocuments('cim').flatMap((document) => [...splunkFields(document)].map(([name]) => name)),
  );
}

/** Every search of the app, by where it stands. */
function searches(): [where: string, search: string][] {
  const saved = Object.entries(confOf('savedsearches.conf')).map(
    ([name, { search = '' }]): [string, string] => [name, search],
  );
  const shown = views().flatMap(({ name, searches: queries }) =>
    queries.map((query): [string, string] => [name, query]),
  );
  return [...saved, ...shown];
}

describe('the Splunk app', () => {
  it('has the saved searches that its description and the Sigma rules make', () => {
    if (process.env['UPDATE_CONTENT'] === '1')
      writeFileSync(`${APP}default/savedsearches.conf`, savedSearches());
    expect(read('default/savedsearches.conf')).toBe(savedSearches());
    const names = Object.keys(confOf('savedsearches.conf'));
    for (const { title } of sigmaRules()) expect(names).toContain(`CloudQuery detection: ${title}`);
  });

  it('begins every search with the macro that names the indexes', () => {
    expect(searches().length).toBeGreaterThan(70);
    for (const [where, search] of searches())
      expect(expanded(search), where).toMatch(
        /^index=\* sourcetype="(?:cloudquery:platform:audit|auditferry:heartbeat)"/,
      );
  });

  it('counts no event twice', () => {
    // Maxima, distinct counts and delays are the same with copies, and a search for nothing needs none.
    const same =
      /\| (?:stats (?:max|dc|count as total|count \| where count=0|min\(auditferry)|timechart (?:max|perc)|eval delay)/;
    for (const [where, search] of searches())
      if (!search.includes('`cloudquery_once`')) expect(search, where).toMatch(same);
  });

  it('asks for no field that is neither sent nor computed', () => {
    const known = new Set([...sentFields(), ...computedFields().keys()]);
    let asked = 0;
    for (const [where, search] of searches())
      for (const field of fieldsOfSpl(expanded(search))) {
        asked += 1;
        expect(known, where).toContain(field);
      }
    expect(asked).toBeGreaterThan(200);
  });

  it('computes its fields from what is sent', () => {
    const sent = sentFields();
    for (const [name, expression] of computedFields())
      for (const field of fieldsOfSpl(`* | eval x=${expression.replaceAll("'", '')}`))
        expect(sent, name).toContain(field);
  });

  it('gives every list of an event its plain name', () => {
    const lists = [...sentFields()].filter((name) => /^\w+\{\}$/.test(name)).map((name) => name.slice(0, -2));
    expect(lists.sort()).toEqual(['added_roles', 'object_attrs', 'removed_roles', 'user_role']);
    for (const name of lists) expect(computedFields().get(name)).toBe(`'${name}{}'`);
  });

  it('sets every token that a dashboard uses, and uses every one that it sets', () => {
    for (const { name, text, inputs } of views()) {
      const used = new Set([...text.matchAll(/\$(\w+)(?:\.\w+|\|s)\$/g)].map(([, token = '']) => token));
      expect([...used].sort(), name).toEqual([...inputs].sort());
      // Unquoted, what somebody types would be a part of the search.
      expect(text, name).not.toMatch(/\$(?!time\.)\w+\$/);
    }
  });

  it('shows its views in the navigation', () => {
    const shown = [...read('default/data/ui/nav/default.xml').matchAll(/<view name="(\w+)"/g)].map(
      ([, view]) => view,
    );
    expect(shown.filter((view) => view !== 'search').sort()).toEqual(
      views()
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('has one version and one name', () => {
    const app = confOf('app.conf');
    const manifest = JSON.parse(read('app.manifest')) as { info: { id: { name: string; version: string } } };
    expect([app['id']?.['name'], app['package']?.['id'], manifest.info.id.name]).toEqual(
      Array(3).fill('auditferry'),
    );
    expect([app['id']?.['version'], app['launcher']?.['version']]).toEqual(
      Array(2).fill(manifest.info.id.version),
    );
  });

  // Splunk cannot be had here. What stands before the first pipe of a search is evaluated by a stand-in over rendered events.
  const found = (search: string, happenings: readonly Happening[]): number[] => {
    const [terms = ''] = commandsOf(expanded(search));
    const test = meets(terms);
    return rendered(itemsOf(happenings), 'cim').flatMap((document, place) =>
      test(extracted(document, computedFields())) ? [place] : [],
    );
  };

  it.each(REPORTS.map(({ id, search }) => [id, search] as const))(
    '%s selects what it should, and nothing else',
    (id, search) => {
      const names = Object.keys(STORY);
      expect(found(search, Object.values(STORY)).map((place) => names[place])).toEqual(
        names.filter((name) => FOUND[id]?.includes(name)),
      );
    },
  );

  it.each(INVESTIGATED)('the investigation of $value', ({ field, value, found: expected }) => {
    const names = Object.keys(STORY);
    const [query = ''] = views().find(({ name }) => name === 'investigation')?.searches ?? [];
    const chosen = { 'related.user': 'user', 'source.address': 'address' }[field] ?? 'entity';
    const filled = query.replace(
      /\$(\w+)\|s\$/g,
      (_all, token: string) => `"${token === chosen ? value : '*'}"`,
    );
    const [head = '', , , filter = ''] = commandsOf(expanded(filled));
    expect(filter).toMatch(/^search /);
    const rest = meets(filter.replace('search ', ''));
    const selected = rendered(itemsOf(Object.values(STORY)), 'cim').flatMap((document, place) => {
      const fields = extracted(document, computedFields());
      const whole = new Map([
        ...['entity', 'src', 'reason'].map((name) => [name, ['-']] as const),
        ...fields,
      ]);
      return meets(head)(fields) && rest(whole) ? [names[place]] : [];
    });
    expect(selected).toEqual(names.filter((name) => expected.includes(name)));
  });

  const alone = sigmaRules().filter(({ correlation }) => correlation === null);
  it.each(alone.map(({ name, title }) => [name, title] as const))(
    'the detection %s selects what fires, and nothing that does not',
    (name, title) => {
      const search = confOf('savedsearches.conf')[`CloudQuery detection: ${title}`]?.['search'] ?? '';
      for (const happenings of SCENARIOS[name]?.fires ?? [])
        expect(found(search, happenings)).not.toEqual([]);
      for (const happenings of SCENARIOS[name]?.quiet ?? []) expect(found(search, happenings)).toEqual([]);
    },
  );

  it('finds the fields of a search', () => {
    const fields = fieldsOfSpl(
      'index=* a="b=c" (d=$x|s$ OR e IN ("f")) | eval g=if(match(h, "i"), j, null()) | stats count max(k.l) as m by g n | where m>o',
    );
    expect([...fields]).toEqual(['a', 'd', 'e', 'h', 'j', 'k.l', 'n', 'o']);
  });
});
