import type { Command } from 'commander';

import type { Config } from '../../config/config.ts';
import { OFFLINE } from '../../config/load.ts';
import type { CanonicalEvent, Format } from '../../formats/format.ts';
import type { NormalizeOptions } from '../../formats/options.ts';
import { plainFormat } from '../../formats/registry.ts';
import { ForwardError } from '../../model/errors.ts';
import type { AuditEvent, Json } from '../../model/event.ts';
import { isObject } from '../../model/json.ts';
import type { JsonObject } from '../../model/json.ts';
import { createOriginOf } from '../../pipeline/origin.ts';
import type { OriginOf } from '../../pipeline/origin.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import { CLOUDQUERY } from '../../sources/cloudquery/product.ts';
import { buildFormat, canonicalizeOf } from '../build-parts.ts';
import { paintOn } from '../colour.ts';
import { EXIT } from '../exit.ts';
import { count, markOf, shown, withConfig, writeJson } from '../report.ts';
import type { ReportOptions } from '../report.ts';
import { openConfig } from '../session.ts';
import { processTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { version } from '../version.ts';
import { lacks } from './contains.ts';
import type { Lack } from './contains.ts';
import { readMappingTests } from './file.ts';
import type { Content, MappingTest } from './file.ts';

/** One expectation that was not met. */
interface Failure extends Lack {
  /** `understood`, a format, or `sink` with its name. */
  readonly where: string;
}

interface Outcome {
  readonly test: MappingTest;
  readonly failures: readonly Failure[];
}

const SHOWN_MOST = 300;
/** When an event of a test happened that does not say it. */
const SOME_TIME = '2026-01-01T00:00:00Z';

/** `auditferry test`: what a configuration makes of events that a file holds. Reaches nobody. */
export function registerTest(program: Command): void {
  withConfig(program.command('test'))
    .summary("check what normalize and where make of a file's events")
    .description(
      'check what normalize and where make of the events of a file; needs no network and no secret',
    )
    .argument('<file>', 'events and what each format and sink must make of them, in YAML')
    .action(async (file: string, options: ReportOptions) => {
      process.exitCode = await testMappings(file, options, processTerminal());
    });
}

export async function testMappings(
  file: string,
  options: ReportOptions,
  terminal: Terminal,
): Promise<number> {
  const config = await openConfig(options.config, terminal, OFFLINE);
  const run = createRun(config);
  const outcomes = readMappingTests(file, config).map((test) => ({ test, failures: run(test) }));
  const failed = outcomes.filter(({ failures }) => failures.length > 0).length;
  if (options.json === true) {
    const tests = outcomes.map(({ test: { name, line }, failures }) => ({
      name,
      line,
      passed: failures.length === 0,
      failures: failures.map((failure) => ({ ...failure, actual: failure.actual ?? null })),
    }));
    writeJson(terminal.out, { passed: outcomes.length - failed, failed, tests });
  } else {
    for (const line of outcomes.flatMap((outcome) => outcomeLines(outcome, file, terminal)))
      terminal.out.write(`${line}\n`);
    const sum = failed === 0 ? 'all passed' : `${failed} failed`;
    terminal.out.write(`\n${count(outcomes.length, 'test')}, ${sum}\n`);
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

function outcomeLines({ test, failures }: Outcome, file: string, terminal: Terminal): string[] {
  const mark = markOf(failures.length === 0 ? 'ok' : 'fail', terminal.out);
  const paint = paintOn(terminal);
  if (failures.length === 0) return [`${paint('green', mark)} ${shown(test.name)}`];
  const head = `${paint('red', mark)} ${shown(test.name)}  ${paint('gray', `(${shown(file)}:${test.line})`)}`;
  const lines = failures.map(({ where, path, expected, actual }) => {
    const place = path === '' ? where : `${where}: ${path}`;
    const wanted = expected === null ? 'nothing' : JSON.stringify(expected);
    const quoted = path !== '' || typeof actual !== 'string' ? JSON.stringify(actual) : actual;
    const got = actual === undefined ? 'nothing' : quoted;
    return `     ${shown(`${place}: expected ${wanted}, got ${shown(got, SHOWN_MOST)}`)}`;
  });
  return [head, ...lines];
}

/** Runs one test after the other on what a configuration says. */
function createRun(config: Config): (test: MappingTest) => readonly Failure[] {
  const normalize = config.normalize;
  const canonicalize = canonicalizeOf(config);
  const originOf = originsOf(config, normalize);
  const source = [...config.sources.keys()][0] ?? '';
  return (test) => {
    const event = auditEvent(test, source);
    const canonical = canonicalize(event);
    const { understood = {}, formats: contents = {}, sinks = {} } = test.expect;
    const rendered = Object.entries(contents).flatMap(([name, content]) => {
      const format = plainFormat(name);
      return lacking(name, content, format, format.render(canonical, originOf(source)));
    });
    const sent = Object.entries(sinks).flatMap(([name, wanted]) => {
      const sink = config.sinks.get(name);
      if (sink === undefined) throw new Error(`no sink ${name}`);
      const format = buildFormat(sink);
      const prepared = createPrepare(canonicalize, format, sink.where, originOf)(event);
      const where = `sink ${name}`;
      if (prepared.kind === 'item' && typeof wanted !== 'string')
        return lacking(where, wanted, format, prepared.item.body);
      const expected = typeof wanted === 'string' ? wanted : 'sent';
      const actual =
        prepared.kind === 'item' ? 'sent' : prepared.kind === 'filtered' ? 'filtered' : prepared.reason;
      return expected === actual ? [] : [{ where, path: '', expected, actual }];
    });
    const meant = lacks(understood, meaningOf(canonical)).map((lack) => ({ where: 'understood', ...lack }));
    return [...meant, ...rendered, ...sent];
  };
}

function lacking(where: string, content: Content, { kind }: Format, body: string): Failure[] {
  if (isPieces(content)) {
    return content
      .filter((piece) => !body.includes(piece))
      .map((expected) => ({ where, path: '', expected, actual: body }));
  }
  if (kind !== 'json') return [{ where, path: '', expected: content, actual: body }];
  return lacks(content, JSON.parse(body) as Json).map((lack) => ({ where, ...lack }));
}

function isPieces(content: Content): content is readonly string[] {
  return Array.isArray(content);
}

function meaningOf({ classification, outcome, severity }: CanonicalEvent): Json {
  const { domain, object, verb } = classification;
  return { category: domain, object, action: verb, outcome, severity };
}

/** What the Platform always says stands in for what a test leaves out. */
function auditEvent({ name, line, event }: MappingTest, source: string): AuditEvent {
  const given = typeof event === 'string' ? parsed(event, name) : event;
  const filled = { id: `test-${line}`, created_at: SOME_TIME, ...given };
  const original =
    typeof event === 'string' && 'id' in given && 'created_at' in given ? event : JSON.stringify(filled);
  const { id, created_at: createdAt } = filled;
  return { seq: 1n, source, id: String(id), createdAt: String(createdAt), original, receivedAt: SOME_TIME };
}

function parsed(text: string, name: string): JsonObject {
  try {
    const json = JSON.parse(text) as Json;
    if (isObject(json)) return json;
  } catch {
    // no JSON: the same answer as for JSON of another shape
  }
  throw new ForwardError('config', `the event of the test "${shown(name)}" is a text, but no JSON object`, {
    hint: 'write it as a mapping, or paste the JSON that the Platform sends',
  });
}

/** As far as it is known without asking anybody. */
function originsOf(config: Config, { instance, labels }: NormalizeOptions): OriginOf {
  const sources = [...config.sources.values()].map(({ name, options }) => {
    const { url } = options as { readonly url?: unknown };
    const host = URL.parse(String(url))?.hostname ?? name;
    const origin = { product: CLOUDQUERY, instance: host, apiVersion: 'v2' };
    return [name, { source: { origin: () => origin } }] as const;
  });
  const constants = { forwarderVersion: version, labels, ...(instance === undefined ? {} : { instance }) };
  return createOriginOf(new Map(sources), constants);
}
