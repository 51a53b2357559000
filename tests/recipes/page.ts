import { readFileSync } from 'node:fs';

import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { formats } from '../../src/formats/registry.ts';
import type { Clock } from '../../src/model/clock.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { loadSink } from '../../src/sinks/registry.ts';
import type { Item, Sink } from '../../src/sinks/sink.ts';
import { briskClock } from '../fakes/brisk-clock.ts';
import { EXAMPLE_ORIGIN } from '../formats/catalogue.ts';

export const RECIPES_FOLDER = new URL('../../docs/recipes/', import.meta.url);

const parts = await loadParts();
const canonicalize = createCanonicalize({});

/** The first block of YAML on a recipe's page. */
export function yamlOf(offer: string): string {
  const text = readFileSync(new URL(`${offer}.md`, RECIPES_FOLDER), 'utf8');
  return /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
}

export interface Opened {
  readonly sink: Sink;
  readonly items: readonly Item[];
  /** Why the others were held back, by id. */
  readonly unsent: ReadonlyMap<string, string>;
}

/** The one sink of a configuration, as the program builds it, and what it would send of these events. */
export async function openPage(
  yaml: string,
  env: Readonly<Record<string, string>>,
  events: readonly AuditEvent[],
  clock: Clock,
): Promise<Opened> {
  const head =
    'sources:\n  platform: { type: cloudquery, url: https://acme.mycloudquery.com, api_key: "${KEY}" }\n';
  const config = parseConfig(`${head}${yaml}`, '/etc/ferry/a.yaml', { KEY: 'k', ...env }, parts);
  const [configured, ...more] = [...config.sinks.values()];
  if (configured === undefined || more.length > 0) throw new Error('a page configures one sink');
  const { name, type, limits, where } = configured;
  // A syslog sink listens before it closes its side, so that its clock has to pass.
  const own = type === 'syslog' ? briskClock : clock;
  const context = { name, warn: () => undefined, clock: own, forwarderVersion: '1.2.3' };
  const sink = guardSink(await loadSink(type)).create(configured.options, context);
  const format = formats.find((one) => one.name === configured.format)?.create(configured.formatOptions);
  if (format === undefined) throw new Error(`no format ${configured.format}`);
  const prepare = createPrepare(canonicalize, format, where, () => EXAMPLE_ORIGIN, { limits, clock });
  const unsent = new Map<string, string>();
  const items = events.flatMap((event) => {
    const prepared = prepare(event);
    if (prepared.kind === 'item') return [prepared.item];
    unsent.set(event.id, prepared.kind === 'unrendered' ? prepared.reason : prepared.kind);
    return [];
  });
  return { sink, items, unsent };
}
