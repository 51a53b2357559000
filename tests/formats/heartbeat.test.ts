import { describe, expect, it } from 'vitest';

import {
  heartbeatEvent,
  heartbeatHash,
  readHeartbeat,
  renderHeartbeat,
  signedText,
} from '../../src/formats/heartbeat.ts';
import type { Format } from '../../src/formats/format.ts';
import { formats } from '../../src/formats/registry.ts';
import { createSeal, openSeal } from '../../src/formats/seal.ts';
import type { Json } from '../../src/model/event.ts';
import { HEARTBEAT } from '../contract/items.ts';
import { ORIGIN } from './events.ts';
import { parseCef, parseLeef } from './parsers.ts';
import { ecsFaults, ocsfFaults, type Document } from './validators.ts';

const created = formats.map((definition): Format => definition.create({}));
function formatOf(name: string): Format {
  const found = created.find((format) => format.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

const signed = { ...HEARTBEAT, key: '0123456789abcdef', signature: 'a+b/c==' };

function record(format: Format): { body: string; record: Json } {
  const body = renderHeartbeat(signed, format, ORIGIN);
  return { body, record: format.kind === 'text' ? body : (JSON.parse(body) as Json) };
}

describe.each(created.map((format) => [format.name, format] as const))(
  'a heartbeat in %s',
  (_name, format) => {
    it('is one line, is read again whole, and is no sealed event', () => {
      const { body, record: one } = record(format);
      expect(body).not.toMatch(/[\r\n]/);
      expect(readHeartbeat(one)).toEqual(signed);
      expect(openSeal(one)).toBeNull();
    });

    it('does not say what searches for audit events look for', () => {
      const { body } = record(format);
      expect(body).not.toMatch(/CloudQuery|cloudquery|"kind":"event"|user_login/);
    });
  },
);

describe('a heartbeat', () => {
  const of = (name: string): string => record(formatOf(name)).body;

  it('keeps to the schemas', () => {
    expect(ocsfFaults(JSON.parse(of('ocsf')) as Document, '1.8.0')).toEqual([]);
    const { auditferry_heartbeat: _, ...ecs } = JSON.parse(of('ecs')) as Document;
    // In the stream of the audit events, and a data set of its own: that is how a search tells it.
    expect(ecsFaults(ecs)).toEqual(['data sets differ']);
    expect(parseCef(of('cef')).header.slice(1, 5)).toEqual([
      'auditferry',
      'auditferry',
      '0.1.0',
      'auditferry.heartbeat',
    ]);
    expect(parseLeef(of('leef')).header).toContain('auditferry.heartbeat');
  });

  it('is not read from an event that holds one', () => {
    const body = JSON.stringify({
      id: 'x',
      created_at: '2026-01-02T03:04:05Z',
      auditferry_heartbeat: signed,
    });
    const { body: sealed } = createSeal({ name: 'raw', kind: 'json' }, '0123456789abcdef')(body, {
      seq: 9n,
      id: 'x',
    });
    expect(openSeal(JSON.parse(sealed) as Json)).toMatchObject({ seq: 9, content: 'intact' });
  });

  it('is not read from what lacks a member or has another kind of value', () => {
    for (const change of [
      { version: 2 },
      { number: -1 },
      { seqs: 7 },
      { previous: 7 },
      { ordered: 'yes' },
      { signature: 1 },
    ])
      expect(readHeartbeat({ auditferry_heartbeat: { ...signed, ...change } })).toBeNull();
    expect(readHeartbeat({ auditferry_heartbeat: 'no JSON' })).toBeNull();
  });

  it('is signed over everything but its signature, and named by everything', () => {
    expect(signedText({ ...signed, signature: 'other' })).toBe(signedText(signed));
    expect(signedText({ ...signed, events: 4 })).not.toBe(signedText(signed));
    expect(heartbeatHash({ ...signed, signature: 'other' })).not.toBe(heartbeatHash(signed));
  });

  it('has the same id each time it is sent, and the time at which it was closed', () => {
    expect(heartbeatEvent(signed).id).toBe(`auditferry-heartbeat:${signed.stream}:${signed.number}`);
    expect(heartbeatEvent(signed).createdNs).toBe(BigInt(Date.parse(signed.closed_at)) * 1_000_000n);
  });
});
