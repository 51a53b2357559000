import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { removeFolder, runFolder, SETUP_FOLDER } from './processes.ts';
import { available, RECEIVERS_FOLDER } from './receivers.ts';

const RULES = join(import.meta.dirname, '../../content/prometheus/auditferry.rules.yaml');
const LIMIT_MS = 60_000;

it.runIf(available('promtool'))(
  'the alert rules fire, and stay silent, as Prometheus itself reads them',
  () => {
    const folder = runFolder('alerts');
    copyFileSync(RULES, join(folder, 'auditferry.rules.yaml'));
    copyFileSync(join(SETUP_FOLDER, 'alerts.yaml'), join(folder, 'alerts.yaml'));
    const run = (...args: readonly string[]) =>
      execFileSync(join(RECEIVERS_FOLDER, 'promtool'), args, {
        cwd: folder,
        encoding: 'utf8',
        timeout: LIMIT_MS,
        stdio: 'pipe',
      });
    expect(run('check', 'rules', 'auditferry.rules.yaml')).toContain('SUCCESS');
    // Its failure throws with what it printed.
    expect(run('test', 'rules', 'alerts.yaml')).toContain('SUCCESS');
    removeFolder(folder);
  },
);
