import { escapeUnit } from '../model/errors.ts';
import type { Json } from '../model/event.ts';
import { cut, flat } from './title.ts';

/** Control characters but CR and LF, and the separators that some readers break lines at. */
const CEF_CONTROL = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** What JSON leaves in a text as it is, although CEF and LEEF can carry none of it. */
const RAW_IN_JSON = /[\u007f-\u009f\u2028\u2029]/g;

/** JSON text with JSON's own escapes for what a field of text cannot carry: they say the same, where a blank in its place would not. */
export function escapeBreaking(json: string): string {
  return json.replace(RAW_IN_JSON, escapeUnit);
}

/** The details as JSON text for a field of text. Undefined where there are none. */
export function detailsText(details: Json): string | undefined {
  return details === null ? undefined : escapeBreaking(JSON.stringify(details));
}

/** Whatever a CEF value may have to be changed for. */
const CEF_SPECIAL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\\=|]/;

/** A field of a CEF header: one line, cut to `units`, then the backslash and the bar escaped. */
export function cefHeader(text: string, units: number): string {
  return cut(flat(text).trim(), units).trim().replaceAll('\\', '\\\\').replaceAll('|', '\\|');
}

/** Any text as the class id of a CEF event: letters, digits and `._:-`, so that nothing in it ever needs an escape. */
export function cefClassId(text: string, units: number): string {
  return text.slice(0, units).replace(/[^A-Za-z0-9._:-]/g, '_') || 'unknown';
}

export interface CefValueOptions {
  /** Replaces line breaks by a space, for receivers that decode `\n` wrongly. */
  readonly replaceNewlines?: boolean;
  /** Replaces the bar by a slash, for collectors that split at it anywhere. */
  readonly replacePipe?: boolean;
}

/**
 * The value of a CEF extension: no control characters, no blanks at the ends (a parser would take them for those between fields), cut before it
 * is escaped so that no escape is halved, then backslash, equals sign and line breaks escaped, in this order. A value can never begin a
 * field of its own: the equals sign that this takes is always escaped.
 */
export function cefValue(text: string, units: number, options: CefValueOptions = {}): string {
  // Most values hold nothing of it all, which one look tells.
  if (!CEF_SPECIAL.test(text)) return cut(text.trim(), units).trim();
  let clean = text.replace(CEF_CONTROL, ' ');
  if (options.replaceNewlines === true) clean = clean.replace(/[\r\n]+/g, ' ');
  if (options.replacePipe === true) clean = clean.replaceAll('|', '/');
  return cut(clean.trim(), units)
    .trim()
    .replaceAll('\\', '\\\\')
    .replaceAll('=', '\\=')
    .replace(/\r\n|\n/g, '\\n')
    .replaceAll('\r', '\\r');
}

/** Whatever a LEEF value may have to be changed for. */
const LEEF_SPECIAL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A field of a LEEF header. LEEF has no escape: the bar and whatever breaks a line become a space. */
export function leefHeader(text: string, units: number): string {
  return cut(flat(text).replaceAll('|', ' ').trim(), units).trim();
}

/** The value of a LEEF attribute. LEEF has no escape: line breaks are written as `\n` and `\r`, the tab, which parts the attributes, as a space. */
export function leefValue(text: string, units?: number): string {
  const clean = LEEF_SPECIAL.test(text)
    ? flat(text.replaceAll('\r\n', '\\n').replaceAll('\n', '\\n').replaceAll('\r', '\\r'))
    : text;
  return (units === undefined ? clean : cut(clean, units)).trim();
}
