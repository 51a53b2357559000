import type { Item } from '../sink.ts';
import { documentOf, fillEvent, fillRequest } from './template.ts';
import type { Template } from './template.ts';

export type Encoding = 'ndjson' | 'json_array';

/** An event as it will stand in a body. Lone surrogates, which UTF-8 cannot carry, become U+FFFD. */
export function encodeEvent(item: Item, encoding: Encoding, template: Template = {}): string {
  if (template.event !== undefined) return fillEvent(template.event, item);
  return encoding === 'json_array' ? documentOf(item) : item.body.toWellFormed();
}

/** A request body of events as `encodeEvent` gave them. */
export function encodeBody(events: readonly string[], encoding: Encoding, template: Template = {}): string {
  const all = encoding === 'json_array' ? events.join(',') : events.join('\n');
  if (template.request !== undefined) return fillRequest(template.request, all);
  return encoding === 'json_array' ? `[${all}]` : `${all}\n`;
}

export function contentType(items: readonly Item[], encoding: Encoding, template: Template = {}): string {
  if (encoding === 'json_array' || template.request !== undefined) return 'application/json';
  const isJson = template.event !== undefined || items.every((item) => item.kind === 'json');
  return isJson ? 'application/x-ndjson' : 'text/plain; charset=utf-8';
}
