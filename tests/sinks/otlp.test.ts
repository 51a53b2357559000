import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { CanonicalEvent } from '../../src/formats/format.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { otlp as bare } from '../../src/sinks/otlp.ts';
import type { OtlpOptions } from '../../src/sinks/otlp/options.ts';
import type { Item, Receipt, Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { BODY_MARK, hostileItems, makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeReceiver, FaultFront } from '../fakes/faults.ts';
import { fakeOtlp } from '../fakes/otlp.ts';
import type { FakeOtlp, FakeOtlpOptions } from '../fakes/otlp.ts';

const otlp = guardSink(bare);

/** UTF-16 units of any kind, half surrogates among them. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

const TOKEN = 'Bearer otlp-token-51c7';

sinkContract({
  name: 'otlp',
  unsupported: { partial: 'a partial success is final: what it refuses is refused for good' },
  reactions: { server_error: ['denied'] }, // the protocol forbids to send it again at once: held, not dropped
  open: async (context, clock) => {
    const fake = fakeOtlp({ authorization: TOKEN });
    const front = await openFaultFront(fake.receive, { clock });
    const options = optionsFor(front.url.href, {
      headers: { Authorization: Secret.of(TOKEN) },
      include_original: true,
    });
    const sink = otlp.create(options, context);
    return {
      sink,
      delivered: () => idsIn(fake),
      receivedBody: (id) => {
        const record = fake.records.find(({ attributes }) => attributes['log.record.uid'] === id);
        return String(record?.attributes['log.record.original']);
      },
      arm: front.arm,
      echo: front.echo,
      heal: front.heal,
      hits: front.hits,
      poison: (ids) => ids.forEach((id) => fake.poison.add(id)),
      secretTexts: [TOKEN, 'otlp-token-51c7'],
      close: async () => {
        await sink.close();
        await front.close();
      },
    };
  },
});

function optionsFor(url: string, wishes: Partial<OtlpOptions> = {}): OtlpOptions {
  return {
    url,
    encoding: 'protobuf',
    headers: {},
    compress: 'gzip',
    request_timeout: 30_000,
    resource: {},
    include_original: false,
    ...wishes,
  };
}

function idsIn(fake: FakeOtlp): readonly string[] {
  return fake.records.map((record) => String(record.attributes['log.record.uid']));
}

interface Bench {
  readonly sink: Sink;
  readonly fake: FakeOtlp;
  readonly front: FaultFront;
}

async function onBench(
  wishes: {
    readonly receiver?: FakeOtlpOptions;
    readonly sink?: Partial<OtlpOptions>;
    readonly behind?: FakeReceiver;
  },
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  const clock = testClock();
  const fake = fakeOtlp(wishes.receiver);
  const front = await openFaultFront(wishes.behind ?? fake.receive, { clock });
  const context = { name: 'otlp', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  const sink = otlp.create(optionsFor(front.url.href, wishes.sink), context);
  try {
    await run({ sink, fake, front });
  } finally {
    await sink.close();
    await front.close();
  }
}

function send(sink: Sink, items: readonly Item[]): Promise<Receipt> {
  return sink.send({ items, attempt: 1 }, new AbortController().signal);
}

function outcomes(receipt: Receipt): readonly string[] {
  return receipt.fates.map((fate) => fate.outcome);
}

async function failureOf(work: Promise<unknown>): Promise<ForwardError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForwardError)) throw new Error('no ForwardError was thrown', { cause: error });
  return error;
}

/** An event in which everything that can be stated is stated. */
function fullItem(wishes: Partial<CanonicalEvent> = {}): Item {
  const item = makeItem(7, { createdAt: '2026-01-02T03:04:05.123456789Z', labels: { env: 'prod' } });
  const canonical: CanonicalEvent = {
    ...item.canonical,
    outcome: 'failure',
    severity: 'low',
    reason: 'invalid password',
    actor: {
      id: 'u1',
      email: 'ana@acme.example',
      name: 'Ana Admin',
      type: 'admin',
      roles: [{ name: 'Admin' }, { id: 'nameless' }],
      provider: 'saml',
      mfaConfigured: false,
    },
    entityName: 'nightly \ud800',
    entityId: 'e1',
    target: { id: 't1', email: 'bob@acme.example' },
    changedAttributes: ['name'],
    team: 'acme',
    details: { deep: [1, null, { '': '\u0000' }] },
    ...wishes,
  };
  return { ...item, canonical, origin: { ...item.origin, platformVersion: '1.42.0', tenantId: 'tenant-1' } };
}

describe.each(['json', 'protobuf'] as const)('otlp records as %s', (encoding) => {
  it('carry everything that the event states, in the fields of the conventions', async () => {
    await onBench(
      { sink: { encoding, resource: { 'deployment.environment.name': 'prod' } } },
      async ({ sink, fake }) => {
        expect(outcomes(await send(sink, [fullItem()]))).toEqual(['delivered']);
        const [record] = fake.records;
        expect(record).toMatchObject({
          timeUnixNano: '1767323045123456789',
          observedTimeUnixNano: '1767323046000000000',
          severityNumber: 13,
          severityText: 'WARN',
          eventName: 'cloudquery.platform.audit',
          body: 'User Login by ana@acme.example on "nightly \ufffd" from 203.0.113.7 (failure)',
          scope: { name: 'auditferry', version: '0.0.0-test' },
          resource: {
            'service.name': 'cloudquery-platform',
            'service.namespace': 'cloudquery',
            'service.instance.id': 'acme.mycloudquery.com',
            'service.version': '1.42.0',
            'cloudquery.tenant.id': 'tenant-1',
            'cloudquery.api.version': 'v2',
            env: 'prod',
            'deployment.environment.name': 'prod',
          },
        });
        expect(record?.attributes).toEqual({
          'log.record.uid': fullItem().canonical.id,
          'client.address': '203.0.113.7',
          'user.id': 'u1',
          'user.name': 'ana@acme.example',
          'user.email': 'ana@acme.example',
          'user.full_name': 'Ana Admin',
          'user.roles': ['Admin'],
          'server.address': 'acme.mycloudquery.com',
          'error.type': 'invalid_credentials',
          'cloudquery.audit.reason': 'invalid password',
          'cloudquery.audit.event_type': 'user_login',
          'cloudquery.audit.domain': 'auth',
          'cloudquery.audit.object_type': 'session',
          'cloudquery.audit.verb': 'login',
          'cloudquery.audit.outcome': 'failure',
          'cloudquery.audit.severity': 'low',
          'cloudquery.audit.entity.display_name': 'nightly \ufffd',
          'cloudquery.audit.entity.id': 'e1',
          'cloudquery.audit.target_user.id': 't1',
          'cloudquery.audit.target_user.email': 'bob@acme.example',
          'cloudquery.audit.changed_attributes': ['name'],
          'cloudquery.audit.team.name': 'acme',
          'cloudquery.audit.user.provider': 'saml',
          'cloudquery.audit.user.mfa_configured': false,
          'cloudquery.audit.event_details': '{"deep":[1,null,{"":"\\u0000"}]}',
        });
      },
    );
  });

  it('survive any text and any time', async () => {
    await onBench({ sink: { encoding, compress: 'none' } }, async ({ sink, fake }) => {
      const items = fc.sample(fc.record({ text: anyText, ns: fc.bigInt(-5n, 2n ** 63n) }), {
        numRuns: 150,
        seed: 7,
      });
      const events = items.map(({ text, ns }, place) => {
        const item = fullItem({ reason: text, entityName: text, createdNs: ns, team: text });
        return { ...item, canonical: { ...item.canonical, id: `id-${place}` } };
      });
      expect(outcomes(await send(sink, events))).toEqual(events.map(() => 'delivered'));
      events.forEach(({ canonical }, place) => {
        const received = fake.records[place];
        expect(received?.timeUnixNano).toBe(String(canonical.createdNs < 0n ? 0n : canonical.createdNs));
        const team = canonical.team === '' ? undefined : canonical.team?.toWellFormed();
        expect(received?.attributes['cloudquery.audit.team.name']).toBe(team);
      });
    });
  });

  it('isolate the events behind a 400 and settle the rest', async () => {
    await onBench({ sink: { encoding } }, async ({ sink, fake }) => {
      const items = makeItems(16);
      fake.poison.add(items[5]?.canonical.id ?? '');
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(items.map((_, place) => (place === 5 ? 'rejected' : 'delivered')));
      expect(receipt.fates[5]).toMatchObject({ reason: 'refused with 400: a record cannot be stored' });
      expect(fake.records).toHaveLength(15);
    });
  });

  it('are sent one by one when a partial success does not say which were refused', async () => {
    await onBench({ sink: { encoding }, receiver: { refusal: 'partial' } }, async ({ sink, fake, front }) => {
      const items = makeItems(6);
      fake.poison.add(items[2]?.canonical.id ?? '');
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(items.map((_, place) => (place === 2 ? 'rejected' : 'delivered')));
      expect(receipt.notice).toContain('one by one');
      expect(new Set(idsIn(fake)).size).toBe(5);
      expect(fake.records).toHaveLength(10); // the price: five events twice, each pair under one id
      expect(front.requests).toHaveLength(7);
    });
  });

  it('are all known to be refused when the partial success counts all of them', async () => {
    await onBench({ sink: { encoding }, receiver: { refusal: 'partial' } }, async ({ sink, fake, front }) => {
      const items = makeItems(3);
      for (const { canonical } of items) fake.poison.add(canonical.id);
      expect(outcomes(await send(sink, items))).toEqual(['rejected', 'rejected', 'rejected']);
      expect(front.requests).toHaveLength(1);
    });
  });

  it('bring a warning of the receiver into the notice', async () => {
    await onBench({ sink: { encoding }, receiver: { warning: 'attribute x is old' } }, async ({ sink }) => {
      expect((await send(sink, makeItems(2))).notice).toContain('attribute x is old');
    });
  });
});

describe('otlp requests', () => {
  it.each([
    ['service.instance.id', 'acme.mycloudquery.com', { instance: 'other.example' }],
    ['service.version', undefined, { platformVersion: '1.43.0' }],
    ['cloudquery.tenant.id', undefined, { tenantId: 'tenant-2' }],
    ['cloudquery.api.version', 'v2', { apiVersion: 'v1' as const }],
  ])('keep origins apart as resources that differ in %s', async (attribute, usual, difference) => {
    await onBench({}, async ({ sink, fake }) => {
      const other = makeItem(2);
      await send(sink, [makeItem(1), { ...other, origin: { ...other.origin, ...difference } }]);
      expect(fake.records.map((record) => record.resource[attribute])).toEqual([
        usual,
        Object.values(difference)[0],
      ]);
    });
  });

  it('carry the original only when asked', async () => {
    await onBench({}, async ({ sink, front }) => {
      await send(sink, hostileItems());
      expect(front.requests[0]?.body.toString('latin1')).not.toContain(BODY_MARK);
    });
  });

  it('are split at the size behind a 413, and one record alone is rejected for it', async () => {
    await onBench(
      { receiver: { maxBytes: 8000 }, sink: { include_original: true } },
      async ({ sink, fake }) => {
        const items = [...makeItems(20), makeItem(40, { padding: 9000 })];
        const receipt = await send(sink, items);
        expect(outcomes(receipt)).toEqual(items.map((_, place) => (place === 20 ? 'rejected' : 'delivered')));
        expect(fake.records).toHaveLength(20);
      },
    );
  });

  it.each([
    [401, 'denied', false],
    [403, 'denied', false],
    [404, 'denied', false],
    [408, 'denied', true],
    [500, 'denied', true],
    [429, 'transient', false],
    [502, 'transient', true],
    [503, 'transient', false],
    [504, 'transient', true],
  ] as const)('answered with %i throw %s, ambiguous %s', async (status, kind, ambiguous) => {
    await onBench({ behind: () => ({ status, headers: { 'retry-after': '9' } }) }, async ({ sink }) => {
      const error = await failureOf(send(sink, makeItems(2)));
      expect([error.kind, error.ambiguous, error.retryAfterMs]).toEqual([kind, ambiguous, 9000]);
    });
  });

  it.each([
    ['a page', 'text/html', '<html>'],
    ['a cut message', 'application/x-protobuf', '\x0a\x7f'],
    ['another protocol', 'application/json', '["ok"]'],
    ['a count that is none', 'application/json', '{"partialSuccess":{"rejectedLogRecords":"many"}}'],
    ['plain text', 'text/plain', 'ok'],
  ])('answered 200 with %s are not believed', async (_title, type, body) => {
    await onBench(
      { behind: () => ({ status: 200, headers: { 'content-type': type }, body }) },
      async ({ sink }) => {
        const error = await failureOf(send(sink, makeItems(2)));
        expect([error.kind, error.ambiguous]).toEqual(['transient', true]);
      },
    );
  });

  it('believe no other success status that comes with a body', async () => {
    await onBench({ behind: () => ({ status: 260, body: 'blocked' }) }, async ({ sink }) => {
      expect((await failureOf(send(sink, makeItems(1)))).kind).toBe('transient');
    });
  });

  it('are a token of an OAuth 2 server where one is named', async () => {
    const server = await openFaultFront(
      () => ({ status: 200, body: JSON.stringify({ access_token: 'given-token-1', expires_in: 300 }) }),
      { clock: testClock() },
    );
    const oauth2 = {
      token_url: server.url.href,
      client_id: 'ferry',
      client_secret: Secret.of('client-word'),
    };
    await onBench(
      { receiver: { authorization: 'Bearer given-token-1' }, sink: { auth: { oauth2 } } },
      async ({ sink, fake }) => {
        await send(sink, makeItems(2));
        await send(sink, makeItems(1));
        expect(fake.records).toHaveLength(3);
      },
    );
    expect(server.requests).toHaveLength(1);
    await server.close();
  });

  it('read changed credentials again', async () => {
    let token = 'Bearer old';
    const headers = { authorization: new Secret(() => token) };
    await onBench(
      { receiver: { authorization: 'Bearer new' }, sink: { headers } },
      async ({ sink, fake }) => {
        expect((await failureOf(send(sink, makeItems(1)))).kind).toBe('denied');
        const report = await sink.check(new AbortController().signal);
        expect(report.items.map((item) => item.outcome)).toEqual(['fail']);
        token = 'Bearer new';
        expect(sink.credentialReplaced?.()).toBe(true);
        await send(sink, makeItems(1));
        expect(fake.records).toHaveLength(1);
      },
    );
  });
});

describe('otlp configuration', () => {
  it('refuses headers that are its own or cannot be sent, and credentials in the address', () => {
    const headers = {
      'Content-Type': Secret.of('x'),
      'x-key': Secret.of('a\nb: c'),
      'x-fine': Secret.of('y'),
    };
    const found = otlp.validate?.(optionsFor('http://user:pass@collector', { headers }));
    expect(found?.map(({ path }) => path)).toEqual(['url', 'headers.Content-Type', 'headers.x-key']);
    expect(JSON.stringify(found)).not.toMatch(/pass@|b: c/);
  });

  it('appends the path of the logs signal only where there is none', async () => {
    const seen: string[] = [];
    const behind: FakeReceiver = ({ path }) => {
      seen.push(path);
      return { status: 200 };
    };
    await onBench({ behind }, async ({ sink, front }) => {
      await send(sink, makeItems(1));
      const context = { name: 'o', warn: () => undefined, clock: testClock(), forwarderVersion: '0' };
      const own = otlp.create(optionsFor(`${front.url.href}otlp/v1/logs`), context);
      await send(own, makeItems(1));
      await own.close();
    });
    expect(seen).toEqual(['/v1/logs', '/otlp/v1/logs']);
  });
});
