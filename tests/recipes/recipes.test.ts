import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { RECIPES } from '../../src/cli/init-recipes.ts';
import type { SinkKind } from '../../src/cli/init-recipes.ts';
import { sinkLines } from '../../src/cli/init-template.ts';
import type { AuditEvent } from '../../src/model/event.ts';
import { testClock } from '../contract/clock.ts';
import { deliverLoop } from '../contract/deliver-loop.ts';
import { journaled } from '../formats/events.ts';
import { openPage, RECIPES_FOLDER, yamlOf } from './page.ts';
import { SUBSTITUTES } from './receivers.ts';
import type { Substitute } from './receivers.ts';

const clock = testClock();

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

const events = [...fresh, old, large];

const pages = readdirSync(RECIPES_FOLDER).filter((name) => name.endsWith('.md') && name !== 'README.md');

function pageOf(offer: string): string {
  return `${offer}.md`;
}

async function run(recipe: SinkKind, substitute: Substitute): Promise<void> {
  const running = await substitute.open(clock);
  const { sink, items, unsent } = await openPage(
    running.move(yamlOf(recipe.offer)),
    substitute.secrets,
    events,
    clock,
  );
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
    const index = readFileSync(new URL('README.md', RECIPES_FOLDER), 'utf8');
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
      const load = () => openPage(`sinks:\n  a: { type: ${offer} }\n`, {}, [], clock);
      const words = `did you mean "${recipe.type}"? docs/recipes/${pageOf(offer)} shows how`;
      return expect(load()).rejects.toThrow(words);
    });

    if (substitute.wrong === undefined) return;
    it('holds with a wrong secret, and does not show it', async () => {
      const running = await substitute.open(clock);
      const wrong = 'wr0ng-secret-of-nobody';
      const env = { ...substitute.secrets, [substitute.wrong ?? '']: wrong };
      const { sink, items } = await openPage(running.move(yamlOf(offer)), env, events, clock);
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
