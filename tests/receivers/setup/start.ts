/**
 * Starts one real receiver by hand, prints where it listens, and stops it on Ctrl-C:
 * `node tests/receivers/setup/start.ts rsyslog`.
 */
import { once } from 'node:events';

import { makeCertificates } from '../certificates.ts';
import type { Certificates } from '../certificates.ts';
import { startCollector } from '../collector.ts';
import { startKafka, WRITER } from '../kafka.ts';
import { missing } from '../receivers.ts';
import type { ReceiverName } from '../receivers.ts';
import {
  ADMIN_NAME,
  startElasticsearch,
  startOpenSearch,
  startSecuredOpenSearch,
} from '../search-receivers.ts';
import type { SearchReceiver } from '../search-receivers.ts';
import { startRsyslog, startSyslogNg } from '../syslog-receivers.ts';

interface Started {
  readonly about: unknown;
  stop(): Promise<void>;
}

type Start = (certificates: Certificates) => Promise<Started>;

const describePorts = async (
  starting: Promise<{ readonly ports: unknown; stop(): Promise<void> }>,
): Promise<Started> => {
  const receiver = await starting;
  return { about: receiver.ports, stop: () => receiver.stop() };
};

const describeNode = async (starting: Promise<SearchReceiver>): Promise<Started> => {
  const receiver = await starting;
  const { url, password } = receiver;
  return { about: { url, user: ADMIN_NAME, password }, stop: () => receiver.stop() };
};

const describeKafka: Start = async (certificates) => {
  const kafka = await startKafka({ certificates });
  const { brokers, secured } = kafka;
  return { about: { brokers, secured, user: WRITER }, stop: () => kafka.stop() };
};

const STARTS: Readonly<Partial<Record<ReceiverName, Start>>> = {
  rsyslog: (certificates) => describePorts(startRsyslog(certificates)),
  'syslog-ng': (certificates) => describePorts(startSyslogNg(certificates)),
  collector: (certificates) => describePorts(startCollector(certificates)),
  opensearch: () => describeNode(startOpenSearch()),
  'secured opensearch': (certificates) => describeNode(startSecuredOpenSearch(certificates)),
  elasticsearch: (certificates) => describeNode(startElasticsearch(certificates)),
  kafka: describeKafka,
};

await main(process.argv[2] as ReceiverName);

async function main(name: ReceiverName): Promise<void> {
  const start = STARTS[name];
  if (start === undefined) return fail(`name one of: ${Object.keys(STARTS).join(', ')}`);
  const lacking = missing(name);
  if (lacking !== undefined) return fail(`${name} is not installed: no ${lacking}; run .ci/receivers.sh`);
  const certificates = makeCertificates();
  try {
    const started = await start(certificates);
    const about = { listening: started.about, certificates: certificates.folder };
    process.stdout.write(`${JSON.stringify(about, null, 2)}\nCtrl-C stops it.\n`);
    // Signals do not keep a program running; an open timer does.
    const alive = setInterval(() => undefined, 60_000);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    clearInterval(alive);
    await started.stop();
  } finally {
    certificates.remove();
  }
}

function fail(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 2;
}
