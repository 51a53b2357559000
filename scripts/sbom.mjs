// Writes sbom.cdx.json: what the program needs to run, as a CycloneDX document with versions, hashes and licences.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const { optionalDependencies = {} } = lock.packages[''];
const needed = new Set(
  Object.entries(lock.packages)
    .filter(([path, one]) => path !== '' && !one.dev && !one.devOptional && (!one.optional || isTaken(path)))
    .map(
      ([path, one]) =>
        `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${one.version}`,
    ),
);
/** What a dependency can do without is there unless it was left out; our own optional ones are for machines that build. */
function isTaken(path) {
  return existsSync(path) && !(path.replace('node_modules/', '') in optionalDependencies);
}

const flags = '--package-lock-only --sbom-format cyclonedx --sbom-type application';
const document = JSON.parse(
  execFileSync('npm', ['sbom', ...flags.split(' ')], { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }),
);
const root = document.metadata.component;
// npm takes the name of the folder, whatever that is called. Its --omit leaves out what we need and a development tool may
// use as well: the lock file knows better.
root.name = name;
const kept = (reference) => reference === root['bom-ref'] || needed.has(reference);
document.components = document.components.filter((one) => kept(one['bom-ref']));
document.dependencies = document.dependencies
  .filter(({ ref }) => kept(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(kept) }));
writeFileSync('sbom.cdx.json', `${JSON.stringify(document, null, 2)}\n`);
