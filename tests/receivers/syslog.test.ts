import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Item } from '../../src/sinks/sink.ts';
import { headerField } from '../../src/sinks/syslog/rfc5424.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { available } from './receivers.ts';
import { deliver, hostile, idsOf, openSyslog, refusal, tlsOf } from './sinks.ts';
import type { StoredLine, SyslogReceiver } from './syslog-receivers.ts';
import { startRsyslog, startSyslogNg } from './syslog-receivers.ts';
import type { RsyslogInput, SyslogNgInput } from './syslog-receivers.ts';

const SD = { structured_data: { enterprise_id: 32473 } };
const MANY = 1500;
/** Of RFC 5424. */
const MSGID_LIMIT = 32;

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

/** Every event once, its document as sent, its id in the structured data. */
function expectStored(lines: readonly StoredLine[], items: readonly Item[]): void {
  const byId = new Map(lines.map((line) => [(JSON.parse(line.text) as { event_id: string }).event_id, line]));
  expect(lines.length).toBe(items.length);
  expect([...byId.keys()].toSorted()).toEqual(idsOf(items).toSorted());
  for (const item of items) {
    const line = byId.get(item.canonical.id);
    expect(JSON.parse(line?.text ?? '')).toEqual(JSON.parse(item.body));
    expect(numbersIn(line?.text ?? '')).toEqual(numbersIn(item.body));
    expect(line?.structured).toContain(`event_id="${item.canonical.id}"`);
    expect(line?.msgid).toBe(headerField(item.canonical.classification.eventType, MSGID_LIMIT));
  }
}

/** The digits as they stand in the document: parsing would round them. */
function numbersIn(json: string): readonly string[] {
  return [...json.matchAll(/"number":([-+.0-9eE]+)/g)].map((match) => match[1] ?? '');
}

describe.runIf(available('rsyslog'))('rsyslog', () => {
  let receiver: SyslogReceiver<RsyslogInput>;
  beforeAll(async () => {
    receiver = await startRsyslog(certificates);
  });
  afterAll(() => receiver.stop());

  const ways: readonly (readonly [RsyslogInput, string, boolean])[] = [
    ['tcp', 'tcp', false],
    ['tls', 'tls', true],
    ['tls_openssl', 'tls', true],
    ['udp', 'udp', false],
    ['relp', 'relp', false],
    ['relp_tls', 'relp+tls', true],
  ];
  it.each(ways)('stores hostile events unharmed and once: %s', async (input, protocol, tls) => {
    const items = hostile(9000);
    const sink = openSyslog(`${protocol}://localhost:${receiver.ports[input]}`, {
      ...SD,
      allow_lossy: true,
      ...(tls ? { tls: tlsOf(certificates, certificates.client) } : {}),
    });
    const delivery = await deliver(sink, items);
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    expectStored(await receiver.waitFor(input, items.length), items);
  });

  it('stores hostile events unharmed and once: LF framing', async () => {
    const items = hostile(9000);
    const sink = openSyslog(`tcp://localhost:${receiver.ports.lf}`, { ...SD, framing: 'lf' });
    await deliver(sink, items);
    await sink.close();
    expectStored(await receiver.waitFor('lf', items.length), items);
  });

  it.each(['tcp', 'relp'] as const)(`stores ${MANY} events once, in three batches: %s`, async (input) => {
    receiver.clear();
    const sink = openSyslog(`${input}://localhost:${receiver.ports[input]}`, SD);
    const items = makeItems(MANY);
    for (let first = 0; first < MANY; first += 500) await deliver(sink, items.slice(first, first + 500));
    await sink.close();
    expect(sink.delivery).toBe(input === 'relp' ? 'confirmed' : 'sent');
    expectStored(await receiver.waitFor(input, MANY), items);
  });

  it('reads RFC 3164 messages and lines of text', async () => {
    receiver.clear();
    const sink = openSyslog(`tcp://localhost:${receiver.ports.tcp}`, { rfc: 3164 });
    const text = 'CEF:0|CloudQuery|Platform|1|user_login|Login|3|externalId=1 msg=a\\=b\u0000\n"é☃"';
    await deliver(sink, [makeItem(1, { body: text, kind: 'text' })]);
    await sink.close();
    const [line] = await receiver.waitFor('tcp', 1);
    // Documented: in lines of text a control character becomes a space and a line break the two characters \n.
    // A CEF line stands where RFC 3164 has its tag, so that rsyslog takes "CEF:" for one.
    expect(`${line?.app}:${line?.text}`).toBe(text.replace('\u0000', ' ').replace('\n', '\\n'));
  });

  it.each(['tls', 'tls_openssl', 'relp_tls'] as const)(
    'lets nobody in without our certificate: %s',
    async (input) => {
      receiver.clear();
      const protocol = input === 'relp_tls' ? 'relp+tls' : 'tls';
      for (const client of [undefined, certificates.foreign]) {
        const sink = openSyslog(`${protocol}://localhost:${receiver.ports[input]}`, {
          tls: tlsOf(certificates, client),
        });
        const error = await refusal(sink, makeItems(5));
        expect(['denied', 'transient']).toContain(error.kind);
        await sink.close();
      }
      expect(receiver.stored(input)).toEqual([]);
    },
  );

  it.each(['tls', 'relp_tls'] as const)(
    'is not trusted when another authority is expected: %s',
    async (input) => {
      receiver.clear();
      const protocol = input === 'relp_tls' ? 'relp+tls' : 'tls';
      const sink = openSyslog(`${protocol}://localhost:${receiver.ports[input]}`, {
        tls: { ...tlsOf(certificates, certificates.client), ca_file: certificates.foreignCaFile },
      });
      expect((await refusal(sink, makeItems(5))).kind).toBe('denied');
      await sink.close();
      expect(receiver.stored(input)).toEqual([]);
    },
  );
});

describe.runIf(available('syslog-ng'))('syslog-ng', () => {
  let receiver: SyslogReceiver<SyslogNgInput>;
  beforeAll(async () => {
    receiver = await startSyslogNg(certificates);
  });
  afterAll(() => receiver.stop());

  it.each(['tcp', 'lf', 'tls', 'udp'] as const)(
    'stores hostile events unharmed and once: %s',
    async (input) => {
      const items = hostile(9000);
      const protocol = input === 'lf' ? 'tcp' : input;
      const sink = openSyslog(`${protocol}://localhost:${receiver.ports[input]}`, {
        ...SD,
        allow_lossy: true,
        ...(input === 'lf' ? { framing: 'lf' } : {}),
        ...(input === 'tls' ? { tls: tlsOf(certificates, certificates.client) } : {}),
      });
      const delivery = await deliver(sink, items);
      await sink.close();
      expect(delivery.deadLetters).toEqual([]);
      expectStored(await receiver.waitFor(input, items.length), items);
    },
  );

  it(`stores ${MANY} events once, in three batches`, async () => {
    receiver.clear();
    const sink = openSyslog(`tcp://localhost:${receiver.ports.tcp}`, SD);
    const items = makeItems(MANY);
    for (let first = 0; first < MANY; first += 500) await deliver(sink, items.slice(first, first + 500));
    await sink.close();
    expectStored(await receiver.waitFor('tcp', MANY), items);
  });

  it('lets nobody in without our certificate', async () => {
    receiver.clear();
    for (const client of [undefined, certificates.foreign]) {
      const sink = openSyslog(`tls://localhost:${receiver.ports.tls}`, { tls: tlsOf(certificates, client) });
      expect((await refusal(sink, makeItems(5))).kind).toBe('denied');
      await sink.close();
    }
    expect(receiver.stored('tls')).toEqual([]);
  });
});
