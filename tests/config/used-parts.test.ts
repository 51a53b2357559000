import { describe, expect, it, test } from 'vitest';

import { loadParts } from '../../src/config/parts.ts';
import { readTree } from '../../src/config/tree.ts';
import { sinkTypesIn, usedParts } from '../../src/config/used-parts.ts';

const allParts = await loadParts();

function namesFor(text: string): { sinks: string[]; formats: string[] } {
  const { root } = readTree(text);
  if (root === null) throw new Error('no tree');
  const { sinks, formats } = usedParts(root, allParts);
  return { sinks: sinks.map(({ type }) => type), formats: formats.map(({ name }) => name) };
}

const SOURCE = 'sources: { p: { type: cloudquery } }';
const ALL = namesFor('{}');

test.each([
  ['the type of its sinks', `${SOURCE}\nsinks: { a: { type: file }, b: { type: file } }`, ['file']],
  ['every sink where a type is unknown', `${SOURCE}\nsinks: { a: { type: nosuch } }`, ALL.sinks],
  [
    'every sink where a type comes from outside',
    `${SOURCE}\nsinks: { a: { type: "${'${TYPE}'}" } }`,
    ALL.sinks,
  ],
])('loading brings %s', async (_, text, wanted) => {
  const { root } = readTree(text);
  if (root === null) throw new Error('no tree');
  expect((await loadParts(sinkTypesIn(root))).sinks.map(({ type }) => type)).toEqual(wanted);
});

describe('the parts that a file names', () => {
  it('are its types, the formats it names, and the default ones of its types', () => {
    const text = `${SOURCE}\nsinks: { a: { type: splunk_hec }, b: { type: file, format: cef }, c: { type: file } }`;
    const { sinks, formats } = namesFor(text);
    expect(sinks.toSorted()).toEqual(['file', 'splunk_hec']);
    expect(formats.toSorted()).toEqual(['cef', 'cim', 'raw']);
  });

  it.each([
    ['an unknown type', 'sinks: { a: { type: splunk } }'],
    ['no type', 'sinks: { a: { format: cef } }'],
    ['a type that is no text', 'sinks: { a: { type: 7 } }'],
    ['a type from a variable', 'sinks: { a: { type: "${TYPE}" } }'],
    ['an unknown format', 'sinks: { a: { type: file, format: csv } }'],
    ['a format that is no text', 'sinks: { a: { type: file, format: [cef] } }'],
    ['no sinks', ''],
  ])('are all of them where a file has %s', (_, sinks) => {
    expect(namesFor(`${SOURCE}\n${sinks}`)).toEqual(ALL);
    expect(ALL.sinks.length).toBeGreaterThan(5);
  });
});
