import type { Item } from '../sink.ts';
import type { Encoding } from './object.ts';

/** Where objects stand: a prefix as it is, or one with places for what an event says. */
export interface Folders {
  /** What every name begins with, for lists and permissions. */
  readonly start: string;
  of(item: Item): string;
  /** An object that `check` may write: nothing that reads folders as tables looks at its name. */
  readonly probe: string;
  /** The UTC day of an object's events, `2026-11-29`; null for the name of something else. */
  dayOf(key: string): string | null;
}

interface Placeholder {
  /** As a regular expression. */
  readonly form: string;
  fill(item: Item): string;
}

const day = (item: Item): string => dayOf(item.canonical.createdNs);

const PLACEHOLDERS: Readonly<Record<string, Placeholder>> = {
  source: { form: '[^/]+', fill: ({ canonical }) => encodeURIComponent(canonical.source) },
  date: { form: '(?<date>\\d{4}-\\d\\d-\\d\\d)', fill: day },
  event_day: {
    form: '(?<year>\\d{4})(?<month>\\d\\d)(?<day>\\d\\d)',
    fill: (item) => day(item).replaceAll('-', ''),
  },
  year: { form: '(?<year>\\d{4})', fill: (item) => day(item).slice(0, 4) },
  month: { form: '(?<month>\\d\\d)', fill: (item) => day(item).slice(5, 7) },
  day: { form: '(?<day>\\d\\d)', fill: (item) => day(item).slice(8, 10) },
  class: { form: '[a-z0-9_]+', fill: (item) => classOf(item.body).name },
  class_uid: { form: '\\d+', fill: (item) => classOf(item.body).uid },
};

const HOLE = /\{([^{}]*)\}/g;
const BY_SOURCE_AND_DAY = 'source={source}/date={date}/';

/** A prefix without places is followed by source and date, in Parquet by the class before them. */
export function openFolders(prefix: string, encoding: Encoding): Folders {
  const plain = holesOf(prefix).length === 0;
  const template = plain
    ? `${prefix}${encoding === 'parquet' ? '{class}/' : ''}${BY_SOURCE_AND_DAY}`
    : prefix;
  // Objects of another encoding under the same prefix are read as well.
  const form = plain ? '(?:^|/)date=(?<date>\\d{4}-\\d\\d-\\d\\d)/' : `^${formOf(template)}`;
  const name = new RegExp(`${form}auditferry-[^/]*$`);
  const start = template.slice(0, template.indexOf('{'));
  return {
    start: plain ? prefix : start,
    of: (item) => template.replace(HOLE, (whole, hole: string) => PLACEHOLDERS[hole]?.fill(item) ?? whole),
    probe: plain ? `${prefix}auditferry-check` : `${start.replace(/[^/]*$/, '')}_auditferry-check`,
    dayOf(key) {
      const { date, year, month, day: dayOfMonth } = name.exec(key)?.groups ?? {};
      return date ?? (year === undefined ? null : `${year}-${month}-${dayOfMonth}`);
    },
  };
}

/** What is wrong with a prefix, in words; null for a good one. */
export function prefixFault(prefix: string, hasClasses: boolean, needsClass: boolean): string | null {
  const holes = holesOf(prefix);
  const known = Object.keys(PLACEHOLDERS).map((name) => `{${name}}`);
  if (holes.length === 0) return /[{}]/.test(prefix) ? 'holds a brace that opens or closes nothing' : null;
  const strange = holes.find((hole) => !Object.hasOwn(PLACEHOLDERS, hole));
  if (strange !== undefined) return `does not know {${strange}}; expected ${known.join(', ')}`;
  if (/[{}]/.test(prefix.replace(HOLE, ''))) return 'holds a brace that opens or closes nothing';
  if (prefix.startsWith('{'))
    return 'begins with a placeholder; expected some letters first, by which objects are listed and allowed';
  if (!prefix.endsWith('/')) return 'ends in the middle of a name; expected / at its end';
  if (new Set(holes).size < holes.length) return 'has a placeholder twice; expected each once';
  const dated = ['date', 'event_day'].filter((hole) => holes.includes(hole)).length;
  const parts = ['year', 'month', 'day'].filter((hole) => holes.includes(hole)).length;
  if (!(dated === 1 && parts === 0) && !(dated === 0 && parts === 3))
    return 'does not tell the day; expected one of {date}, {event_day}, or {year}, {month} and {day}';
  const classed = holes.includes('class') || holes.includes('class_uid');
  if (classed && !hasClasses) return 'has a place for a class; expected format: ocsf with it';
  if (needsClass && !classed)
    return 'has no place for the class; expected {class} or {class_uid}, since a table holds one';
  return null;
}

function holesOf(prefix: string): readonly string[] {
  return [...prefix.matchAll(HOLE)].map(([, hole = '']) => hole);
}

function formOf(template: string): string {
  return template
    .split(/(\{[^{}]*\})/)
    .map((part) => PLACEHOLDERS[part.slice(1, -1)]?.form ?? part.replace(/[^A-Za-z0-9_/=]/g, '\\$&'))
    .join('');
}

export function dayOf(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 10);
}

/** The head of every OCSF document, before anything of the event. */
const CLASS = /"class_uid":(\d{1,9}),"class_name":"([A-Za-z ]{1,60})"/;
const HEAD_CHARACTERS = 400;

/** Throws for a document without a class: it is none of OCSF. */
export function classOf(body: string): { readonly uid: string; readonly name: string } {
  const [, uid, name] = CLASS.exec(body.slice(0, HEAD_CHARACTERS)) ?? [];
  if (uid === undefined || name === undefined) throw new Error('the document states no class of OCSF');
  return { uid, name: name.toLowerCase().replaceAll(' ', '_') };
}
