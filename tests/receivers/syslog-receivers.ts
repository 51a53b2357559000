import { readFileSync, truncateSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import type { Certificates } from './certificates.ts';
import { CLIENT_NAME } from './certificates.ts';
import {
  accepts,
  fillTemplate,
  freePorts,
  removeFolder,
  runFolder,
  startProgram,
  until,
} from './processes.ts';
import type { Running } from './processes.ts';
import { findProgram, RECEIVERS_FOLDER } from './receivers.ts';

/** One stored syslog line, as the receiver parsed it. */
export interface StoredLine {
  readonly pri: string;
  readonly time: string;
  readonly host: string;
  readonly app: string;
  readonly msgid: string;
  /** RFC 5424 structured data as text, "-" or empty without any. */
  readonly structured: string;
  /** MSG. rsyslog keeps a leading BOM, syslog-ng takes it off. */
  readonly text: string;
}

/** A running syslog receiver whose inputs each have a port and a file of their own. */
export interface SyslogReceiver<Input extends string> {
  readonly ports: Readonly<Record<Input, number>>;
  /** What the input stored so far. A line that is being written is left out. */
  stored(input: Input): readonly StoredLine[];
  /** Waits until the input holds at least `count` lines. */
  waitFor(input: Input, count: number): Promise<readonly StoredLine[]>;
  /** Forgets what is stored; the receiver keeps running. */
  clear(): void;
  readonly running: Running;
  stop(): Promise<void>;
}

/**
 * `tls` speaks through GnuTLS, `tls_openssl` through OpenSSL; both and `relp_tls` demand a client certificate of our
 * authority that names CLIENT_NAME. `lf` knows no octet counting.
 */
export type RsyslogInput = 'tcp' | 'lf' | 'tls' | 'tls_openssl' | 'udp' | 'relp' | 'relp_tls';

/** `tls` demands a client certificate of our authority. */
export type SyslogNgInput = 'tcp' | 'lf' | 'tls' | 'udp';

const START_LIMIT_MS = 20_000;
const STORED_WITHIN_MS = 20_000;

export async function startRsyslog(certificates: Certificates): Promise<SyslogReceiver<RsyslogInput>> {
  const first = await launchRsyslog(certificates);
  // Once in many runs it accepts connections and reads none of them for as long as it lives.
  if (await storesLines(first)) return first;
  await first.stop();
  const second = await launchRsyslog(certificates);
  if (await storesLines(second)) return second;
  throw new Error('rsyslog stores nothing');
}

async function storesLines(receiver: SyslogReceiver<RsyslogInput>): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port: receiver.ports.tcp });
  socket.on('error', () => {}); // then nothing is stored, which says enough
  socket.end('<13>1 - - - - - - ready\n');
  try {
    await receiver.waitFor('tcp', 1);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
    receiver.clear();
  }
}

async function launchRsyslog(certificates: Certificates): Promise<SyslogReceiver<RsyslogInput>> {
  const folder = runFolder('rsyslog');
  const ports = await freePorts('tcp', 'lf', 'tls', 'tls_openssl', 'udp', 'relp', 'relp_tls');
  const config = join(folder, 'rsyslog.conf');
  fillTemplate('rsyslog.conf', config, words(folder, ports, certificates));
  const command = findProgram('rsyslogd') ?? 'rsyslogd';
  const args = ['-n', '-f', config, '-i', join(folder, 'pid')];
  return receiver(folder, ports, await startSyslog(folder, ports, command, args));
}

/** From Debian's packages, unpacked beside the installed rsyslog, with which apt would not install it. */
export async function startSyslogNg(certificates: Certificates): Promise<SyslogReceiver<SyslogNgInput>> {
  const folder = runFolder('syslog-ng');
  const root = join(RECEIVERS_FOLDER, 'syslog-ng');
  const ports = await freePorts('tcp', 'lf', 'tls', 'udp');
  const config = join(folder, 'syslog-ng.conf');
  fillTemplate('syslog-ng.conf', config, words(folder, ports, certificates));
  const files = ['-R', join(folder, 'persist'), '-c', join(folder, 'control'), '-p', join(folder, 'pid')];
  const args = ['--no-caps', '-F', '-f', config, ...files, '--module-path', join(root, 'modules')];
  const running = await startSyslog(folder, ports, join(root, 'usr/sbin/syslog-ng'), args, {
    LD_LIBRARY_PATH: join(root, 'libraries'),
  });
  return receiver(folder, ports, running);
}

function words(
  folder: string,
  ports: Readonly<Record<string, number>>,
  certificates: Certificates,
): Record<string, string | number> {
  const { certFile, keyFile } = certificates.server;
  return { ...ports, folder, certFile, keyFile, caFile: certificates.caFile, clientName: CLIENT_NAME };
}

function startSyslog(
  folder: string,
  ports: Readonly<Record<string, number>>,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const streams = Object.entries(ports).filter(([input]) => input !== 'udp');
  return startProgram({
    command,
    args,
    env,
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: async () => (await Promise.all(streams.map(([, port]) => accepts(port)))).every(Boolean),
  });
}

function receiver<Input extends string>(
  folder: string,
  ports: Readonly<Record<Input, number>>,
  running: Running,
): SyslogReceiver<Input> {
  const fileOf = (input: string) => join(folder, `${input}.jsonl`);
  const stored = (input: Input) => readLines(fileOf(input)).map((line) => JSON.parse(line) as StoredLine);
  return {
    ports,
    running,
    stored,
    waitFor: async (input, count) => {
      await until(`${count} lines in ${input} (there are ${stored(input).length})`, STORED_WITHIN_MS, () => {
        return stored(input).length >= count;
      });
      return stored(input);
    },
    clear: () => {
      // Cut, not removed: rsyslog does not open a file again that it has open.
      for (const input of Object.keys(ports)) if (readText(fileOf(input)) !== '') truncateSync(fileOf(input));
    },
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** The finished lines of a file that another program is writing; none when there is no file yet. */
export function readLines(file: string): readonly string[] {
  return readText(file).split('\n').slice(0, -1);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
