import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cloudIdUrl } from '../../../src/sinks/elastic/cloud-id.ts';
import { bulkDocument, documentId, documentSource } from '../../../src/sinks/elastic/document.ts';
import { readItems, shortReason } from '../../../src/sinks/elastic/fates.ts';
import { isElasticAtLeast } from '../../../src/sinks/elastic/flavour.ts';
import { auditMappings } from '../../../src/sinks/elastic/mappings.ts';
import { readTarget, templatePattern } from '../../../src/sinks/elastic/target.ts';
import {
  componentTemplate,
  indexTemplate,
  ownership,
  planName,
} from '../../../src/sinks/elastic/templates.ts';
import { textRoom } from '../../../src/model/text-room.ts';
import type { Item } from '../../../src/sinks/sink.ts';
import { BODY_MARK, HOSTILE_STRINGS, makeItem } from '../../contract/items.ts';

/** UTF-16 units of any kind, half surrogates among them. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

const encode = (text: string) => Buffer.from(text).toString('base64');

describe('a Cloud ID', () => {
  it.each([
    [`name:${encode('eu.example.com$abc$kib')}`, 'https://abc.eu.example.com/'],
    [`a:b:${encode('eu.example.com:9243$abc$kib')}`, 'https://abc.eu.example.com:9243/'],
    [encode('eu.example.com:9243$abc:9244$kib'), 'https://abc.eu.example.com:9244/'],
    [`two:${encode('eu.example.com$abc')}`, 'https://abc.eu.example.com/'],
  ])('%s names its cluster', (cloudId, url) => {
    expect(cloudIdUrl(cloudId).href).toBe(url);
  });

  it.each([
    '',
    'x:',
    `x:${encode('eu.example.com')}`,
    `x:${encode('evil.com/$a$b')}`,
    `x:${encode('h$u@evil$b')}`,
    `x:${encode('h:99999$a$b')}`,
    `x:${encode('h$a#$b')}`,
  ])('%j is refused', (cloudId) =>
    expect(() => cloudIdUrl(cloudId)).toThrow(expect.objectContaining({ kind: 'config' }) as Error),
  );
});

describe('the document of an item', () => {
  const time = { createdAt: '2026-01-02T03:04:05.123456789Z' };
  const sourceOf = (body: string, kind: 'json' | 'text' = 'json') =>
    documentSource(makeItem(1, { ...time, body, kind }));

  it('gets an @timestamp without being written anew', () => {
    expect(sourceOf('{"n":9007199254740993,"f":1.10}')).toBe(
      '{"@timestamp":"2026-01-02T03:04:05.123456789Z","n":9007199254740993,"f":1.10}',
    );
    expect(sourceOf('{}')).toBe('{"@timestamp":"2026-01-02T03:04:05.123456789Z"}');
    expect(sourceOf('{ "nested":{"@timestamp":"x"}}')).toBe(
      '{"@timestamp":"2026-01-02T03:04:05.123456789Z","nested":{"@timestamp":"x"}}',
    );
  });

  it('keeps an @timestamp of its own, wherever it stands', () => {
    for (const body of [
      '{"@timestamp":"2026-01-01T00:00:00Z","a":1}',
      '{"a":1,"@timestamp":"2026-01-01T00:00:00Z"}',
    ]) {
      expect(sourceOf(body)).toBe(body);
    }
  });

  it('wraps a line of text', () => {
    const source = sourceOf('CEF:0|a "b" \\ \ud800', 'text');
    expect(JSON.parse(source)).toEqual({
      '@timestamp': '2026-01-02T03:04:05.123456789Z',
      message: 'CEF:0|a "b" \\ \ufffd',
      event: { id: makeItem(1).canonical.id },
    });
  });

  it('replaces half surrogates, written or escaped, and nothing that only looks like one', () => {
    expect(sourceOf('{"@timestamp":"x","a":"\\ud800 \\uDFFF \\ud83d\\ude00 \\\\ud800 \ud800"}')).toBe(
      '{"@timestamp":"x","a":"\\ufffd \\ufffd \\ud83d\\ude00 \\\\ud800 \ufffd"}',
    );
  });

  it.each([
    ['with its time in front', '{"@timestamp":"x","n":12345678901234567890}'],
    ['with its time elsewhere', '{"a":1,"@timestamp":"x"}'],
    ['without its time', '{"a":"\u20ac"}'],
    ['with a line break', '{"@timestamp":"x",\n"a":1}'],
    ['with half a character, escaped', '{"@timestamp":"x","a":"\\uD800"}'],
    ['that is none', '"@timestamp"'],
  ])('is the same from bytes as from text: a document %s', (_, body) => {
    const item = makeItem(1, { body });
    const linesOf = (one: Item): string =>
      bulkDocument(one, 0, readTarget(undefined, undefined), textRoom()).lines.toString();
    expect(linesOf({ ...item, utf8: Buffer.from(body) })).toBe(linesOf(item));
  });

  it('is always two lines of well-formed JSON, whatever the id holds', () => {
    const texts = fc.oneof(anyText, fc.constantFrom(...HOSTILE_STRINGS));
    fc.assert(
      fc.property(texts, texts, (id, text) => {
        const item = makeItem(1, { id, body: JSON.stringify({ text }) });
        const { lines } = bulkDocument(item, 0, readTarget(undefined, undefined), textRoom());
        const [action, source, ...rest] = lines.toString().split('\n');
        expect(rest).toEqual(['']);
        expect(JSON.parse(action ?? '')).toEqual({ create: { _id: documentId(id) } });
        expect(JSON.parse(source ?? '')).toMatchObject({ text: text.toWellFormed() });
      }),
      { numRuns: 200 },
    );
  });

  it('has an id of at most 512 bytes', () => {
    expect(documentId('x'.repeat(512))).toBe('x'.repeat(512));
    expect(documentId('é'.repeat(257))).toMatch(/^[0-9a-f]{64}$/);
    expect(documentId('')).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the answer to a bulk request', () => {
  it('is not believed without a status for every item', () => {
    expect(readItems({ items: [{ create: { status: 201 } }] }, 2)).toBeNull();
    expect(readItems({ items: [{ create: { _index: 'x' } }] }, 1)).toBeNull();
    expect(readItems({ errors: false }, 1)).toBeNull();
    expect(readItems('<html>', 0)).toEqual([]);
  });

  it('counts an index of the failure store as diverted, even without the word', () => {
    expect(
      readItems({ items: [{ create: { status: 201, _index: '.fs-logs-x-2026.01.02-000001' } }] }, 1),
    ).toEqual([{ kind: 'diverted' }]);
  });

  it.each([
    [
      'no permissions for [indices:data/write/bulk[s], indices:data/write/index] and User [name=ana SECRET, backend_roles=[x], requestedTenant=null]',
      'no permissions for … (indices:data/write/bulk[s], indices:data/write/index)',
    ],
    [
      'action [indices:data/write/bulk[s]] is unauthorized for user [SECRET] with effective roles [x] on indices [a], this action is granted by the index privileges [create_doc,index,all]',
      'action … is unauthorized (granted by the index privileges [create_doc,index,all], indices:data/write/bulk[s])',
    ],
  ])('says which privilege is missing, and not who is told so: %s', (reason, said) => {
    expect(shortReason('security_exception', reason)).toBe(`security_exception: ${said}`);
  });

  it.each([
    [
      "[1:233] failed to parse field [user.email] of type [ip] in document with id 'SECRET'. Preview of field's value: 'SECRET'",
      'user.email',
    ],
    [
      'failed to parse date field [SECRET] with format [strict_date_optional_time]',
      'failed to parse date field',
    ],
    ['For input string: "SECRET"', 'For input string'],
    [
      "object mapping for [a.b] tried to parse field [a.b] as object, but found a concrete value SECRET: 'SECRET'",
      'a.b',
    ],
    ['mapping set to strict, dynamic introduction of [extra] within [user] is not allowed', 'extra, user'],
  ])('gives the reason %j without what the document holds', (reason, kept) => {
    const short = shortReason('some_exception', reason.replaceAll('value SECRET', 'value'));
    expect(short).toContain('some_exception');
    expect(short).toContain(kept);
    expect(short).not.toContain('SECRET');
  });

  it('gives alike reasons for alike faults', () => {
    const at = (place: number, value: string) =>
      shortReason('t', `[${place}:9] failed to parse field [a] of type [ip] in document with id '${value}'`);
    expect(at(1, 'x')).toBe(at(77, BODY_MARK));
  });
});

describe('templates', () => {
  const plan = {
    product: 'elasticsearch',
    pattern: 'logs-a-*',
    dataStream: true,
    retention: '9d',
    lifecycle: 'stream',
  } as const;

  it('are recognized as unchanged after the cluster has tidied them, and as changed after a person has', () => {
    const template = indexTemplate(plan);
    const tidied = {
      ...template,
      data_stream: { hidden: false, allow_custom_routing: false },
      template: {
        settings: { index: { mapping: { total_fields: { limit: '2000' } } } },
        lifecycle: { data_retention: '9d', enabled: true },
      },
    };
    expect(ownership(tidied)).toBe('unchanged');
    expect(ownership({ ...tidied, priority: 251 })).toBe('changed');
    expect(ownership({ ...tidied, template: { ...tidied.template, mappings: { properties: {} } } })).toBe(
      'changed',
    );
    expect(ownership({ ...tidied, _meta: undefined })).toBe('foreign');
    expect(ownership(undefined)).toBe('foreign');
    expect(ownership(componentTemplate('opensearch'))).toBe('unchanged');
  });

  it('carry a name of their own per pattern', () => {
    expect(planName(plan)).toBe('auditferry-logs-a');
    expect(planName({ pattern: templatePattern(readTarget(undefined, 'audit-{yyyy.MM}')) })).toBe(
      'auditferry-audit',
    );
    expect(templatePattern(readTarget('logs-cloudquery.audit-prod', undefined))).toBe(
      'logs-cloudquery.audit-*',
    );
    expect(templatePattern(readTarget('mine', undefined))).toBe('mine');
  });

  it('keep free-form members out of the mapping', () => {
    const typeOf = (product: 'elasticsearch' | 'opensearch') => JSON.stringify(auditMappings(product));
    expect(typeOf('elasticsearch')).toContain('"event_details":{"type":"flattened"');
    expect(typeOf('opensearch')).toContain('"event_details":{"type":"flat_object"');
    expect(typeOf('opensearch')).not.toContain('match_only_text');
  });
});

describe('versions', () => {
  it('are compared by number, and Serverless counts as new', () => {
    const of = (version: string | null, serverless = false) =>
      ({ product: 'elasticsearch', version, serverless }) as const;
    expect(isElasticAtLeast(of('8.9.0'), 8, 14)).toBe(false);
    expect(isElasticAtLeast(of('8.14.0'), 8, 14)).toBe(true);
    expect(isElasticAtLeast(of('10.0.0'), 8, 14)).toBe(true);
    expect(isElasticAtLeast(of('8.11.0', true), 8, 14)).toBe(true);
    expect(isElasticAtLeast(of(null), 8, 14)).toBe(true);
  });
});
