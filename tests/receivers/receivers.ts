import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

/** The real receivers that the tests of this folder know. */
export type ReceiverName =
  | 'rsyslog'
  | 'syslog-ng'
  | 'opensearch'
  | 'secured opensearch'
  | 'elasticsearch'
  | 'collector'
  | 'promtool'
  | 'haproxy'
  | 'nginx'
  | 'moto'
  | 'versitygw'
  | 'victorialogs'
  | 'parquet readers'
  | 'kafka'
  | 'postgresql'
  | 'newer postgresql'
  | 'pgbouncer';

/** Versions of what .ci/receivers.sh unpacks; the names of its folders. */
export const OPENSEARCH_FOLDER = 'opensearch-2.19.1';
/** The same with its security plugin: a node of its own, since one without users is tested as well. */
export const SECURED_OPENSEARCH_FOLDER = `${OPENSEARCH_FOLDER}-security`;
export const KAFKA_FOLDER = 'kafka-4.2.2';
export const ELASTICSEARCH_FOLDER = 'elasticsearch-8.19.0';
/** A second PostgreSQL, newer than Debian's. */
export const POSTGRESQL_FOLDER = 'postgresql-18.4.0-beta.17';

/** Where .ci/receivers.sh put what no package manager installs. */
export const RECEIVERS_FOLDER = resolve(
  process.env['RECEIVERS_DIR'] ?? join(import.meta.dirname, '../../.receivers'),
);

/** What is missing before this receiver can run, in words; undefined when it can. */
export function missing(name: ReceiverName): string | undefined {
  return [...NEEDS[name], program('openssl')].find((need) => !need.met())?.what;
}

/**
 * True when every one of these receivers can run. Otherwise says on standard error what is missing and returns false, for
 * describe.runIf, so that the tests count as skipped; with REQUIRE_RECEIVERS=1 it throws instead.
 */
export function available(...names: readonly ReceiverName[]): boolean {
  for (const name of names) {
    const what = missing(name);
    if (what === undefined) continue;
    const sentence = `${name} is not installed (no ${what}): run .ci/receivers.sh as root on Debian 12`;
    if (process.env['REQUIRE_RECEIVERS'] === '1') throw new Error(sentence);
    process.stderr.write(`skipped: ${sentence}\n`);
    return false;
  }
  return true;
}

/** Finds a program as the shell would, and in the folders that only root usually has in its path. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => executable(path));
}

/** Where the programs of the newest PostgreSQL are: Debian keeps them out of the path. */
export function postgresFolder(): string | undefined {
  const all = '/usr/lib/postgresql';
  const versions = existsSync(all) ? readdirSync(all).toSorted((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(all, version, 'bin')).find((bin) => executable(join(bin, 'initdb')));
}

/** The folder of the Java that the search engines run on: they want 17 or later and carry none. */
export function javaHome(): string | undefined {
  const java = findProgram('java');
  if (java === undefined) return undefined;
  return dirname(dirname(realpathSync(java)));
}

interface Need {
  readonly what: string;
  met(): boolean;
}

const program = (name: string): Need => ({
  what: `program ${name}`,
  met: () => findProgram(name) !== undefined,
});

const unpacked = (path: string): Need => ({
  what: join(RECEIVERS_FOLDER, path),
  met: () => existsSync(join(RECEIVERS_FOLDER, path)),
});

/** rsyslog's parts come in packages of their own: lmnsd_gtls.so, lmnsd_ossl.so, imrelp.so. */
const rsyslogModule = (name: string): Need => ({
  what: `rsyslog module ${name}`,
  met: () =>
    readdirSync('/usr/lib').some((folder) => existsSync(join('/usr/lib', folder, 'rsyslog', `${name}.so`))),
});

const NEEDS: Readonly<Record<ReceiverName, readonly Need[]>> = {
  rsyslog: [
    program('rsyslogd'),
    rsyslogModule('lmnsd_gtls'),
    rsyslogModule('lmnsd_ossl'),
    rsyslogModule('imrelp'),
  ],
  'syslog-ng': [unpacked('syslog-ng/usr/sbin/syslog-ng')],
  opensearch: [unpacked(`${OPENSEARCH_FOLDER}/bin/opensearch`), program('java')],
  'secured opensearch': [
    unpacked(`${SECURED_OPENSEARCH_FOLDER}/plugins/opensearch-security`),
    program('java'),
  ],
  elasticsearch: [unpacked(`${ELASTICSEARCH_FOLDER}/bin/elasticsearch`), program('java')],
  collector: [unpacked('collector/hec-receiver')],
  promtool: [unpacked('promtool')],
  moto: [unpacked('moto/bin/moto_server')],
  versitygw: [unpacked('versitygw')],
  victorialogs: [unpacked('victoria-logs')],
  'parquet readers': [unpacked('parquet/bin/python')],
  kafka: [unpacked(`${KAFKA_FOLDER}/complete`), program('java')],
  haproxy: [program('haproxy')],
  nginx: [program('nginx')],
  postgresql: [{ what: 'PostgreSQL', met: () => postgresFolder() !== undefined }, program('setpriv')],
  'newer postgresql': [unpacked(`${POSTGRESQL_FOLDER}/complete`), program('setpriv')],
  pgbouncer: [program('pgbouncer')],
};

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run: look further
  }
}
