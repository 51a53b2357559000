import { describe, expect, it } from 'vitest';

import { createCanonicalize } from '../../src/formats/canonical.ts';
import type { Format } from '../../src/formats/format.ts';
import { idOfLine } from '../../src/formats/line-ids.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import { formats } from '../../src/formats/registry.ts';
import { createSeal, openSeal, streamOf } from '../../src/formats/seal.ts';
import type { Json } from '../../src/model/event.ts';
import { generatedEvents, journaled, ORIGIN } from './events.ts';
import { ocsfFaults, type Document } from './validators.ts';

const STREAM = streamOf('installation', 'archive');
const canonicalize = createCanonicalize();
const created = formats.map((definition): Format => definition.create({}));
const EVENTS = generatedEvents(150, 12).map((event, index) => ({ ...event, seq: BigInt(index + 1) }));

const FIRST = {
  ...journaled('{"id":"first","created_at":"2026-01-02T03:04:05Z","event_type":"user_login"}'),
  seq: 7n,
};

function sealed(format: Format, event = FIRST): { body: string; digest: string } {
  const canonical = canonicalize(event);
  return createSeal(format, STREAM)(format.render(canonical, ORIGIN), canonical);
}

/** As it is read from an export. */
function recordOf(format: Format, body: string): Json {
  return format.kind === 'text' ? body : (JSON.parse(body) as Json);
}

/** Written again by a store: the keys in another order, blanks in between, everything escaped that can be. */
function rewritten(value: Json): Json {
  const turned = (one: Json): Json => {
    if (Array.isArray(one)) return (one as readonly Json[]).map(turned);
    if (typeof one !== 'object' || one === null) return one;
    return Object.fromEntries(
      Object.entries(one as { readonly [key: string]: Json })
        .reverse()
        .map(([key, member]) => [key, turned(member)]),
    );
  };
  const text = JSON.stringify(turned(value), null, 2).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return JSON.parse(text) as Json;
}

describe.each(created.map((format) => [format.name, format] as const))('a seal in %s', (name, format) => {
  it('is read again from any event, and says that it is intact', () => {
    for (const event of EVENTS) {
      const { body, digest } = sealed(format, event);
      const record = recordOf(format, body);
      const wanted = { stream: STREAM, seq: Number(event.seq), digest, content: 'intact' };
      expect(openSeal(record), body).toEqual(wanted);
      expect(idOfLine(body)).toEqual(idOfLine(format.render(canonicalize(event), ORIGIN)));
      if (typeof record !== 'string') expect(openSeal(rewritten(record))).toEqual(wanted);
    }
  });

  it('shows a change of anything that the record says, its seq included', () => {
    const event = journaled(
      JSON.stringify({
        id: 'e1',
        created_at: '2026-01-02T03:04:05Z',
        event_type: 'user_login',
        is_success: true,
      }),
      { seq: 41n },
    );
    const { body } = sealed(format, event);
    for (const [what, by] of [
      ['41', '42'],
      ['e1', 'e2'],
      ['user_login', 'user_logout'],
    ] as const) {
      const changed = body.replace(what, by);
      expect(changed, `${name} says ${what}`).not.toBe(body);
      expect(openSeal(recordOf(format, changed))?.content).toBe('changed');
    }
  });

  it('is none without its text', () => {
    const { body } = sealed(format);
    const bare = body.replaceAll(/auditferry_?[sS]eal/g, 'other');
    expect(openSeal(recordOf(format, bare))).toBeNull();
  });
});

describe('a sealed record', () => {
  const json = (name: string): Format =>
    created[created.findIndex((format) => format.name === name)] ?? rawFormat.create({});

  it('keeps to the schema of OCSF', () => {
    for (const event of EVENTS.slice(0, 40))
      expect(ocsfFaults(JSON.parse(sealed(json('ocsf'), event).body) as Document, '1.8.0')).toEqual([]);
  });

  it('survives the times that a receiver adds', () => {
    const raw = JSON.parse(sealed(json('raw')).body) as Record<string, Json>;
    expect(openSeal({ '@timestamp': '2026-01-02T03:04:05Z', ...raw })?.content).toBe('intact');
    const ecs = JSON.parse(sealed(json('ecs')).body) as Record<string, Record<string, Json>>;
    expect(openSeal({ ...ecs, event: { ...ecs['event'], ingested: 'now' } })?.content).toBe('intact');
    expect(openSeal({ ...ecs, event: { ...ecs['event'], outcome: 'other' } })?.content).toBe('changed');
  });

  it('tells numbers apart that a double does not', () => {
    const event = journaled(
      `{"id":"e1","created_at":"2026-01-02T03:04:05Z","event_details":{"n":9007199254740993,"f":1.0}}`,
    );
    const { body } = sealed(json('raw'), event);
    const change = body.replace('9007199254740993', '9007199254740992');
    const read = (text: string): unknown =>
      JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
        typeof value === 'number' && context?.source !== undefined && /\d{16}/.test(context.source)
          ? (JSON as unknown as { rawJSON(text: string): object }).rawJSON(context.source)
          : value,
      );
    expect(openSeal(read(body) as Json)?.content).toBe('intact');
    expect(openSeal(read(change) as Json)?.content).toBe('changed');
  });

  it('goes by the id of its event where the item states none', () => {
    const item = { created_at: '2026-01-02T03:04:05Z', event_type: 'user_login' };
    const id = 'sha256:' + 'a'.repeat(64);
    const { body } = sealed(json('raw'), journaled(JSON.stringify(item), { id }));
    expect(idOfLine(body)).toMatchObject({ id });
  });

  it('is called trimmed where the sink says that it shortened it', () => {
    const raw = JSON.parse(sealed(json('raw')).body) as Record<string, Json>;
    const { created_at: _, ...shorter } = raw;
    expect(openSeal({ ...shorter, auditferry: { truncated: true } })?.content).toBe('trimmed');
    expect(openSeal(shorter)?.content).toBe('changed');
    const cef = sealed(json('cef')).body;
    const cut = `${cef.slice(0, cef.lastIndexOf(' '))} truncated=true originalId=x originalSha256=y`;
    expect(openSeal(cut)?.content).toBe('trimmed');
  });

  it('is refused where there is no place for it', () => {
    const seal = createSeal({ name: 'raw', kind: 'json' }, STREAM);
    expect(() => seal('[1]', { seq: 1n, id: 'a' })).toThrow(/cannot be numbered/);
    expect(() =>
      createSeal({ name: 'cef', kind: 'text' }, STREAM)('no header', { seq: 1n, id: 'a' }),
    ).toThrow(/no header/);
  });
});
