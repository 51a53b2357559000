import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeFolder } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { load } from './embedded-config.ts';
import { available } from './tools.ts';

const UNIT = resolve(import.meta.dirname, '../../deploy/systemd/auditferry.service');
const text = readFileSync(UNIT, 'utf8');

/** Values of a directive, in order. */
const all = (name: string): string[] =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

describe('deploy/systemd', () => {
  it('gives the daemon more time to stop, and less memory, than it takes', () => {
    const config = load(readFileSync(resolve(UNIT, '../../auditferry.yaml'), 'utf8'), '');
    expect(Number(all('TimeoutStopSec')[0]) * 1000).toBeGreaterThan(config.shutdown_timeout);
    expect(all('MemoryMax')).toEqual(['512M']);
  });

  it('keeps the state and the key where the comments say that the configuration finds them', () => {
    expect(all('StateDirectory')).toEqual(['auditferry']);
    expect(text).toContain('state.dir: /var/lib/auditferry');
    for (const credential of all('LoadCredential'))
      expect(text).toContain(`\${file:/run/credentials/auditferry.service/${credential.split(':')[0]}}`);
  });
});

describe.runIf(available('systemd-analyze'))('the unit', () => {
  let folder: Folder;
  beforeAll(() => {
    folder = makeFolder();
  });
  afterAll(() => folder.remove());

  it('is one that systemd understands', () => {
    // The program is not installed on the machine of the tests.
    const file = folder.write('auditferry.service', text.replace('/usr/bin/auditferry', '/bin/true'));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  });

  it('leaves open only what it needs: the network, and a compiler of machine code', () => {
    // In tenths: 1.3 of 10, where 10 is a service without any protection.
    const flags = ['security', '--offline=true', '--no-pager', '--threshold=13', UNIT];
    const { status, stdout } = spawnSync('systemd-analyze', flags, { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
    expect(stdout).toContain('Overall exposure level');
    const bare = folder.write('bare.service', '[Service]\nExecStart=/bin/true\n');
    expect(spawnSync('systemd-analyze', [...flags.slice(0, -1), join(bare)]).status).not.toBe(0);
  });
});
