import { floorTo, formatTime } from '../../model/time.ts';

export interface Header {
  /** PRIVAL, 0 to 191. */
  readonly priority: number;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly hostname: string;
  readonly appName: string;
  readonly procId: string;
  readonly msgId: string;
}

export interface SdElement {
  /** `name@<enterprise number>` or a registered name. */
  readonly id: string;
  readonly params: readonly { readonly name: string; readonly value: string }[];
}

const HOSTNAME_LIMIT = 255;
const APP_NAME_LIMIT = 48;
const PROCID_LIMIT = 128;
const MSGID_LIMIT = 32;
const SD_NAME_LIMIT = 32;
const NS_PER_MICROSECOND = 1_000n;

/**
 * HEADER, STRUCTURED-DATA and the space before MSG. Whatever the fields hold, the result has exactly the fields of the
 * grammar: every header field is made of printable ASCII without spaces, within its limit.
 * Source: RFC 5424 section 6.
 */
export function prefix5424(header: Header, elements: readonly SdElement[]): string {
  const fields = [
    `<${header.priority}>1`,
    // At most six fraction digits are allowed; the event itself carries the whole time.
    formatTime(floorTo(header.timeNs, NS_PER_MICROSECOND)),
    headerField(header.hostname, HOSTNAME_LIMIT),
    headerField(header.appName, APP_NAME_LIMIT),
    headerField(header.procId, PROCID_LIMIT),
    headerField(header.msgId, MSGID_LIMIT),
  ];
  const data = elements.length === 0 ? '-' : elements.map(sdElement).join('');
  return `${fields.join(' ')} ${data} `;
}

/** Characters outside 33..126 become `_`; nothing left becomes the nil value. */
export function headerField(text: string, limit: number): string {
  const safe = text
    .trim()
    .replace(/[^\u0021-\u007e]/gu, '_')
    .slice(0, limit);
  return safe === '' ? '-' : safe;
}

function sdElement(element: SdElement): string {
  const params = element.params.map(({ name, value }) => ` ${sdName(name)}="${sdValue(value)}"`);
  return `[${sdName(element.id)}${params.join('')}]`;
}

function sdName(text: string): string {
  return headerField(text, SD_NAME_LIMIT).replace(/[=\]"]/g, '_');
}

/**
 * A value between quotes: only the quote, the backslash and the closing bracket are escaped. Control characters become
 * spaces, since a line break would end the message for a receiver that reads lines.
 */
function sdValue(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f]/g, ' ')
    .replace(/["\\\]]/g, '\\$&');
}
