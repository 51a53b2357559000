import { escapeUnit } from '../../model/errors.ts';
import type { Item } from '../sink.ts';
import { priority } from './priority.ts';
import { prefix3164 } from './rfc3164.ts';
import { prefix5424 } from './rfc5424.ts';
import type { Header, SdElement } from './rfc5424.ts';
import { trimBody } from './trim.ts';

export interface MessageOptions {
  readonly rfc: 5424 | 3164;
  readonly facility: number;
  readonly appName: string;
  /** Absent: the host of the Platform installation. */
  readonly hostname: string | undefined;
  readonly procId: string;
  readonly maxMessageBytes: number;
  readonly oversize: 'dead_letter' | 'trim';
  readonly ascii: boolean;
  readonly bom: boolean;
  readonly structuredData: { readonly sdId: string; readonly sequence: boolean } | undefined;
}

export type Rendered =
  | { readonly message: Buffer; readonly trimmed: boolean }
  /** Why this event cannot be a message of this receiver. */
  | { readonly refused: string };

const BOM = '\ufeff';
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** The whole message of one event, without framing. `sequence` is the sequenceId, 1 to 2147483647. */
export function renderMessage(item: Item, options: MessageOptions, sequence: number): Rendered {
  const prefix = messagePrefix(item, options, sequence);
  const whole = Buffer.from(prefix + safeBody(item.body, item.kind, options.ascii));
  if (whole.length <= options.maxMessageBytes) return { message: whole, trimmed: false };
  const refused = `the message has ${whole.length} bytes, max_message_bytes is ${options.maxMessageBytes}`;
  if (options.oversize === 'dead_letter') return { refused };
  const room = options.maxMessageBytes - Buffer.byteLength(prefix);
  const body = trimBody(item, room, (text) => safeBody(text, item.kind, options.ascii));
  if (body === null) return { refused: `${refused}, and it cannot be trimmed to fit` };
  return { message: Buffer.from(prefix + body), trimmed: true };
}

function messagePrefix(item: Item, options: MessageOptions, sequence: number): string {
  const { canonical, origin } = item;
  const header: Header = {
    priority: priority(options.facility, canonical.severity),
    timeNs: canonical.createdNs,
    hostname: options.hostname ?? origin.instance,
    appName: options.appName,
    procId: options.procId,
    msgId: canonical.classification.eventType,
  };
  if (options.rfc === 3164) return prefix3164(header, item.body);
  return prefix5424(header, elements(canonical.id, options, sequence)) + (options.bom ? BOM : '');
}

function elements(eventId: string, options: MessageOptions, sequence: number): readonly SdElement[] {
  if (options.structuredData === undefined) return [];
  const { sdId, sequence: numbered } = options.structuredData;
  const own: SdElement = { id: sdId, params: [{ name: 'event_id', value: eventId }] };
  if (!numbered) return [own];
  return [own, { id: 'meta', params: [{ name: 'sequenceId', value: String(sequence) }] }];
}

/**
 * The body as it may travel: no character that ends a line or that a receiver rewrites. In JSON a raw control character
 * can only be white space between tokens; in text a line break becomes the two characters that CEF and LEEF use for it,
 * and a tab stays, since LEEF separates by it.
 */
export function safeBody(body: string, kind: Item['kind'], ascii: boolean): string {
  if (kind === 'text') {
    const text = body.toWellFormed();
    // Most texts hold nothing of it all, which one look tells.
    if (!CONTROL.test(text)) return text;
    return text
      .replace(/\r/g, '\\r')
      .replace(/\n/g, '\\n')
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, ' ');
  }
  const flat = body.replace(/[\u0000-\u001f]/g, ' ');
  return ascii ? flat.replace(/[\u007f-\uffff]/g, escapeUnit) : flat.toWellFormed();
}
