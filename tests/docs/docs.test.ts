import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { schemaText } from '../../src/cli/schema.ts';
import { anchorsOf, blocksOf, linksOf, readPages, ROOT } from './pages.ts';
import type { Block, DocsPage } from './pages.ts';

const pages = readPages();
const blocks = pages.flatMap(blocksOf);
const byPath = new Map(pages.map((page) => [page.path, page]));

const page = (path: string): DocsPage => {
  const found = byPath.get(path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
};
const placeOf = ({ path, line }: Block): string => `${path}:${line}`;

describe('links', () => {
  it('lead to files that are there', () => {
    const broken = pages
      .flatMap(linksOf)
      .filter(({ to }) => !existsSync(join(ROOT, to)))
      .map(({ from, to }) => `${from}: ${to}`);
    expect(broken).toEqual([]);
  });

  it('lead to headings that are there', () => {
    const anchors = new Map(pages.map((one) => [one.path, anchorsOf(one)]));
    const broken = pages
      .flatMap(linksOf)
      .filter(({ to, anchor }) => anchor !== null && anchors.has(to) && !anchors.get(to)?.has(anchor))
      .map(({ from, to, anchor }) => `${from}: ${to}#${anchor}`);
    expect(broken).toEqual([]);
  });

  it('lead from docs/README.md to every page of docs, one or two steps away', () => {
    const linked = (from: string): string[] => linksOf(page(from)).map(({ to }) => to);
    const first = linked('docs/README.md').filter((to) => to.startsWith('docs'));
    const second = first.filter((to) => byPath.has(to)).flatMap(linked);
    const reached = new Set(['docs/README.md', ...first, ...second]);
    const lost = pages
      .map(({ path }) => path)
      .filter((path) => path.startsWith('docs/') && !reached.has(path))
      // A link to a folder leads to all that is in it.
      .filter((path) => !first.some((to) => !to.endsWith('.md') && path.startsWith(`${to}/`)));
    expect(lost, 'add a line to docs/README.md').toEqual([]);
  });
});

const schema = JSON.parse(await schemaText()) as { properties: Record<string, unknown> };
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

const MINIMAL = {
  sources: { platform: { type: 'cloudquery', url: 'https://x', api_key: '${KEY}' } },
  sinks: { out: { type: 'stdout' } },
};

/** A part of a configuration with what it leaves out, so that it can be judged. Null: it is none. */
function completed(part: Record<string, unknown>, block: Block): object | null {
  if (Object.keys(part).every((key) => key in schema.properties)) return { ...MINIMAL, ...part };
  // What stands alone on the page of a sink is a part of that sink.
  const type = /^docs\/sinks\/(\w+)\.md$/.exec(block.path)?.[1];
  return type === undefined ? null : { ...MINIMAL, sinks: { out: { type, ...part } } };
}

/** Keys that a part leaves out are no fault of it. */
const WHOLE_ONLY = ['required', 'if', 'oneOf', 'anyOf', 'allOf'];

describe('configurations', () => {
  const yaml = blocks
    .filter(({ language, path }) => language === 'yaml' && !path.startsWith('deploy/helm'))
    // Mapping tests are another kind of file; tests/cli/mapping-tests.test.ts runs them.
    .filter(({ text }) => !text.startsWith('tests:\n'));

  it('are there', () => {
    expect(yaml.length).toBeGreaterThan(30);
  });

  it.each(yaml.map((block) => [placeOf(block), block] as const))('%s is one', (_, block) => {
    const [document] = parseAllDocuments(block.text);
    expect(document?.errors ?? []).toEqual([]);
    const part = document?.toJS() as Record<string, unknown> | null;
    if (part === null || part === undefined) return; // a comment for editors
    const config = completed(part, block);
    expect(config, 'neither a configuration nor a part of the sink that the page is about').not.toBeNull();
    validate(config);
    const faults = (validate.errors ?? []).filter(({ keyword }) => !WHOLE_ONLY.includes(keyword));
    expect(faults.map(({ instancePath, message }) => `${instancePath} ${message}`)).toEqual([]);
  });
});

describe('commands', () => {
  /** By command, such as `dead-letters list`: its flags, as the generated help says. */
  const flags = new Map(
    [...page('docs/commands.md').text.matchAll(/<!-- help: ([a-z -]+) -->\n\n```text\n([^]*?)\n```/g)].map(
      ([, name = '', help = '']) => [name, new Set(help.match(/--[a-z][a-z-]*/g) ?? [])] as const,
    ),
  );
  const called = blocks
    .filter(({ language }) => ['sh', 'console', 'text'].includes(language))
    .flatMap((block) =>
      [
        ...block.text
          .replaceAll('\\\n', ' ')
          .matchAll(/(?:^|\$ |\| |&& |exec \S+ )auditferry +([a-z][^\n|>#;&]*)/gm),
      ].map(([, words = '']) => ({ where: placeOf(block), words: words.trim().split(/\s+/) })),
    )
    // What the program itself prints of its usage is not a command.
    .filter(({ words }) => words[0] !== 'completion' || flags.has('completion'));

  it('are there', () => {
    expect(flags.size).toBeGreaterThan(15);
    expect(called.length).toBeGreaterThan(40);
  });

  it('exist, and take the flags that pages give them', () => {
    const wrong = called.flatMap(({ where, words }) => {
      const [first = '', second = ''] = words;
      const name = flags.has(`${first} ${second}`) ? `${first} ${second}` : first;
      const known = flags.get(name) ?? (/^\d/.test(first) ? new Set<string>() : undefined);
      if (known === undefined) return [`${where}: there is no command ${name}`];
      return (
        words
          .filter((word) => word.startsWith('--'))
          .map((word) => word.replace(/=.*/, ''))
          // A group without a subcommand lists.
          .filter((flag) => !known.has(flag) && flags.get(`${name} list`)?.has(flag) !== true)
          .map((flag) => `${where}: ${name} has no ${flag}`)
      );
    });
    expect(wrong).toEqual([]);
  });
});

describe('words', () => {
  it('the glossary defines each term once, in order', () => {
    const terms = [...page('docs/glossary.md').text.matchAll(/^\| \*\*([^*]+)\*\* \|/gm)].map(
      ([, term = '']) => term,
    );
    expect(terms.length).toBeGreaterThan(25);
    expect(terms).toEqual([...new Set(terms)].toSorted((a, b) => a.localeCompare(b, 'en')));
  });

  it('generated parts say so', () => {
    for (const [path, mark] of [
      ['docs/configuration.md', 'generated from the schemas'],
      ['docs/commands.md', 'generated'],
      ['docs/formats.md', 'generated'],
      ['docs/licences.md', 'generated'],
      ['docs/guarantees.md', 'generated'],
    ] as const)
      expect(page(path).text, path).toContain(mark);
  });
});
