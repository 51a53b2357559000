import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where .ci/packages.sh keeps what no package manager of the system installs. */
export const TOOLS_FOLDER =
  process.env['PACKAGE_TOOLS_DIR'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'auditferry-package-tools');

/** Finds a program in the tools' folder, or as the shell would. */
export function findTool(name: string): string | undefined {
  const folders = [
    TOOLS_FOLDER,
    join(TOOLS_FOLDER, 'python/bin'),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * True when all of these programs are there; `root` stands for being root. Otherwise says what is missing and returns false,
 * for describe.runIf; with REQUIRE_PACKAGE_TOOLS=1 it throws instead.
 */
export function available(...names: readonly string[]): boolean {
  const missing = names.filter((name) =>
    name === 'root' ? process.getuid?.() !== 0 : findTool(name) === undefined,
  );
  if (missing.length === 0) return true;
  const sentence = `${missing.join(', ')} missing: run .ci/packages.sh as root on Debian 12`;
  if (process.env['REQUIRE_PACKAGE_TOOLS'] === '1') throw new Error(sentence);
  skipped(sentence);
  return false;
}

/** Says what was left out and why, where a reader of the run sees it. */
export function skipped(what: string, why = ''): void {
  process.stderr.write(`SKIPPED: ${what}${why === '' ? '' : `: ${why}`}\n`);
}
