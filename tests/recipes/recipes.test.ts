import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { RECIPES } from '../../src/cli/init-recipes.ts';
import { sinkLines } from '../../src/cli/init-template.ts';
import type { SinkKind } from '../../src/cli/init-template.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { formats } from '../../src/formats/registry.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import { withoutEchoes } from '../../src/sinks/echoes.ts';
import { loadSink } from '../../src/sinks/registry.ts';
import type { Item, Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { deliverLoop } from '../contract/deliver-loop.ts';
import { briskClock } from '../fakes/brisk-clock.ts';
import { EXAMPLE_ORIGIN } from '../formats/catalogue.ts';
import { journaled } from '../formats/events.ts';
import { SUBSTITUTES } from './receivers.ts';
import type { Substitute } from './receivers.ts';

const FOLDER = new URL('../../docs/recipes/', import.meta.url);
const parts = await loadParts();
const clock = testClock();
const canonicalize = createCanonicalize({});

const fresh = readFileSync(new URL('../../content/samples/platform.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line, index) => journaled(line, { seq: BigInt(index + 1) }));

function strange(seq: bigint, item: object): AuditEvent {
  const shape = { event_type: 'report_exported', created_at: '2026-01-02T03:59:00Z' };
  return journaled(JSON.stringify({ ...shape, ...item }), { seq });
}

const old = strange(900n, { id: 'old-one', created_at: '2025-01-02T03:59:00Z' });
// More than any of these receivers takes as one event, where it has a limit at all.
const large = strange(901n, { id: 'large-one', event_details: { text: 'x'.repeat(1_600_000) } });

const pages = readdirSync(FOLDER).filter((name) => name.endsWith('.md') && name !== 'README.md');

/** The first block of YAML on the page. */
function yamlOf(offer: string): string {
  const text = readFileSync(new URL(pageOf(offer), FOLDER), 'utf8');
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
  return yaml;
}

function pageOf(offer: string): string {
  return `${offer}.md`;
}

interface Opened {
  readonly sink: Sink;
  readonly items: readonly Item[];
  /** What was held back, by id. */
  readonly unsent: ReadonlyMap<string, string>;
}

/** The sink of a configuration, as the program builds it, and what it would send of these events. */
async function openPage(yaml: string, env: Readonly<Record<string, string>>): Promise<Opened> {
  const head =
    'sources:\n  platform: { type: cloudquery, url: https://acme.mycloudquery.com, api_key: "${KEY}" }\n';
  const config = parseConfig(`${head}${yaml}`, '/etc/ferry/a.yaml', { KEY: 'k', ...env }, parts);
  const [configured, ...more] = [...config.sinks.values()];
  if (configured === undefined || more.length > 0) throw new Error('a page configures one sink');
  const { name, type, limits, where } = configured;
  const own = type === 'syslog' ? briskClock : clock;
  const context = { name, warn: () => undefined, clock: own, forwarderVersion: '1.2.3' };
  const sink = withoutEchoes(await loadSink(type)).create(configured.options as never, context);
  const format = formats
    .find((one) => one.name === configured.format)
    ?.create(configured.formatOptions as never);
  if (format === undefined) throw new Error(`no format ${configured.format}`);
  const prepare = createPrepare(canonicalize, format, where, () => EXAMPLE_ORIGIN, { limits, clock });
  const unsent = new Map<string, string>();
  const items = [...fresh, old, large].flatMap((event) => {
    const prepared = prepare(event);
    if (prepared.kind === 'item') return [prepared.item];
    unsent.set(event.id, prepared.kind === 'unrendered' ? prepared.reason : prepared.kind);
    return [];
  });
  return { sink, items, unsent };
}

async function run(recipe: SinkKind, substitute: Substitute): Promise<void> {
  const running = await substitute.open(clock);
  const { sink, items, unsent } = await openPage(running.move(yamlOf(recipe.offer)), substitute.secrets);
  const delivery = await deliverLoop(
    (batch, signal) => sink.send(batch, signal),
    items,
    clock,
    async (error) => {
      throw error;
    },
  );
  expect(delivery.deadLetters).toEqual([]);
  const taken = running.taken();
  for (const { canonical } of items)
    expect(
      taken.filter((text) => text.includes(canonical.id)),
      canonical.id,
    ).toHaveLength(1);
  expect(taken).toHaveLength(items.length);
  const sent = (id: string): boolean => items.some(({ canonical }) => canonical.id === id);
  expect(sent('old-one')).toBe(substitute.old === 'taken');
  expect(sent('large-one')).toBe(substitute.large !== 'dead letter');
  if (substitute.old === 'dead letter') expect(unsent.get('old-one')).toMatch(/^too old: /);
  if (substitute.large === 'dead letter') expect(unsent.get('large-one')).toMatch(/max_event_bytes allows/);
  const { items: findings } = await sink.check(new AbortController().signal);
  expect(findings.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
  await sink.close();
  await running.close();
}

describe('the recipes', () => {
  it('have a page and a substitute each, and no other has', () => {
    const names = RECIPES.map(({ offer }) => offer);
    expect(pages).toEqual(names.map(pageOf).toSorted());
    expect(Object.keys(SUBSTITUTES).toSorted()).toEqual(names.toSorted());
    const index = readFileSync(new URL('README.md', FOLDER), 'utf8');
    for (const name of names) expect(index).toContain(`(${pageOf(name)})`);
  });

  describe.each(RECIPES.map((recipe) => [recipe.offer, recipe] as const))('%s', (offer, recipe) => {
    const substitute = SUBSTITUTES[offer];
    if (substitute === undefined) throw new Error(`no substitute of ${offer}`);

    it('shows what init writes', () => {
      const secret =
        recipe.secret === null ? null : ({ kind: 'variable', name: recipe.secret.variable } as const);
      const lines = sinkLines({ sink: recipe, target: recipe.target?.example ?? null, secret, index: null });
      expect(yamlOf(offer)).toBe(
        ['sinks:', `  ${recipe.name}:`, ...lines.map((line) => `    ${line}`), ''].join('\n'),
      );
    });

    it('is taken whole, and holds back what the receiver would lose', () => run(recipe, substitute));

    it('is what a wrong type is told', () => {
      const load = () => openPage(`sinks:\n  a: { type: ${offer} }\n`, {});
      const words = `did you mean "${recipe.type}"? docs/recipes/${pageOf(offer)} shows how`;
      return expect(load()).rejects.toThrow(words);
    });

    if (substitute.wrong === undefined) return;
    it('holds with a wrong secret, and does not show it', async () => {
      const running = await substitute.open(clock);
      const wrong = 'wr0ng-secret-of-nobody';
      const env = { ...substitute.secrets, [substitute.wrong ?? '']: wrong };
      const { sink, items } = await openPage(running.move(yamlOf(offer)), env);
      const signal = new AbortController().signal;
      const error = await sink
        .send({ items: items.slice(0, 3), attempt: 1 }, signal)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ kind: 'denied' });
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(wrong);
      await sink.close();
      await running.close();
    });
  });
});
