import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** What a Debian image needs to run Node.js and a build script, by the names of its packages. */
const DEBIAN_PARTS =
  'base-files base-passwd bash coreutils dash libacl1 libatomic1 libattr1 libc6 libcrypt1 libgcc-s1 libgmp10 libpcre2-8-0 libselinux1 libstdc++6 libtinfo6';

/** Works as root in a container too, without systemd: no cgroup manager, no log service, limits that may be lowered only. */
const PODMAN = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
const RUN = [
  '--ulimit',
  'nofile=1024:1024',
  '--ulimit',
  'nproc=1024:1024',
  '--pull',
  'never',
  '--no-healthcheck',
];

/** Images and containers of one test, in a store of their own, so that nothing of it is left on the machine. */
export interface Store {
  /** Builds the Dockerfile on bases made of this machine's own packages; no registry of images is asked. */
  build(tag: string, args: Readonly<Record<string, string>>): void;
  podman(...words: readonly string[]): string;
  run(...words: readonly string[]): string;
  /** The process of a running container, as this machine counts. */
  pid(name: string): string;
  /** Why containers cannot run here, as inside some containers; null when they can. */
  refusesToRun(tag: string): string | null;
  remove(): void;
}

export function openStore(): Store {
  const folder = mkdtempSync(join(tmpdir(), 'auditferry-image-'));
  const place = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')];
  const buildah = (...words: readonly string[]): string => execute('buildah', [...place, ...words]);
  const toPodman = [...place, '--tmpdir', join(folder, 'tmp'), ...PODMAN];
  const podman = (...words: readonly string[]): string => execute('podman', [...toPodman, ...words]);
  const commit = (from: string, content: string, name: string, settings: readonly string[]): void => {
    const container = buildah('from', '--pull-never', from);
    buildah('copy', '--quiet', container, content, '/');
    buildah('config', ...settings, container);
    buildah('commit', '--quiet', container, name);
    buildah('rm', container);
  };
  return {
    build(tag, args) {
      commit('scratch', debianParts(join(folder, 'debian')), 'localhost/debian', ['--cmd', 'bash']);
      const node = nodeParts(join(folder, 'node'));
      // Where the way to the package registry goes through an authority of its own, npm has to know it; the image must not.
      const authority = node.authority === null ? [] : ['--env', `NODE_EXTRA_CA_CERTS=${node.authority}`];
      commit('localhost/debian', node.folder, 'localhost/node', ['--cmd', 'node', ...authority]);
      const bases = { NODE_IMAGE: 'localhost/node', BASE_IMAGE: 'localhost/debian', ...args };
      const given = Object.entries(bases).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
      // The format of Docker: that of OCI has no place for a health check.
      const way = ['--isolation', 'chroot', '--pull-never', '--format', 'docker'];
      buildah('build', ...way, ...given, '--tag', tag, ROOT);
    },
    podman,
    run: (...words) => podman('run', ...RUN, ...words),
    pid: (name) => podman('inspect', '--format', '{{.State.Pid}}', name),
    refusesToRun(tag) {
      const flags = ['run', ...RUN, '--rm', '--network', 'none', '--entrypoint', 'node'];
      const { status, stderr } = spawnSync('podman', [...toPodman, ...flags, tag, '--version'], {
        encoding: 'utf8',
      });
      return status === 0 ? null : stderr.trim();
    },
    remove() {
      // The newest first: it may use the network of an older one.
      for (const id of podman('ps', '--all', '--quiet')
        .split('\n')
        .filter((line) => line !== '')
        .toReversed())
        podman('rm', '--force', '--time', '0', id);
      podman('image', 'umount', '--all');
      // The store mounts itself once more; only an overlay store does.
      spawnSync('umount', [join(folder, 'storage', 'overlay')]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function execute(program: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${program} ${words.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout.trim();
}

/** The files of those packages as they lie on this machine, which is Debian itself. */
function debianParts(folder: string): string {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(folder, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(folder, name));
  }
  for (const name of ['tmp', 'proc', 'sys', 'dev', 'run', 'etc']) mkdirSync(join(folder, name));
  const paths = execute('dpkg', ['--listfiles', ...DEBIAN_PARTS.split(' ')])
    .split('\n')
    .filter(
      (path) => path.startsWith('/') && !/^\/usr\/share\/(doc|man|locale)/.test(path) && existsSync(path),
    );
  const archive = execFileSync('tar', ['-C', '/', '--no-recursion', '-c', '--files-from', '-'], {
    input: [...new Set(paths)].join('\n'),
    maxBuffer: 2 ** 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  execFileSync('tar', ['-C', folder, '-x', '--keep-directory-symlink'], { input: archive });
  return folder;
}

/** The runtime that the repository pins, and npm, laid out as in the official image. */
function nodeParts(folder: string): { folder: string; authority: string | null } {
  const local = join(folder, 'usr/local');
  for (const name of ['bin', 'lib/node_modules', 'share']) mkdirSync(join(local, name), { recursive: true });
  cpSync(process.execPath, join(local, 'bin/node'));
  cpSync(npmFolder(), join(local, 'lib/node_modules/npm'), { recursive: true, dereference: true });
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name));
  const authority = process.env['NODE_EXTRA_CA_CERTS'];
  if (authority === undefined || !existsSync(authority)) return { folder, authority: null };
  cpSync(authority, join(local, 'share/authorities.pem'), { dereference: true });
  return { folder, authority: '/usr/local/share/authorities.pem' };
}

/** Where this machine's npm lies: npm tells by running from there. */
function npmFolder(): string {
  const root = execute('npm', ['root', '--global']);
  return dirname(createRequire(join(root, 'x.js')).resolve('npm/package.json'));
}

/** Milliseconds since 1970 at which a process began, to about ten. */
export function beganMs(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return Date.now() - (uptime * 1000 - ticks * 10);
}

/** Processor time that a process has taken so far, of all its threads. */
export function processorMs(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
