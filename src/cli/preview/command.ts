import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import { formatDuration } from '../../model/units.ts';
import { createClassify } from '../../formats/classify.ts';
import type { Classify, Explanation } from '../../formats/classify.ts';
import type { Classification } from '../../formats/format.ts';
import type { NormalizeOptions } from '../../formats/options.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import { wallClock } from '../../model/clock.ts';
import type { AuditEvent } from '../../model/event.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import type { BuiltParts } from '../build-parts.ts';
import { EXIT } from '../exit.ts';
import { PREVIEW_REACH_MS, readNewest } from './newest.ts';
import type { Found } from './newest.ts';
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
  readonly outcome: 'sent' | 'filtered' | 'unrendered';
  readonly body: string | null;
  readonly reason: string | null;
}

export async function preview(options: PreviewOptions, terminal: Terminal): Promise<number> {
  const config = await openConfig(options.config, terminal);
  const names = sinkNames(config, options.sink);
  return withParts(config, terminal, async (parts) => {
    const found = await readNewest(parts.sources, options.limit, terminal.clock, terminal.signal);
    const { event_types: table } = config.normalize as NormalizeOptions;
    const classify = createClassify(table);
    const previews = found.events.map((event) => ({
      event,
      explanation: understandingOf(parts.canonicalize(event).classification, classify),
      sinks: names.map((name) => renderingOf(parts, config, name, event)),
    }));
    if (options.json === true) {
      const events = previews.map(({ event, explanation, sinks }) => ({
        id: event.id,
        source: event.source,
        created_at: event.createdAt,
        event_type: explanation.classification.eventType,
        ...(options.explain === true ? { explanation: explanationDocument(explanation) } : {}),
        sinks,
      }));
      writeJson(terminal.out, { events, left_out_by_filters: found.unwanted, malformed: found.malformed });
    } else {
      previews.forEach(({ event, explanation, sinks }, index) => {
        const title = `event ${index + 1} of ${previews.length}: ${explanation.classification.eventType}`;
        terminal.out.write(`${index === 0 ? '' : '\n'}${shown(title)}\n`);
        terminal.out.write(
          `  ${shown(`id ${event.id}, created ${event.createdAt}, source ${event.source}`)}\n`,
        );
        if (options.explain === true)
          for (const line of explanationLines(explanation)) terminal.out.write(`${line}\n`);
        for (const rendering of sinks) terminal.out.write(renderingText(rendering));
      });
      terminal.err.write(`${closing(found, options.limit)}\n`);
    }
    return EXIT.done;
  });
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

function renderingOf(parts: BuiltParts, config: Config, name: string, event: AuditEvent): Rendering {
  const part = parts.sinks.get(name);
  if (part === undefined) throw new Error(`the sink ${name} is configured but was not built`);
  const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf, {
    limits: part.limits,
    clock: wallClock,
  });
  const prepared = prepare(event);
  const common = { sink: name, format: config.sinks.get(name)?.format ?? part.format.name };
  if (prepared.kind === 'item') return { ...common, outcome: 'sent', body: prepared.item.body, reason: null };
  if (prepared.kind === 'filtered') {
    return { ...common, outcome: 'filtered', body: null, reason: 'the sink’s where leaves it out' };
  }
  return { ...common, outcome: 'unrendered', body: null, reason: prepared.reason };
}

function renderingText({ sink, format, body, reason }: Rendering): string {
  const text = body ?? `(not sent: ${reason ?? 'unknown'})`;
  return `  ${shown(sink)}, ${shown(format)}:\n${shown(text)}\n`;
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
