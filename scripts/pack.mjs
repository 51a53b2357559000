// The repository pins a runtime for machines with an older Node; the published package must not carry it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const SAVED = 'package.json.unpacked';
if (process.argv[2] === 'strip') {
  const text = readFileSync('package.json', 'utf8');
  writeFileSync(SAVED, text);
  const published = JSON.parse(text);
  delete published.optionalDependencies;
  delete published.devDependencies;
  writeFileSync('package.json', JSON.stringify(published, null, 2) + '\n');
} else {
  writeFileSync('package.json', readFileSync(SAVED, 'utf8'));
  rmSync(SAVED);
}
