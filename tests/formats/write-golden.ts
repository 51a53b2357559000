import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { sampleFiles, samplePlace } from './samples.ts';
import { CATALOGUE, cataloguePage, EXAMPLES, renderExample, shown } from './catalogue.ts';

/**
 * Writes the golden files, the samples and the catalogue page anew after a deliberate change of the mapping:
 * `npx node tests/formats/write-golden.ts`. Read the difference before you commit it.
 */
const GOLDEN = new URL('../fixtures/formats/golden/', import.meta.url);
const PAGE = new URL('../../docs/formats.md', import.meta.url);

for (const example of EXAMPLES) {
  mkdirSync(new URL(`${example}/`, GOLDEN), { recursive: true });
  for (const { file, format } of CATALOGUE) {
    writeFileSync(
      new URL(`${example}/${file}`, GOLDEN),
      `${shown(format, renderExample(example, format))}\n`,
    );
  }
}
for (const [file, text] of sampleFiles()) writeFileSync(samplePlace(file), text);
const page = readFileSync(PAGE, 'utf8');
const marker = '<!-- generated: npx node tests/formats/write-golden.ts -->\n';
writeFileSync(PAGE, cataloguePage(page.slice(0, page.indexOf(marker) + marker.length)));
