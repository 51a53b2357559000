import { findPackageJSON } from 'node:module';

import { ForwardError } from './errors.ts';

/** Whether a package that not everybody needs is there. It is not loaded. */
export function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false; // it throws as an import would
  }
}

/** Throws `config` with the command that installs a missing package. */
export function assertInstalled(name: string, purpose: string): void {
  if (isInstalled(name)) return;
  throw new ForwardError('config', `needs the package ${name}, which ${purpose} and is not installed`, {
    hint: `expected it beside auditferry: npm install ${name}`,
  });
}
