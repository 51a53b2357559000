import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, cataloguePage, EXAMPLES, renderExample, shown } from './catalogue.ts';
import { readJson } from '../../src/formats/json.ts';
import { parseCef, parseLeef } from './parsers.ts';
import {
  cefFaults,
  cimFaults,
  ecsFaults,
  leefFaults,
  ocsfFaults,
  otlpFaults,
  type Document,
} from './validators.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

describe.each(EXAMPLES)('the worked example %s', (example) => {
  it.each(CATALOGUE)('is rendered as $file says', ({ file, format }) => {
    const golden = read(`../fixtures/formats/golden/${example}/${file}`);
    expect(`${shown(format, renderExample(example, format))}\n`).toBe(golden);
  });

  it.each(CATALOGUE.filter(({ format }) => format.kind === 'json'))(
    'has no key twice in $file',
    ({ format }) => {
      const line = renderExample(example, format);
      expect(JSON.stringify(readJson(line).value)).toBe(line);
    },
  );

  it('is valid in every format', () => {
    const document = (name: string): Document =>
      JSON.parse(read(`../fixtures/formats/golden/${example}/${name}`)) as Document;
    const cef = parseCef(read(`../fixtures/formats/golden/${example}/cef.txt`).trimEnd());
    const leef = parseLeef(read(`../fixtures/formats/golden/${example}/leef.txt`).trimEnd());
    expect(ecsFaults(document('ecs.json'))).toEqual([]);
    expect(ocsfFaults(document('ocsf.json'), '1.8.0')).toEqual([]);
    expect(ocsfFaults(document('ocsf-single-class.json'), '1.8.0')).toEqual([]);
    expect(ocsfFaults(document('ocsf-1.5.0.json'), '1.5.0')).toEqual([]);
    expect(cimFaults(document('cim.json'))).toEqual([]);
    expect(otlpFaults(document('otlp.json'))).toEqual([]);
    expect(cefFaults(cef.header, cef.fields)).toEqual([]);
    expect(leefFaults(leef.header, leef.fields)).toEqual([]);
  });
});

describe('docs/formats.md', () => {
  it('shows what the formats make of the example today', () => {
    const page = read('../../docs/formats.md');
    const marker = '<!-- generated: npx node tests/formats/write-golden.ts -->\n';
    expect(page).toContain(marker);
    expect(page).toBe(cataloguePage(page.slice(0, page.indexOf(marker) + marker.length)));
  });
});
