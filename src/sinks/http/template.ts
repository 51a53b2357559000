import { displayMessage } from '../../formats/title.ts';
import { ForwardError } from '../../model/errors.ts';
import { formatTime, nsToMs } from '../../model/time.ts';
import type { Item } from '../sink.ts';

/** JSON around events, for receivers that want more than the documents themselves. */
export interface Template {
  /** Around each event. */
  readonly event?: string;
  /** Around all events of a request, which stand where `{events}` does. */
  readonly request?: string;
}

/** Each stands for JSON; the base64 goes between quotation marks. */
const PLACEHOLDERS: Readonly<Record<string, (item: Item) => string>> = {
  event: documentOf,
  event_text: ({ body }) => JSON.stringify(body.toWellFormed()),
  event_base64: ({ body }) => Buffer.from(body).toString('base64'),
  event_type: ({ canonical }) => JSON.stringify(canonical.classification.eventType),
  id: ({ canonical }) => JSON.stringify(canonical.id),
  instance: ({ origin }) => JSON.stringify(origin.instance),
  message: ({ canonical }) => JSON.stringify(displayMessage(canonical)),
  severity: ({ canonical }) => JSON.stringify(canonical.severity),
  time: ({ canonical }) => JSON.stringify(formatTime(canonical.createdNs)),
  time_s: ({ canonical }) => (nsToMs(canonical.createdNs) / 1000).toFixed(3),
  time_ms: ({ canonical }) => String(nsToMs(canonical.createdNs)),
  time_ns: ({ canonical }) => String(canonical.createdNs),
};
const ALL = '{events}';
/** In JSON no brace is followed by a bare word, so anything that looks like that is meant as a placeholder. */
const HOLE = /\{([a-z_0-9]+)\}/g;

/** An event as JSON; a line of a text format is a string. */
export function documentOf({ body, kind }: Item): string {
  const document = body.toWellFormed();
  return kind === 'text' ? JSON.stringify(document) : document;
}

/** Whether it holds a placeholder that takes more of an event than a `LightEvent` holds. */
export function takesWhole(template: string): boolean {
  return template.includes('{message}');
}

/** What is put in is not looked at again. */
export function fillEvent(template: string, item: Item): string {
  return template.replace(HOLE, (whole, name: string) => PLACEHOLDERS[name]?.(item) ?? whole);
}

export function fillRequest(template: string, events: string): string {
  const [before = '', after = ''] = template.split(ALL);
  return `${before}${events}${after}`;
}

/** Throws `config` for what makes no JSON, or spans lines. */
export function assertEvent(template: string): void {
  const holes = [...template.matchAll(HOLE)].map(([, name = '']) => name);
  const strange = holes.find((name) => !Object.hasOwn(PLACEHOLDERS, name));
  if (strange !== undefined) {
    const known = Object.keys(PLACEHOLDERS).map((name) => `{${name}}`);
    throw new ForwardError('config', `does not know {${strange}}`, { hint: `expected ${known.join(', ')}` });
  }
  if (!holes.some((name) => name.startsWith('event') && name !== 'event_type'))
    throw new ForwardError('config', 'has no place for the event', {
      hint: 'expected {event}, {event_text} or {event_base64} in it',
    });
  assertJson(template.replace(HOLE, (_whole, name: string) => SAMPLES[name] ?? '"text"'));
}

/** Of placeholders that are not JSON text. */
const SAMPLES: Readonly<Record<string, string>> = {
  event: '{"a":1}',
  event_base64: 'ZQ==',
  time_s: '1.000',
  time_ms: '1',
  time_ns: '1',
};

export function assertRequest(template: string): void {
  if (template.split(ALL).length !== 2)
    throw new ForwardError('config', 'has no one place for the events', {
      hint: 'expected {events} once, such as {"logs":[{events}]}',
    });
  assertJson(template.replace(ALL, '0'));
}

function assertJson(text: string): void {
  try {
    if (/[\r\n]/.test(text.trim())) throw new Error('it spans lines');
    JSON.parse(text);
  } catch (error) {
    throw new ForwardError('config', 'is not JSON on one line', {
      cause: error,
      hint: 'expected JSON around the placeholders; put quotation marks only around {event_base64} and numbers that are meant as text',
    });
  }
}
