import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cimFormat } from '../../../src/formats/cim.ts';
import {
  createEnvelope,
  envelopeText,
  epochSeconds,
  eventFields,
  originFields,
} from '../../../src/sinks/splunk/envelope.ts';
import type { CanonicalEvent } from '../../../src/formats/format.ts';
import { HOSTILE_STRINGS, makeItem } from '../../contract/items.ts';
import { readConcatenated } from '../../fakes/concatenated-json.ts';
import { canonicalOf, generatedEvents, ORIGIN } from '../../formats/events.ts';
import { createCanonicalize } from '../../../src/formats/canonical.ts';

const SETTINGS = {
  index: 'audit',
  host: undefined,
  source: undefined,
  sourcetype: 'cloudquery:platform:audit',
};

/** The fields that an event carries of its own. */
function own(event: CanonicalEvent): Readonly<Record<string, string>> {
  return JSON.parse(`{${eventFields(event, ORIGIN)}}`) as Readonly<Record<string, string>>;
}

describe('an envelope', () => {
  it('carries the metadata, the document as it is, and the id as an indexed field', () => {
    const body = '{"n":9007199254740993,"e":1e400,"s":"\\ud83d\\ude00"}';
    const item = makeItem(7, { id: 'id-7', body, createdAt: '2026-01-02T03:04:05.123456Z' });
    expect(envelopeText(createEnvelope(SETTINGS)(item))).toBe(
      '{"time":1767323045.123,"host":"acme.mycloudquery.com","source":"cloudquery:audit-logs:v2",' +
        `"sourcetype":"cloudquery:platform:audit","index":"audit","event":${body},` +
        '"fields":{"cloudquery_instance":"acme.mycloudquery.com","event_id":"id-7",' +
        '"cloudquery_event_type":"user_login","cloudquery_severity":"informational"}}',
    );
  });

  it('takes the bytes of a document where they are at hand, and only JSON as it is', () => {
    const json = makeItem(1, { body: '{"a":"\u20ac"}' });
    const text = makeItem(2, { body: 'CEF:0|\u20ac "', kind: 'text' });
    for (const item of [json, text]) {
      const bytes = { ...item, utf8: Buffer.from(item.body) };
      const envelope = createEnvelope(SETTINGS);
      expect(envelopeText(envelope(bytes))).toBe(envelopeText(envelope(item)));
    }
  });

  it('leaves the index out where none is set, and takes the operator’s words', () => {
    const settings = { index: undefined, host: 'h "1"', source: 's', sourcetype: 't' };
    const parsed = JSON.parse(envelopeText(createEnvelope(settings)(makeItem(1)))) as Record<string, unknown>;
    expect(Object.keys(parsed)).toEqual(['time', 'host', 'source', 'sourcetype', 'event', 'fields']);
    expect(parsed).toMatchObject({ host: 'h "1"', source: 's', sourcetype: 't' });
  });

  it('replaces half a surrogate pair in a document, which UTF-8 cannot carry', () => {
    const line = envelopeText(createEnvelope(SETTINGS)(makeItem(1, { body: '{"text":"\ud800"}' })));
    expect(line).toContain('"event":{"text":"\ufffd"}');
  });

  it('is one well-formed line with nothing but the seven keys, whatever the text holds', () => {
    const hostile = fc.oneof(fc.constantFrom(...HOSTILE_STRINGS), fc.string({ unit: 'binary' }));
    const property = fc.property(hostile, hostile, hostile, (text, id, label) => {
      const item = makeItem(1, { id, body: text, kind: 'text', labels: { [label]: text } });
      const line = envelopeText(createEnvelope(SETTINGS)(item));
      expect(line.isWellFormed()).toBe(true);
      expect(line).not.toMatch(/[\n\r]/);
      const [object, ...rest] = readConcatenated(line);
      expect(rest).toEqual([]);
      expect(Object.keys(object?.value ?? {})).toEqual([
        'time',
        'host',
        'source',
        'sourcetype',
        'index',
        'event',
        'fields',
      ]);
      expect(object?.value['event']).toBe(text.toWellFormed());
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe('indexed fields', () => {
  it('are flat strings with allowed names; labels never replace ours', () => {
    const labels = {
      env: 'prod',
      'cost center': 'x',
      '1st': 'y',
      _raw: 'z',
      event_id: 'forged',
      empty: '',
      __proto__x: 'p',
    };
    const item = makeItem(1, { id: 'the-id', labels });
    expect({ ...originFields(item.origin), ...own(item.canonical) }).toEqual({
      env: 'prod',
      cost_center: 'x',
      label_1st: 'y',
      label__raw: 'z',
      label_event_id: 'forged',
      label___proto__x: 'p',
      event_id: 'the-id',
      cloudquery_instance: 'acme.mycloudquery.com',
      cloudquery_event_type: 'user_login',
      cloudquery_severity: 'informational',
    });
  });
});

describe('labels', () => {
  const fieldsOf = (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
    const { canonical, origin } = makeItem(1, { labels });
    return { ...originFields(origin), ...own(canonical) };
  };

  it.each([
    'host',
    'source',
    'sourcetype',
    'index',
    'time',
    'linecount',
    'punct',
    'timestamp',
    'eventtype',
    'tag',
    'splunk_server',
  ])('named %s, as Splunk’s own fields are, are set apart', (name) => {
    const fields = fieldsOf({ [name]: 'mine' });
    expect(fields).toMatchObject({ [`label_${name}`]: 'mine' });
    expect(fields).not.toHaveProperty(name);
  });

  it('named like any field of the event itself are set apart', () => {
    const said = {
      event_type: 'user_role_updated',
      is_success: false,
      user_ip_address: '203.0.113.7',
      team_name: 't',
    };
    const details = { target_user: 'bob@acme.example', reason: 'r', old_roles: ['A'], new_roles: ['B'] };
    const events = [
      ...generatedEvents(300, 3).map(createCanonicalize()),
      canonicalOf({ ...said, event_details: details }),
      canonicalOf({
        ...said,
        event_type: 'login_failed',
        user: { id: 'u', email: 'a@b.example', name: 'A', provider: 'saml', roles: ['R'] },
      }),
    ];
    const names = new Set(
      events.flatMap((event) =>
        Object.keys(JSON.parse(cimFormat.create({}).render(event, ORIGIN)) as object),
      ),
    );
    names.delete('event_id'); // indexed on purpose, with the same value
    expect(names.size).toBeGreaterThan(40);
    const fields = fieldsOf(Object.fromEntries([...names].map((name) => [name, 'mine'])));
    for (const name of names) expect(fields).toMatchObject({ [`label_${name}`]: 'mine' });
    expect(Object.keys(fields).filter((name) => names.has(name))).toEqual([]);
  });

  it('that would then share a name keep one each', () => {
    expect(fieldsOf({ host: 'a', label_host: 'b', region: 'c' })).toMatchObject({
      label_host: 'a',
      label_label_host: 'b',
      region: 'c',
    });
  });
});

describe('time', () => {
  it.each([
    [1767323045123456789n, '1767323045.123'],
    [1767323045000000000n, '1767323045.000'],
    [9_999_999n, '0.009'],
    [0n, '0.000'],
    [-1_500_000_000n, '-1.500'],
  ])('of %s ns is %s', (ns, text) => {
    expect(epochSeconds(ns)).toBe(text);
  });

  it('never lies by more than a millisecond', () => {
    const property = fc.property(fc.bigInt({ min: 0n, max: 9_000_000_000_000_000_000n }), (ns) => {
      const [seconds = '', fraction = ''] = epochSeconds(ns).split('.');
      const back = BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * 1_000_000n;
      expect(ns - back >= 0n && ns - back < 1_000_000n).toBe(true);
    });
    fc.assert(property);
  });
});
