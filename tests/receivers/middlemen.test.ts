import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { ForwardError } from '../../src/model/errors.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { makeItems } from '../contract/items.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { startCollector } from './collector.ts';
import type { Collector } from './collector.ts';
import { startHaproxy, startNginx } from './middlemen.ts';
import type { Haproxy, HttpFault, Nginx, TcpFault } from './middlemen.ts';
import { until } from './processes.ts';
import { available } from './receivers.ts';
import { startOpenSearch } from './search-receivers.ts';
import type { SearchReceiver } from './search-receivers.ts';
import {
  deliver,
  idsOf,
  openElasticsearch,
  openOtlp,
  openSplunk,
  openSyslog,
  refusal,
  tlsOf,
} from './sinks.ts';
import type { SyslogReceiver } from './syslog-receivers.ts';
import { startRsyslog } from './syslog-receivers.ts';
import type { RsyslogInput } from './syslog-receivers.ts';

const EVENTS = 40;
const STORED_WITHIN_MS = 10_000;
const MAX_BODY_BYTES = 20_000;
/** Shorter than the silence of a dropped connection. */
const SHORT = { request_timeout: 1_500 };

let certificates: Certificates;
/** Accepts connections and never says a word. */
let silent: Server;
beforeAll(async () => {
  certificates = makeCertificates();
  silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  silent.close();
  certificates.remove();
});

/** A sink type with its receiver behind the middlemen. */
interface Bench {
  readonly port: number;
  open(url: string, tls?: ReturnType<typeof tlsOf>): Sink;
  /** Ids that the receiver holds by now, repeats included. */
  held(): Promise<readonly string[]>;
  readonly neverRepeats: boolean;
}

function httpFaults(open: () => Bench): void {
  let bench: Bench;
  let haproxy: Haproxy;
  let nginx: Nginx;
  let first = 1;
  beforeAll(async () => {
    bench = open();
    haproxy = await startHaproxy({ httpPort: bench.port, tcpPort: bench.port });
    nginx = await startNginx(certificates, {
      upstream: `http://127.0.0.1:${bench.port}`,
      silentPort: (silent.address() as AddressInfo).port,
      maxBodyBytes: MAX_BODY_BYTES,
    });
  });
  afterAll(async () => {
    await haproxy.stop();
    await nginx.stop();
  });
  afterEach(() => haproxy.setHttpFault('none'));

  /** New events each time, so that what is stored can be counted per test. */
  const fresh = (padding = 10) => {
    first += 1000;
    return makeItems(EVENTS, { padding }, first);
  };
  const expectHeld = async (ids: readonly string[], repeatsAllowed: boolean) => {
    const ofTest = async () => (await bench.held()).filter((id) => ids.includes(id));
    await until(
      `${ids.length} events`,
      STORED_WITHIN_MS,
      async () => new Set(await ofTest()).size >= ids.length,
    );
    const held = await ofTest();
    expect([...new Set(held)].toSorted()).toEqual([...ids].toSorted());
    if (!repeatsAllowed || bench.neverRepeats) expect(held.length).toBe(ids.length);
  };

  const transients: readonly HttpFault[] = [
    'busy_seconds',
    'busy_date',
    'throttled',
    'broken',
    'html_page',
    'closed',
    'dropped',
    'tarpit',
    'stopped',
  ];
  it.each(transients)('loses and dead-letters nothing: %s', async (fault) => {
    const items = fresh();
    const sink = bench.open(`http://127.0.0.1:${haproxy.ports.http}`);
    await haproxy.setHttpFault(fault);
    const errors: ForwardError[] = [];
    const delivery = await deliver(sink, items, async (error) => {
      errors.push(error);
      if (errors.length === 2) await haproxy.setHttpFault('none');
    });
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    if (fault === 'busy_seconds' || fault === 'throttled') expect(errors[0]?.retryAfterMs).toBe(2000);
    if (fault === 'busy_date') expect(errors[0]?.retryAfterMs).toBeGreaterThan(0);
    // The fault struck before the receiver saw anything, so that nothing may be there twice.
    await expectHeld(idsOf(items), false);
  });

  it('gets everything through a middleman that refuses two requests of five', async () => {
    const items = fresh();
    const sink = bench.open(`http://127.0.0.1:${haproxy.ports.http}`);
    await haproxy.setHttpFault('random');
    for (let from = 0; from < EVENTS; from += 5) {
      const delivery = await deliver(sink, items.slice(from, from + 5), () => undefined);
      expect(delivery.deadLetters).toEqual([]);
    }
    await sink.close();
    await expectHeld(idsOf(items), true);
  });

  it('holds on 401', async () => {
    const sink = bench.open(`http://127.0.0.1:${haproxy.ports.http}`);
    await haproxy.setHttpFault('unauthorized');
    expect((await refusal(sink, fresh())).kind).toBe('denied');
    await sink.close();
  });

  it('splits on nginx’s 413', async () => {
    const items = fresh(2_000);
    const sink = bench.open(`http://127.0.0.1:${nginx.ports.too_large}`);
    const delivery = await deliver(sink, items);
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    await expectHeld(idsOf(items), false);
  });

  it.each(['bad_gateway', 'gateway_timeout'] as const)('tries again on nginx’s %s', async (port) => {
    const sink = bench.open(`http://127.0.0.1:${nginx.ports[port]}`);
    expect((await refusal(sink, fresh())).kind).toBe('transient');
    await sink.close();
  });

  it('gets everything through nginx’s rate limit', async () => {
    const items = fresh();
    const sink = bench.open(`http://127.0.0.1:${nginx.ports.throttled}`);
    const delivery = await deliver(sink, items, () => undefined);
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    await expectHeld(idsOf(items), true);
  });

  it.each(['expired', 'wrong_name', 'client_certificate'] as const)(
    'holds on a bad certificate: %s',
    async (port) => {
      const sink = bench.open(`https://localhost:${nginx.ports[port]}`, tlsOf(certificates));
      expect((await refusal(sink, fresh())).kind).toBe('denied');
      await sink.close();
    },
  );

  it.each(['good_tls', 'client_certificate'] as const)('delivers through nginx’s TLS: %s', async (port) => {
    const items = fresh();
    const sink = bench.open(
      `https://localhost:${nginx.ports[port]}`,
      tlsOf(certificates, certificates.client),
    );
    await deliver(sink, items);
    await sink.close();
    await expectHeld(idsOf(items), false);
  });
}

describe.runIf(available('haproxy', 'nginx', 'collector'))('splunk_hec behind middlemen', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector(certificates);
  });
  afterAll(() => collector.stop());
  httpFaults(() => ({
    port: collector.ports.hec,
    open: (url, tls) =>
      openSplunk(url, { compress: 'none', ...SHORT, ...(tls === undefined ? {} : { tls }) }),
    held: async () => collector.stored('hec').map((entry) => String(entry.attributes['event_id'])),
    neverRepeats: false,
  }));
});

describe.runIf(available('haproxy', 'nginx', 'collector'))('otlp behind middlemen', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector(certificates);
  });
  afterAll(() => collector.stop());
  httpFaults(() => ({
    port: collector.ports.otlp,
    open: (url, tls) => openOtlp(url, { compress: 'none', ...SHORT, ...(tls === undefined ? {} : { tls }) }),
    held: async () => collector.stored('otlp').map((entry) => String(entry.attributes['log.record.uid'])),
    neverRepeats: false,
  }));
});

describe.runIf(available('haproxy', 'nginx', 'opensearch'))('elasticsearch behind middlemen', () => {
  let opensearch: SearchReceiver;
  beforeAll(async () => {
    opensearch = await startOpenSearch();
    await opensearch.call('PUT', '/audit-faults');
  });
  afterAll(() => opensearch.stop());
  httpFaults(() => ({
    port: Number(new URL(opensearch.url).port),
    open: (url, tls) =>
      openElasticsearch(url, {
        index: 'audit-faults',
        flavour: 'opensearch',
        compress: 'none',
        ...SHORT,
        ...(tls === undefined ? {} : { tls }),
      }),
    held: async () => (await opensearch.documents('audit-faults')).map((document) => document.id),
    neverRepeats: true,
  }));
});

describe.runIf(available('haproxy', 'rsyslog'))('syslog behind a middleman', () => {
  const inputs = ['tcp', 'relp'] as const satisfies readonly RsyslogInput[];
  let receiver: SyslogReceiver<RsyslogInput>;
  let haproxies: Readonly<Record<(typeof inputs)[number], Haproxy>>;
  beforeAll(async () => {
    receiver = await startRsyslog(certificates);
    const start = (input: RsyslogInput) =>
      startHaproxy({ httpPort: receiver.ports[input], tcpPort: receiver.ports[input] });
    haproxies = { tcp: await start('tcp'), relp: await start('relp') };
  });
  afterAll(async () => {
    await Promise.all(Object.values(haproxies).map((one) => one.stop()));
    await receiver.stop();
  });

  const storedIds = (input: RsyslogInput) =>
    receiver.stored(input).map((line) => (JSON.parse(line.text) as { event_id: string }).event_id);

  const faults: readonly TcpFault[] = ['refused', 'stopped', 'dropped'];
  it.each(inputs.flatMap((input) => faults.map((fault) => [input, fault] as const)))(
    'loses nothing: %s, %s',
    async (input, fault) => {
      receiver.clear();
      const haproxy = haproxies[input];
      await haproxy.setTcpFault(fault);
      // haproxy gives a stopped backend up after three seconds: its close must not pass for the receiver's.
      const closeTimeout = fault === 'stopped' ? 10_000 : 1_500;
      const options = { timeout: 1_500, close_timeout: closeTimeout, connect_timeout: 1_500 };
      const sink = openSyslog(`${input}://127.0.0.1:${haproxy.ports.tcp}`, options);
      const items = makeItems(EVENTS);
      let failures = 0;
      const delivery = await deliver(sink, items, async () => {
        failures += 1;
        if (failures === 2) await haproxy.setTcpFault('none');
      });
      await sink.close();
      expect(delivery.deadLetters).toEqual([]);
      expect(failures).toBeGreaterThanOrEqual(2);
      await receiver.waitFor(input, EVENTS);
      expect(new Set(storedIds(input))).toEqual(new Set(idsOf(items)));
    },
  );

  it.each(inputs)('loses nothing when connections are cut in the middle of a batch: %s', async (input) => {
    receiver.clear();
    const haproxy = haproxies[input];
    const sink = openSyslog(`${input}://127.0.0.1:${haproxy.ports.tcp}`);
    const items = makeItems(4000, { padding: 500 });
    const sending = deliver(sink, items, () => undefined);
    await receiver.waitFor(input, 50);
    await haproxy.cutConnections();
    const delivery = await sending;
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    await receiver.waitFor(input, items.length);
    expect(new Set(storedIds(input))).toEqual(new Set(idsOf(items)));
  });
});
