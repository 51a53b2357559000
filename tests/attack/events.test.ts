import { describe, expect, it } from 'vitest';

import { formats } from '../../src/formats/registry.ts';
import type { Format } from '../../src/formats/format.ts';
import { HOSTILE_STRINGS } from '../contract/items.ts';
import { canonicalOf, ORIGIN } from '../formats/events.ts';
import { parseCef, parseLeef } from '../formats/parsers.ts';

/** Every place of an item where somebody outside can put a text. */
const PLACES: Readonly<Record<string, (text: string) => object>> = {
  id: (id) => ({ id }),
  'event type': (text) => ({ event_type: text }),
  time: (text) => ({ created_at: text }),
  address: (text) => ({ user_ip_address: text }),
  entity: (text) => ({ entity_display_name: text }),
  team: (text) => ({ team_name: text }),
  outcome: (text) => ({ is_success: text }),
  user: (text) => ({ user: text }),
  'fields of the user': (text) => ({
    user: { id: text, email: text, name: text, provider: text, last_login_at: text, roles: [text] },
  }),
  roles: (text) => ({ user: { id: 'u', roles: [{ id: text, name: text, type: text }] } }),
  details: (text) => ({ event_details: text }),
  'fields of the details': (text) => ({
    event_details: { reason: text, api_key_id: text, added_roles: [text], target_user: { email: text } },
  }),
};

const ITEM = {
  id: '0b8f6c52-3e1d-4a77-8f0e-1d2c3b4a5f01',
  event_type: 'sync.created',
  created_at: '2026-01-02T03:04:05.5Z',
  is_success: false,
};

/** What separates the parts of a document from one another, as a parser of its kind sees it: keys, and how many fields a header has. */
function namesIn(format: Format, line: string): readonly string[] {
  if (format.kind === 'json') return keysOf(JSON.parse(line));
  const { header, fields, repeated } = format.name === 'cef' ? parseCef(line) : parseLeef(line);
  expect(repeated).toEqual([]);
  return [String(header.length), ...fields.keys()];
}

function keysOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
}

describe.each(formats.map((definition) => [definition.name, definition.create({})] as const))(
  'hostile text in an event, as %s',
  (_name, format) => {
    it.each(Object.keys(PLACES))('forges nothing from its place: %s', (place) => {
      for (const text of HOSTILE_STRINGS) {
        const event = canonicalOf({ ...ITEM, ...PLACES[place]?.(text) });
        const line = format.render(event, { ...ORIGIN, instance: text.toWellFormed() });
        expect(line.split(/[\n\r\u0085\u2028\u2029]/)).toHaveLength(1);
        expect(line.isWellFormed()).toBe(true);
        const forged = namesIn(format, line).filter((name) => name.includes('forged'));
        expect([text, forged]).toEqual([text, []]);
      }
    });
  },
);
