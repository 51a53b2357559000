import type { Command } from 'commander';

import { JOURNAL_ONLY } from '../config/load.ts';
import type { EventTypeCount } from '../checkpoint/journal.ts';
import { createClassify } from '../formats/classify.ts';
import type { Explanation } from '../formats/classify.ts';
import { wordsOf } from '../formats/tokens.ts';
import { isUnclassified } from '../formats/unclassified.ts';
import { DOMAINS, UNKNOWN, VERBS } from '../formats/vocabulary.ts';
import { formatTime } from '../model/time.ts';
import { EXIT } from './exit.ts';
import { count, escapeUnseen, shown, takeConfigArgument, withConfig, writeJson } from './report.ts';
import type { ReportOptions } from './report.ts';
import { openConfig, withJournal } from './session.ts';
import { alignColumns, wrap } from './table.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';

interface TypeRow extends EventTypeCount {
  readonly explanation: Explanation;
  readonly unclassified: boolean;
}

/** What `match` takes at most, by the schema of normalize.event_types. Characters. */
const MATCH_MOST = 512;
const COMMENT_WIDTH = 72;

/** `auditferry event-types`: what was seen, and how it is understood. */
export function registerEventTypes(program: Command): void {
  takeConfigArgument(withConfig(program.command('event-types')))
    .summary('list the event types seen, and how each is understood')
    .description('list the event types that were seen, how often and when, and how each is understood')
    .action(async (_file: unknown, options: ReportOptions) => {
      process.exitCode = await eventTypes(options, processTerminal());
    });
}

export async function eventTypes(options: ReportOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, JOURNAL_ONLY);
  const classify = createClassify(config.normalize.event_types);
  const counts = await withJournal(config, terminal, (journal) => journal.eventTypes());
  const rows = counts.map((row): TypeRow => {
    const explanation = classify(row.eventType);
    return { ...row, explanation, unclassified: isUnclassified(explanation.classification) };
  });
  const unclassified = rows.filter((row) => row.unclassified);
  const snippet = unclassified.length === 0 ? null : snippetFor(unclassified);
  if (options.json === true) {
    writeJson(terminal.out, { event_types: rows.map(document), unclassified: unclassified.length, snippet });
    return EXIT.done;
  }
  for (const line of table(rows, terminal)) terminal.out.write(`${line}\n`);
  if (rows.length === 0) terminal.out.write('the journal has seen no event yet\n');
  if (snippet !== null) {
    const types = count(unclassified.length, 'event type');
    terminal.out.write(`\n${types} not classified (marked ?). Complete this for the configuration:\n\n`);
    terminal.out.write(snippet);
  }
  return EXIT.done;
}

function table(rows: readonly TypeRow[], { out }: Terminal): string[] {
  if (rows.length === 0) return [];
  const cells = rows.map(({ source, eventType, count: seen, firstNs, lastNs, explanation, unclassified }) => {
    const { domain, object, verb, confidence, overridden } = explanation.classification;
    return [
      unclassified ? '?' : ' ',
      shown(eventType === '' ? '(none)' : eventType, 60),
      shown(source, 64),
      seen.toLocaleString('en-US'),
      day(firstNs),
      day(lastNs),
      overridden ? 'your table' : confidence,
      `${domain} / ${object} / ${verb}`,
    ];
  });
  const head = ['', 'EVENT TYPE', 'SOURCE', 'COUNT', 'FIRST', 'LAST', 'CONFIDENCE', 'UNDERSTOOD AS'];
  const spare = ['FIRST', 'SOURCE', 'LAST', 'CONFIDENCE'].map((name) => head.indexOf(name));
  return alignColumns([head, ...cells], out.isTTY === true ? out.columns : undefined, spare);
}

function day(ns: bigint): string {
  return formatTime(ns).slice(0, 10);
}

function document({
  source,
  eventType,
  count: seen,
  firstNs,
  lastNs,
  explanation,
  unclassified,
}: TypeRow): object {
  const { domain, object, verb, confidence, overridden } = explanation.classification;
  return {
    source,
    event_type: eventType,
    count: seen,
    first: formatTime(firstNs),
    last: formatTime(lastNs),
    domain,
    object,
    verb,
    category: domain,
    confidence,
    overridden,
    rule: explanation.rule,
    unclassified,
  };
}

/**
 * Rows for normalize.event_types that load as they stand. What nobody knows is a comment with the words to choose from: a
 * guess would be worse than "unknown".
 */
function snippetFor(rows: readonly TypeRow[]): string {
  const types = new Map(rows.map((row) => [row.eventType, row]));
  const named = [...types.values()].filter(({ eventType }) => isNameable(eventType));
  return [
    'normalize:',
    '  event_types:',
    ...comment('category: one of', DOMAINS),
    ...comment('action: one of', VERBS),
    ...named.flatMap(snippetRow),
    '',
  ].join('\n');
}

/** Whether a row can name an event type and no other: one of signs alone would be a pattern for everything as long. */
function isNameable(eventType: string): boolean {
  const words = wordsOf(eventType).length > 0;
  return eventType !== '' && eventType.length <= MATCH_MOST && (words || !/[*?]/.test(eventType));
}

function snippetRow({ eventType, explanation }: TypeRow): string[] {
  const { domain, object, verb, slug } = explanation.classification;
  const name = object === UNKNOWN ? objectName(slug) : object;
  return [
    `    - match: ${quote(eventType)}`,
    `      object: ${name}`,
    domain === UNKNOWN ? '      # category:' : `      category: ${domain}`,
    verb === UNKNOWN ? '      # action:' : `      action: ${verb}`,
  ];
}

/** JSON text is YAML text too, and what a terminal would obey is escaped in it; a dollar would begin a variable. */
function quote(text: string): string {
  return escapeUnseen(JSON.stringify(text.toWellFormed())).replaceAll('$', '$$$$');
}

/** A name that the schema takes, from the words of the event type. */
function objectName(slug: string): string {
  const name = slug
    .replace(/[^a-z0-9_]/g, '')
    .replace(/^[^a-z]+/, '')
    .slice(0, 64);
  return name === '' ? 'unnamed' : name;
}

function comment(before: string, words: readonly string[]): string[] {
  return wrap(`${before} ${words.join(', ')}`, COMMENT_WIDTH).map((line) => `    # ${line}`);
}
