import type { CanonicalEvent, Outcome } from '../formats/format.ts';
import { actorName, onWhat } from '../formats/title.ts';
import type { Paint } from './colour.ts';
import { shown } from './report.ts';

const OUTCOME_STYLES = { success: 'green', failure: 'red', unknown: 'gray' } as const satisfies Record<
  Outcome,
  string
>;
const FIELD_MOST = 80;

export interface LineOptions {
  readonly time?: (createdAt: string) => string;
  /** Fields that would begin behind it stand on a further line. Characters. */
  readonly width?: number | undefined;
  /** Fields behind the others, in red. */
  readonly also?: readonly string[];
}

/** One event for a person: time · who · what · on what · outcome · address. What the event does not say is a dash. */
export function eventLine(event: CanonicalEvent, paint: Paint, options: LineOptions = {}): string {
  const { time = String, width = Infinity, also = [] } = options;
  const { classification, outcome } = event;
  const fields = [
    ['gray', field(time(event.createdAt))],
    ['cyan', field(actorName(event))],
    ['bold', field(classification.eventType)],
    ['reset', field(onWhat(event))],
    [OUTCOME_STYLES[outcome], outcome],
    ['reset', field(event.address)],
    ...also.map((text) => ['red', text] as const),
  ] as const;
  let line = '';
  let column = 0;
  fields.forEach(([style, text], index) => {
    const length = [...text].length;
    const breaks = index > 0 && column + GAP.length + length > width;
    const before = index === 0 ? '' : breaks ? NEXT_LINE : GAP;
    line += `${breaks ? '\n' : ''}${before}${style === 'reset' ? text : paint(style, text)}`;
    column = (breaks ? 0 : column) + before.length + length;
  });
  return line;
}

const GAP = ' · ';
const NEXT_LINE = '    ';

/** What may stand for the person or program that acted. */
export function actorNames({ actor }: CanonicalEvent): readonly string[] {
  return [actor.email, actor.name, actor.id].filter((name) => name !== undefined);
}

/** `08:02:11` for today, `11-29 08:02:11` for another day, in UTC: what a line of a terminal has room for. */
export function shortTime(nowMs: number): (createdAt: string) => string {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  return (createdAt) => {
    const ms = Date.parse(createdAt);
    if (Number.isNaN(ms)) return createdAt;
    const iso = new Date(ms).toISOString();
    return iso.startsWith(today) ? iso.slice(11, 19) : `${iso.slice(5, 10)} ${iso.slice(11, 19)}`;
  };
}

function field(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : shown(text, FIELD_MOST);
}
