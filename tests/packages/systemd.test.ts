import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeFolder } from '../e2e/program.ts';
import type { Folder } from '../e2e/program.ts';
import { freePorts } from '../receivers/processes.ts';
import { load } from './embedded-config.ts';
import { available } from './tools.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const UNIT = join(ROOT, 'deploy/systemd/auditferry.service');
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

const NOBODY = 61_234;

/** What the unit takes away, as far as it can be taken away without systemd: rights, the file system but for the state, other processes. */
function confined(state: string, program: string): string {
  return [
    // A checkout in /tmp is out of reach once that is the program's own.
    `mount --bind ${ROOT} ${program}`,
    `mount --bind ${state} ${state}`,
    'mount -o remount,bind,ro /',
    'mount -t tmpfs tmpfs /tmp',
    'mount -t tmpfs -o ro tmpfs /home',
    'cd /',
    'umask 0077',
    `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all prlimit --core=0 --nproc=64 env -i "$@"`,
  ].join(' && ');
}

describe.runIf(process.getuid?.() === 0 && available('systemd-analyze'))('the program', () => {
  it('does its work under what the unit leaves it', async () => {
    const { platform } = await freePorts('platform');
    // Not in /tmp, which is the program's own there.
    const folder = mkdtempSync('/var/tmp/auditferry-unit-');
    try {
      chmodSync(folder, 0o755);
      const [state, installed] = [join(folder, 'state'), join(folder, 'program')];
      mkdirSync(state);
      mkdirSync(installed);
      chownSync(state, NOBODY, NOBODY);
      const config = join(folder, 'auditferry.yaml');
      writeFileSync(
        config,
        `simulator: { listen: '127.0.0.1:${platform}', api_key: a-key, history: 2h, rate: 6 }
state: { dir: ${state}/journal }
admin: { listen: 'off' }
sources: { platform: { type: cloudquery, url: 'http://127.0.0.1:${platform}', api_key: a-key, start: 1h } }
sinks: { archive: { type: file, path: ${state}/audit.ndjson } }
`,
      );
      const program = all('ExecStart')[0]?.split(' ') ?? [];
      expect(program.slice(0, 2)).toEqual(['/usr/bin/auditferry', 'run']);
      const [node, main] = [process.execPath, MAIN].map((path) => path.replace(ROOT, installed));
      const words = [...all('Environment'), node, main, 'run', '--once', '--json', '-c', config].map(String);
      const flags = ['--mount', '--pid', '--fork', '--mount-proc', '--propagation', 'private'];
      const { stdout, stderr } = spawnSync(
        'unshare',
        [...flags, 'bash', '-c', confined(state, installed), 'unit', ...words],
        {
          encoding: 'utf8',
        },
      );
      expect(stdout, stderr).toContain('"verdict":"complete"');
      expect(readFileSync(join(state, 'audit.ndjson'), 'utf8').split('\n').length).toBeGreaterThan(100);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
