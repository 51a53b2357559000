import { createHash } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Item } from '../../src/sinks/sink.ts';
import { parseAddress } from '../../src/sinks/syslog/address.ts';
import { frame } from '../../src/sinks/syslog/framing.ts';
import { renderMessage, safeBody } from '../../src/sinks/syslog/message.ts';
import type { MessageOptions } from '../../src/sinks/syslog/message.ts';
import { facilityNumber, priority } from '../../src/sinks/syslog/priority.ts';
import { prefix3164 } from '../../src/sinks/syslog/rfc3164.ts';
import { prefix5424 } from '../../src/sinks/syslog/rfc5424.ts';
import { HOSTILE_STRINGS, hostileItems, makeItem } from '../contract/items.ts';
import { parse5424, splitCounted } from '../fakes/syslog.ts';

/** Every kind of string there is: lone surrogates, controls, the hostile ones. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(...HOSTILE_STRINGS),
);
const anyHeader = fc.record({
  priority: fc.integer({ min: 0, max: 191 }),
  timeNs: fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 9_000_000_000_000_000_000n }),
  hostname: anyText,
  appName: anyText,
  procId: anyText,
  msgId: anyText,
});

const PLAIN: MessageOptions = {
  rfc: 5424,
  facility: 13,
  appName: 'cloudquery',
  hostname: undefined,
  procId: '-',
  maxMessageBytes: 8192,
  oversize: 'dead_letter',
  ascii: true,
  bom: false,
  structuredData: undefined,
};

function render(item: Item, options: Partial<MessageOptions> = {}): Buffer {
  const rendered = renderMessage(item, { ...PLAIN, ...options }, 1);
  if ('refused' in rendered) throw new Error(rendered.refused);
  return rendered.message;
}

function readFields(prefix: string): ReturnType<typeof parse5424> {
  return parse5424(Buffer.from(`${prefix}the body`));
}

describe('the RFC 5424 header', () => {
  it('has exactly its fields, whatever they are made of', () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        const parsed = readFields(prefix5424(header, []));
        expect(parsed.priority).toBe(header.priority);
        expect(parsed.elements).toEqual([]);
        expect(parsed.body).toBe('the body');
      }),
      { numRuns: 300 },
    );
  });

  it('leaves printable fields as they are, cuts at the limits and writes nothing as -', () => {
    const header = {
      priority: 110,
      timeNs: 1_700_000_000_123_456_789n,
      hostname: 'acme.example',
      appName: '',
    };
    const parsed = readFields(prefix5424({ ...header, procId: '[7]', msgId: 'a'.repeat(40) }, []));
    expect(parsed).toMatchObject({ hostname: 'acme.example', appName: '-', procId: '[7]' });
    expect(parsed.msgId).toBe('a'.repeat(32));
    expect(parsed.timestamp).toBe('2023-11-14T22:13:20.123456Z');
  });

  it('gives back the very values of structured data', () => {
    fc.assert(
      fc.property(anyHeader, fc.array(anyText, { maxLength: 4 }), (header, values) => {
        const params = values.map((value, index) => ({ name: `n${index}`, value }));
        const parsed = readFields(prefix5424(header, [{ id: 'cloudquery@4711', params }]));
        // The one documented change: what would end a line becomes a space, and a lone surrogate U+FFFD.
        const wanted = values.map((value) => value.toWellFormed().replace(/[\u0000-\u001f\u007f]/g, ' '));
        expect(parsed.elements).toEqual([
          { id: 'cloudquery@4711', params: wanted.map((value, index) => [`n${index}`, value]) },
        ]);
        expect(parsed.body).toBe('the body');
      }),
      { numRuns: 300 },
    );
  });

  it('keeps names of structured data inside their grammar', () => {
    fc.assert(
      fc.property(anyText, anyText, (id, name) => {
        const header = { priority: 1, timeNs: 0n, hostname: 'h', appName: 'a', procId: 'p', msgId: 'm' };
        const parsed = readFields(prefix5424(header, [{ id, params: [{ name, value: 'v' }] }]));
        expect(parsed.elements).toHaveLength(1);
        expect(parsed.elements[0]?.params).toHaveLength(1);
      }),
    );
  });
});

describe('a whole message', () => {
  it('carries the event in plain ASCII that reads back as the same JSON', () => {
    for (const item of hostileItems()) {
      const message = render(item);
      expect(message.every((byte) => byte >= 32 && byte < 127)).toBe(true);
      const { body } = parse5424(message);
      expect(JSON.parse(body ?? '')).toEqual(JSON.parse(item.body));
      const digits = /"number":([^}]*)/.exec(item.body)?.[1] ?? '';
      expect(body).toContain(digits);
    }
  });

  it('never holds a line break, also where a body should have one', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('json' as const, 'text' as const), (text, kind) => {
        const body = kind === 'json' ? JSON.stringify({ text }) : text;
        const item = makeItem(1, { id: text, eventType: text, body, kind });
        const structuredData = { sdId: 'cloudquery@4711', sequence: true };
        for (const options of [{}, { structuredData }, { ascii: false, bom: true }, { rfc: 3164 as const }]) {
          const message = render(item, { maxMessageBytes: 1_000_000, ...options });
          expect(message.includes(10)).toBe(false);
          expect(message.includes(13)).toBe(false);
          expect(message.includes(0)).toBe(false);
        }
      }),
    );
  });

  it('takes host, severity and type from the event, and the rest from the options', () => {
    const parsed = parse5424(render(makeItem(1, { eventType: 'API Key Deleted' }), { facility: 4 }));
    expect(parsed).toMatchObject({
      priority: 4 * 8 + 6,
      hostname: 'acme.mycloudquery.com',
      appName: 'cloudquery',
      procId: '-',
      msgId: 'API_Key_Deleted',
      timestamp: '2026-01-02T03:04:05.124456Z',
    });
    expect(parse5424(render(makeItem(1), { hostname: 'relay', procId: '77' }))).toMatchObject({
      hostname: 'relay',
      procId: '77',
    });
  });

  it('names the event and its number in structured data', () => {
    const item = makeItem(3);
    const structuredData = { sdId: 'cloudquery@4711', sequence: true };
    expect(parse5424(render(item, { structuredData })).elements).toEqual([
      { id: 'cloudquery@4711', params: [['event_id', item.canonical.id]] },
      { id: 'meta', params: [['sequenceId', '1']] },
    ]);
  });

  it('puts the byte order mark before the text when asked', () => {
    const item = makeItem(1, { body: '{"name":"Zoë"}' });
    expect(parse5424(render(item, { bom: true, ascii: false })).body).toBe('\ufeff{"name":"Zoë"}');
    expect(parse5424(render(item)).body).toBe('{"name":"Zo\\u00eb"}');
  });

  it('keeps the tabs that divide a LEEF line, and nothing else that is a control character', () => {
    expect(safeBody('LEEF:2.0|a\tb=c\r\nd\u0000e\u007f', 'text', true)).toBe('LEEF:2.0|a\tb=c\\r\\nd e ');
  });
});

describe('RFC 3164', () => {
  const header = {
    priority: 110,
    timeNs: 1_767_323_045_000_000_000n,
    hostname: 'acme.example',
    appName: 'cloud-query',
    procId: '-',
    msgId: 'x',
  };

  it('writes time in UTC, host and tag', () => {
    expect(prefix3164(header, '{}')).toBe('<110>Jan  2 03:04:05 acme.example cloudquery: ');
    expect(prefix3164({ ...header, procId: '77' }, '{}')).toBe(
      '<110>Jan  2 03:04:05 acme.example cloudquery[77]: ',
    );
  });

  it('lets CEF and LEEF be their own tag', () => {
    expect(prefix3164(header, 'CEF:0|a')).toBe('<110>Jan  2 03:04:05 acme.example ');
  });
});

describe('the size policy', () => {
  const bulky = {
    event_id: 'e-1',
    event: { id: 'e-1', action: 'user_login', original: 'ö'.repeat(4000) },
    number: 1,
    details: { small: true, sql: 'select '.repeat(900) },
  };

  function trimmed(item: Item, maxMessageBytes: number, options: Partial<MessageOptions> = {}): Buffer {
    const rendered = renderMessage(item, { ...PLAIN, ...options, oversize: 'trim', maxMessageBytes }, 1);
    if ('refused' in rendered) throw new Error(rendered.refused);
    expect(rendered.trimmed).toBe(true);
    expect(rendered.message.length).toBeLessThanOrEqual(maxMessageBytes);
    return rendered.message;
  }

  it('refuses a larger message with its size, by default', () => {
    const item = makeItem(1, { padding: 9000 });
    const rendered = renderMessage(item, PLAIN, 1);
    expect(rendered).toMatchObject({
      refused: expect.stringMatching(/has \d{4} bytes, max_message_bytes is 8192/) as string,
    });
  });

  it('drops the bulky fields, keeps the rest, and says so', () => {
    const body = JSON.stringify(bulky).replace('"number":1', '"number":9007199254740993');
    const item = makeItem(1, { id: 'e-1', body });
    const text = parse5424(trimmed(item, 2048)).body ?? '';
    expect(text).toContain('"number":9007199254740993');
    const document = JSON.parse(text) as Record<string, unknown>;
    expect(document).toMatchObject({
      event_id: 'e-1',
      event: { id: 'e-1', action: 'user_login' },
      details: { small: true },
      auditferry: {
        truncated: true,
        event_id: 'e-1',
        original_sha256: createHash('sha256').update(item.canonical.originalText).digest('hex'),
        dropped: ['event.original', 'details.sql'],
        dropped_count: 2,
      },
    });
  });

  it('fits any document into its room or refuses it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.integer({ min: 480, max: 900 }),
        (value, room) => {
          const item = makeItem(1, { id: 'e-1', body: JSON.stringify({ ...value, pad: 'x'.repeat(1000) }) });
          const message = trimmed(item, room);
          const document = JSON.parse(parse5424(message).body ?? '') as { auditferry: object };
          expect(document.auditferry).toMatchObject({ truncated: true, event_id: 'e-1' });
        },
      ),
    );
  });

  it('drops many small fields at once', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index]));
    const message = trimmed(makeItem(1, { id: 'e-1', body: JSON.stringify(many) }), 2048);
    expect(message.length).toBeGreaterThan(1500);
  });

  it('cuts whole pairs from the end of a CEF line', () => {
    const cef = `CEF:0|CloudQuery|Platform|1|login|Login|3|src=203.0.113.7 msg=a b ${'cs1=ü\\=x '.repeat(300)}`;
    const item = makeItem(1, { id: 'e-1', body: cef, kind: 'text' });
    const { body } = parse5424(trimmed(item, 1024));
    expect(body).toMatch(
      /^CEF:0\|.*\|src=203\.0\.113\.7 msg=a b (cs1=ü\\=x )+truncated=true originalId=e-1 originalSha256=[0-9a-f]{64}$/,
    );
  });

  it('refuses a line that it cannot cut without breaking it', () => {
    const item = makeItem(1, { id: 'e-1', body: `CEF:0|${'x'.repeat(3000)}|a=b`, kind: 'text' });
    const rendered = renderMessage(item, { ...PLAIN, oversize: 'trim', maxMessageBytes: 1024 }, 1);
    expect(rendered).toMatchObject({ refused: expect.stringContaining('cannot be trimmed') as string });
  });
});

describe('framing', () => {
  it('is read back by a strict octet counter, in pieces of any size', () => {
    const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 50 }), (found, step) => {
        const bytes = Buffer.concat(found.map((one) => frame(Buffer.from(one), 'octet_counting')));
        const problems: string[] = [];
        const split = splitCounted(problems);
        const read: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += step)
          read.push(...split.take(bytes.subarray(at, at + step)));
        split.finish();
        expect(problems).toEqual([]);
        expect(read.map((one) => one.toString('hex'))).toEqual(
          found.map((one) => Buffer.from(one).toString('hex')),
        );
      }),
    );
  });

  it('counts octets, not characters', () => {
    expect(frame(Buffer.from('Zoë'), 'octet_counting').toString()).toBe('4 Zoë');
    expect(frame(Buffer.from('Zoë'), 'lf').toString()).toBe('Zoë\n');
  });
});

describe('priority and address', () => {
  it('knows facilities by name and number', () => {
    expect([facilityNumber('audit'), facilityNumber('local7'), facilityNumber(4)]).toEqual([13, 23, 4]);
    expect(priority(13, 'informational')).toBe(110);
    expect(priority(13, 'critical')).toBe(106);
  });

  it('reads the five protocols and IPv6 in brackets', () => {
    expect(parseAddress('tls://siem:6514')).toMatchObject({ protocol: 'tls', host: 'siem', port: 6514 });
    expect(parseAddress('udp://[2001:db8::5]:514')).toMatchObject({ host: '2001:db8::5', port: 514 });
    expect(parseAddress('relp+tls://10.0.0.1:2514')).toMatchObject({ protocol: 'relp+tls' });
  });

  it.each([
    'siem:514',
    'tcp://siem',
    'tcp://siem:0',
    'tcp://siem:70000',
    'http://siem:1',
    'tcp://a b:1',
    'tcp://[::1:5',
  ])('refuses %s', (text) => {
    expect(() => parseAddress(text)).toThrow(/not a syslog address/);
  });
});
