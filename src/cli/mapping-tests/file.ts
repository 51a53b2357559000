import { dirname, resolve } from 'node:path';

import type { Config } from '../../config/config.ts';
import { explainErrors } from '../../config/explain.ts';
import { readYaml } from '../../config/load.ts';
import { problemError } from '../../config/problems.ts';
import { readTree } from '../../config/tree.ts';
import type { TreeNode } from '../../config/tree.ts';
import { compileSchema } from '../../config/validate.ts';
import type { Classification, Outcome, Severity } from '../../formats/format.ts';
import { formats } from '../../formats/registry.ts';
import { SEVERITIES } from '../../formats/severity.ts';
import { DOMAINS, VERBS } from '../../formats/vocabulary.ts';
import { oneLine } from '../../model/errors.ts';
import type { Json } from '../../model/event.ts';
import type { JsonObject } from '../../model/json.ts';

export interface MappingTest {
  readonly name: string;
  /** Where it begins in the file, from 1. */
  readonly line: number;
  /** As the Platform sends it; a text is the event's JSON. */
  readonly event: JsonObject | string;
  readonly expect: Expected;
}

export interface Expected {
  readonly understood?: {
    readonly category?: Classification['domain'];
    readonly object?: string;
    readonly action?: Classification['verb'];
    readonly outcome?: Outcome;
    readonly severity?: Severity;
  };
  /** By format. */
  readonly formats?: Readonly<Record<string, Content>>;
  /** By sink: whether its `where` takes the event, or what it is sent. */
  readonly sinks?: Readonly<Record<string, 'sent' | 'filtered' | Content>>;
}

/** A mapping that a JSON document must hold, or pieces of the text. */
export type Content = JsonObject | readonly string[];

/** Reads a file of mapping tests. Throws `config` with one line for each thing that is wrong, as for a configuration. */
export function readMappingTests(path: string, config: Config): readonly MappingTest[] {
  const file = oneLine(path);
  const tree = readTree(readYaml(path, 'the tests', ''), {
    templates: false,
    least: '"tests"',
  });
  const { root, problems, locate } = tree;
  if (root === null || problems.length > 0) throw problemError(file, problems, tree);
  const data = plain(root);
  const surroundings = { folder: dirname(resolve(path)), isWritten: () => true, reader: () => null };
  const errors = compileSchema(schemaFor(config))(data, surroundings);
  if (errors.length > 0) throw problemError(file, explainErrors(errors, root), tree);
  const list = root.kind === 'map' ? root.entries.get('tests')?.value : undefined;
  const places = list?.kind === 'list' ? list.items : [];
  const { tests } = data as unknown as { readonly tests: readonly Omit<MappingTest, 'line'>[] };
  return tests.map((test, index) => ({ ...test, line: locate(places[index]?.at ?? 0).line }));
}

function plain(node: TreeNode): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
}

const pieces = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 };
const content = { ...pieces, type: ['object', 'array'] };

function schemaFor(config: Config): Readonly<Record<string, unknown>> {
  const contents = formats.map(({ name, kind }) => [name, kind === 'json' ? content : pieces]);
  const sinks = [...config.sinks.keys()].map((name) => [name, sinkContent]);
  return mapping({ tests: { type: 'array', minItems: 1, items: testSchema(contents, sinks) } }, ['tests']);
}

/** A word, a mapping or a list. */
const sinkContent = {
  ...content,
  type: ['string', 'object', 'array'],
  if: { type: 'string' },
  then: { enum: ['sent', 'filtered'] },
};

function testSchema(
  contents: readonly (readonly unknown[])[],
  sinks: readonly (readonly unknown[])[],
): object {
  const understood = mapping({
    category: { enum: DOMAINS },
    object: { type: 'string' },
    action: { enum: VERBS },
    outcome: { enum: ['success', 'failure', 'unknown'] },
    severity: { enum: SEVERITIES },
  });
  const properties = {
    name: { type: 'string', minLength: 1, maxLength: 200 },
    event: { type: ['object', 'string'] },
    expect: {
      ...mapping({
        understood,
        formats: mapping(Object.fromEntries(contents) as object),
        sinks: mapping(Object.fromEntries(sinks) as object),
      }),
      minProperties: 1,
    },
  };
  return mapping(properties, ['name', 'event', 'expect']);
}

function mapping(properties: object, required: readonly string[] = []): Readonly<Record<string, unknown>> {
  return { type: 'object', additionalProperties: false, required, properties };
}
