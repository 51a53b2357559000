// What the published package has otherwise than the repository. `strip` before packing, `restore` after it.
// - No runtime: the repository pins one for machines with an older Node.js.
// - Where it lives, when AUDITFERRY_REPOSITORY says so (https://…): a copy of this repository does not know its own address.
// - Files for links: npm leaves symbolic links out. And the list of parts, sbom.cdx.json.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

const SAVED = 'package.json.unpacked';
const LINK = 'deploy/helm/auditferry/files/auditferry.rules.yaml';

if (process.argv[2] === 'strip') strip();
else restore();

function strip() {
  const text = readFileSync('package.json', 'utf8');
  const published = { ...JSON.parse(text), ...addresses(process.env['AUDITFERRY_REPOSITORY'] ?? '') };
  delete published.optionalDependencies;
  delete published.devDependencies;
  writeFileSync(SAVED, JSON.stringify({ text, link: readlinkSync(LINK) }));
  writeFileSync('package.json', JSON.stringify(published, null, 2) + '\n');
  const rules = realpathSync(LINK);
  rmSync(LINK);
  copyFileSync(rules, LINK);
  execFileSync(process.execPath, ['scripts/sbom.mjs'], { stdio: 'inherit' });
}

function restore() {
  const { text, link } = JSON.parse(readFileSync(SAVED, 'utf8'));
  writeFileSync('package.json', text);
  rmSync(LINK);
  symlinkSync(link, LINK);
  rmSync(SAVED);
}

function addresses(repository) {
  if (repository === '') return {};
  if (!/^https:\/\/[^/\s]+\/\S+$/.test(repository)) {
    console.error(`AUDITFERRY_REPOSITORY is ${repository}: expected https://host/owner/name`);
    process.exit(2);
  }
  const web = repository.replace(/\.git$/, '');
  return {
    repository: { type: 'git', url: `git+${web}.git` },
    homepage: `${web}#readme`,
    bugs: { url: `${web}/issues` },
  };
}
