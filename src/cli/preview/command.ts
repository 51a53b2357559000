import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import { PLATFORM_ONLY } from '../../config/load.ts';
import { formatDuration } from '../../model/units.ts';
import { createClassify } from '../../formats/classify.ts';
import type { Classify, Explanation } from '../../formats/classify.ts';
import type { CanonicalEvent, Classification, Format } from '../../formats/format.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { BuiltParts } from '../build-parts.ts';
import { paintOn } from '../colour.ts';
import type { Paint } from '../colour.ts';
import { eventLine } from '../event-line.ts';
import { EXIT } from '../exit.ts';
import { prettyJson } from '../pretty-json.ts';
import { withProgress } from '../progress.ts';
import { PREVIEW_REACH_MS, readNewest } from './newest.ts';
import type { Found } from './newest.ts';
import { renderFor } from '../rendering.ts';
import { count, shown, takeConfigArgument, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig, withParts } from '../session.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

export interface PreviewOptions extends ReportOptions {
  readonly limit: number;
  readonly sink?: string;
  readonly explain?: true;
}

const LIMIT_MOST = 100;

/** `auditferry preview`: the newest events as each sink would send them. Sends and keeps nothing. */
export function registerPreview(program: Command): void {
  takeConfigArgument(withConfig(program.command('preview')))
    .summary('show the newest events as each sink would send them')
    .description('show the newest events as each sink would send them; sends nothing and keeps nothing')
    .option('--limit <count>', 'how many events', parseLimit, 3)
    .option('--sink <name>', 'only as this sink would send them')
    .option('--explain', 'say why each event type is understood as it is')
    .action(async (_file: unknown, options: PreviewOptions) => {
      process.exitCode = await preview(options, processTerminal());
    });
}

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MOST)
    throw new InvalidArgumentError(`It takes a number from 1 to ${LIMIT_MOST}.`);
  return limit;
}

/** One event as one sink would send it. `body` is null when the sink would not. */
interface Rendering {
  readonly sink: string;
  readonly format: string;
  readonly kind: Format['kind'];
  readonly outcome: 'sent' | 'filtered' | 'unrendered';
  readonly body: string | null;
  readonly reason: string | null;
}

export async function preview(options: PreviewOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal, PLATFORM_ONLY);
  const names = sinkNames(config, options.sink);
  const { found, previews } = await withProgress(
    terminal,
    'reading the newest events of the Platform',
    (_tell, beside) =>
      withParts(config, beside, async (parts) => {
        const found = await readNewest(parts.sources, options.limit, terminal.clock, terminal.signal);
        const { event_types: table } = config.normalize;
        const classify = createClassify(table);
        const previews = found.events.map((event): Preview => {
          const canonical = parts.canonicalize(event);
          return {
            event,
            canonical,
            explanation: understandingOf(canonical.classification, classify),
            sinks: names.map((name) => renderingOf(parts, name, event)),
          };
        });
        return { found, previews };
      }),
  );
  const documents = previews.map((one) => previewDocument(one, options));
  if (options.json === true) {
    const { unwanted, malformed } = found;
    writeJson(terminal.out, { events: documents, left_out_by_filters: unwanted, malformed });
    return EXIT.done;
  }
  if (terminal.out.isTTY === true) {
    const paint = paintOn(terminal);
    previews.forEach((one, index) => {
      const head = paint('bold', `event ${index + 1} of ${previews.length}`);
      const lines = [head, ...previewLines(one, options, paint)];
      terminal.out.write(`${index === 0 ? '' : '\n'}${lines.join('\n')}\n`);
    });
  } else for (const document of documents) writeJson(terminal.out, document);
  terminal.err.write(`${closing(found, options.limit)}\n`);
  return EXIT.done;
}

/** One event, as every sink that was asked for would send it. */
interface Preview {
  readonly event: AuditEvent;
  readonly canonical: CanonicalEvent;
  readonly explanation: Understanding;
  readonly sinks: readonly Rendering[];
}

function previewDocument({ event, explanation, sinks }: Preview, options: PreviewOptions): object {
  return {
    id: event.id,
    source: event.source,
    created_at: event.createdAt,
    event_type: explanation.classification.eventType,
    ...(options.explain === true ? { explanation: explanationDocument(explanation) } : {}),
    sinks: sinks.map(({ kind: _, ...sink }) => sink),
  };
}

function previewLines(
  { event, canonical, explanation, sinks }: Preview,
  { explain }: PreviewOptions,
  paint: Paint,
): string[] {
  return [
    `  ${eventLine(canonical, paint)}`,
    `  ${paint('gray', shown(`id ${event.id}, source ${event.source}`))}`,
    ...(explain === true ? explanationLines(explanation) : []),
    ...sinks.flatMap((sink) => renderingLines(sink, paint)),
  ];
}

/** Why an event is understood as the sinks send it: by its type, and where that leaves it open by the roles in its details. */
interface Understanding extends Explanation {
  readonly byRoles: boolean;
}

function understandingOf(classification: Classification, classify: Classify): Understanding {
  const explanation = classify(classification.eventType);
  const byRoles = classification.verb !== explanation.classification.verb;
  return { ...explanation, classification, byRoles };
}

function sinkNames(config: Config, wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return [...config.sinks.keys()];
  if (config.sinks.has(wanted)) return [wanted];
  throw new ForwardError('config', `the configuration has no sink "${oneLine(wanted, 64)}"`, {
    hint: `its sinks are: ${[...config.sinks.keys()].join(', ')}`,
  });
}

function renderingOf(parts: BuiltParts, sink: string, event: AuditEvent): Rendering {
  const made = renderFor(parts, sink, event, { withinLimits: true });
  const format = parts.sinks.get(sink)?.format;
  if (made === null || format === undefined)
    throw new Error(`the sink ${sink} is configured but was not built`);
  const common = { sink, format: format.name, kind: format.kind, outcome: made.kind };
  if (made.kind === 'sent') return { ...common, body: made.rendered.text, reason: null };
  const reason = made.kind === 'filtered' ? 'the sink’s where leaves it out' : made.reason;
  return { ...common, body: null, reason };
}

function renderingLines({ sink, format, kind, body, reason }: Rendering, paint: Paint): string[] {
  const head = paint(['bold', 'cyan'], `${shown(sink)} (${shown(format)})`);
  if (body === null) return [`${head}: ${paint('yellow', `not sent: ${shown(reason ?? 'unknown')}`)}`];
  return [head, kind === 'json' ? prettyJson(body, paint) : shown(body)];
}

function explanationDocument({ classification, ...why }: Understanding): object {
  return {
    domain: classification.domain,
    object: classification.object,
    verb: classification.verb,
    confidence: classification.confidence,
    overridden: classification.overridden,
    words: why.words,
    tokens: why.tokens,
    object_words: why.objectWords,
    verb_word: why.verbWord,
    rule: why.rule,
    by_roles: why.byRoles,
    row: why.row,
  };
}

function explanationLines({
  classification,
  tokens,
  objectWords,
  verbWord,
  rule,
  byRoles,
  row,
}: Understanding): string[] {
  const { domain, object, verb, confidence } = classification;
  const because =
    row === null
      ? `rule "${rule}" over the words ${tokens.join(' · ')}; object from ${quoted(objectWords)}, action from ${quoted(verbWord)}`
      : `the row "${row.match}" of normalize.event_types`;
  return [
    `  understood as ${domain} / ${object} / ${verb}, confidence ${confidence}`,
    `  because of ${because}`,
    ...(byRoles ? [`  and "${verb}" by the roles that its details add or remove`] : []),
  ].map((line) => `  ${shown(line)}`);
}

function quoted(text: string | null): string {
  return text === null ? 'nothing' : `"${text}"`;
}

function closing(found: Found, limit: number): string {
  const short = found.events.length < limit ? ` in the last ${formatDuration(PREVIEW_REACH_MS)}` : '';
  const filtered =
    found.unwanted === 0 ? '' : `; ${count(found.unwanted, 'newer event')} left out by the source's filters`;
  const malformed =
    found.malformed === 0 ? '' : `; ${count(found.malformed, 'item')} could not be read as an event`;
  return `${count(found.events.length, 'event')}${short}${filtered}${malformed}. Nothing was sent or kept.`;
}
