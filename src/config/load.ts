import { dirname, resolve } from 'node:path';

import type { ErrorObject } from 'ajv/dist/2020.js';

import { describe, oneLine } from '../model/errors.ts';
import { readSmallFile } from '../model/small-file.ts';
import { buildConfig } from './build.ts';
import type { Config } from './config.ts';
import { cautions, heartbeatProblems, literalSecrets, partProblems, sharedNames } from './cross-checks.ts';
import { explainErrors } from './explain.ts';
import type { Environment } from './interpolate.ts';
import { evaluate } from './interpolate.ts';
import { FileError, problemError, problemLines } from './problems.ts';
import type { Problem } from './problems.ts';
import { assembleSchema } from './schema.ts';
import type { Parts } from './schema.ts';
import { NAME_PATTERN } from './sections.ts';
import { stateProblems } from './state-problems.ts';
import { readTree } from './tree.ts';
import type { Tree, TreeNode } from './tree.ts';
import { sinkTypesIn, usedParts } from './used-parts.ts';
import { compileSchema } from './validate.ts';
import type { Surroundings, Validate } from './validate.ts';
import { evaluateAll, find, isUnder, pathOf, segmentsOf, plainData, toData } from './values.ts';
import type { Evaluated, ScalarNode } from './values.ts';

const FILE_LIMIT_BYTES = 2 ** 20;

/** A value that is turned into a number can uncover the next fault below it only a few times. */
const CONVERSION_ROUNDS_MAX = 4;

/**
 * Reads a configuration file. Throws a `config` error with one line for each thing that is wrong, in the file's order:
 * `name.yaml:9:5: sinks.splunk.formt: unknown key; expected …; did you mean "format"?`. No line holds a secret.
 */
export async function loadConfig(
  path: string,
  env: Environment,
  load: LoadParts,
  options: LoadOptions = {},
): Promise<Config> {
  const tree = readTree(readYaml(path));
  const types = tree.root === null ? [] : sinkTypesIn(tree.root);
  return readConfig(tree, path, env, await load(types), options);
}

export interface LoadOptions {
  /**
   * Places that the work does not reach, such as `sinks` or `sources.platform.api_key`: a variable or file that only they name may be
   * missing, and its value stands for nothing.
   */
  readonly unreached?: readonly string[];
}

/** For commands that read the journal or ask the daemon, and no Platform and no receiver. */
export const JOURNAL_ONLY: LoadOptions = { unreached: ['heartbeat', 'sources', 'sinks'] };
/** For commands that read the Platform, and nothing else. */
export const PLATFORM_ONLY: LoadOptions = { unreached: ['state', 'admin', 'heartbeat', 'sinks'] };
/** For commands that only open the journal. */
export const STATE_ONLY: LoadOptions = { unreached: ['admin', 'heartbeat', 'sources', 'sinks'] };
/** For commands that work on files. */
export const OFFLINE: LoadOptions = { unreached: ['state', 'admin', 'heartbeat', 'sources', 'sinks'] };

/** Stands for a variable or file that is not there, so that the rest of its part is judged all the same. */
const STAND_IN = 'not-there';

/** An unknown key spoils nothing beside it. */
const UNKNOWN_KEY: ReadonlySet<string> = new Set(['additionalProperties', 'unevaluatedProperties']);

/** Brings the parts with the sinks of these types, or with every sink: those that a file does not name need not be loaded. */
type LoadParts = (types?: readonly string[]) => Promise<Parts>;

/** The same from a text that is at hand; `path` is what messages name and what relative paths start from. */
export function parseConfig(
  text: string,
  path: string,
  env: Environment,
  parts: Parts,
  options: LoadOptions = {},
): Config {
  return readConfig(readTree(text), path, env, parts, options);
}

/** The names in a section of a file, as far as it can be read: none where it cannot. A name that a shell would not take for a word is left out. */
export function namesIn(path: string, section: 'sinks' | 'sources'): readonly string[] {
  try {
    const { root } = readTree(readYaml(path));
    const part = root === null ? null : find(root, [section]);
    const names = part?.node.kind === 'map' ? [...part.node.entries.keys()] : [];
    return names.filter((name) => new RegExp(NAME_PATTERN).test(name));
  } catch (error) {
    if (error instanceof FileError) return [];
    throw error;
  }
}

function readConfig(
  tree: Tree,
  path: string,
  env: Environment,
  parts: Parts,
  { unreached = [] }: LoadOptions,
): Config {
  const file = oneLine(path);
  const folder = dirname(resolve(path));
  const { root, locate } = tree;
  if (root === null || tree.problems.length > 0) throw problemError(file, tree.problems, tree);

  const evaluated = evaluateAll(root, env, folder, STAND_IN);
  const around = surroundingsOf(root, env, folder);
  const isThere = (pointer: string): boolean => !isUnder(pathOf(root, segmentsOf(pointer)), evaluated.failed);
  const surroundings = {
    ...around,
    reader: (pointer: string) => (isThere(pointer) ? around.reader(pointer) : null),
  };
  const { data, errors } = validateConverting(compiled(root, parts), root, evaluated, surroundings);
  const isJudged = ({ path: place }: Problem): boolean => !isUnder(place, evaluated.failed);
  const spoilt = explainErrors(
    errors.filter(({ keyword }) => !UNKNOWN_KEY.has(keyword)),
    root,
  );
  const plain = plainData(data);
  const found = [
    ...explainErrors(errors, root),
    ...partProblems(plain, parts, root, spoilt),
    ...heartbeatProblems(plain, root),
    ...stateProblems(plain, root),
  ];
  const missing = evaluated.problems.filter(({ path: place }) => !isUnder(place, unreached));
  const problems = [...missing, ...found.filter(isJudged)];
  if (problems.length > 0) throw problemError(file, problems, tree);

  const unwise = [...literalSecrets(plain, root), ...cautions(plain, root), ...sharedNames(plain, root)];
  const warnings = problemLines(file, unwise, locate);
  return buildConfig(plain, { file: path, folder, warnings }, parts.sinks);
}

/** Compiling takes a good part of a second with every part; a reload mostly brings the same ones. */
const compiledOnce = new WeakMap<Parts, Map<string, Validate>>();

/** Compiles the schema of the parts that the file names. */
function compiled(root: TreeNode, parts: Parts): Validate {
  const byNames = compiledOnce.get(parts) ?? new Map<string, Validate>();
  compiledOnce.set(parts, byNames);
  const used = usedParts(root, parts);
  const types = [...used.sources, ...used.sinks].map(({ type }) => type);
  const names = [...types, ...used.formats.map(({ name }) => name)].join(' ');
  const validate = byNames.get(names) ?? compileSchema(assembleSchema(used));
  byNames.set(names, validate);
  return validate;
}

/** The text of a YAML file of this program. Throws `config` where it cannot be read. */
export function readYaml(
  path: string,
  what = 'the configuration',
  otherwise = '; write one with `auditferry init`, or name another with --config or in AUDITFERRY_CONFIG',
): string {
  const shown = oneLine(path);
  let bytes: Buffer;
  try {
    bytes = readSmallFile(path, FILE_LIMIT_BYTES);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? `there is no such file${otherwise}` : `${describe(error)}; expected a YAML file`;
    throw new FileError([`${shown}: ${what} cannot be read: ${reason}`]);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FileError([`${shown}: the file is not UTF-8; expected YAML text in UTF-8`]);
  }
}

function surroundingsOf(root: TreeNode, env: Environment, folder: string): Surroundings {
  const nodeAt = (pointer: string): TreeNode | undefined => find(root, segmentsOf(pointer))?.node;
  return {
    folder,
    isWritten: (pointer) => {
      const node = nodeAt(pointer);
      return node !== undefined && !(node.kind === 'scalar' && node.value === null);
    },
    reader: (pointer) => {
      const node = nodeAt(pointer);
      const template = node?.kind === 'scalar' ? node.template : null;
      return template === null ? null : () => evaluate(template, env, folder);
    },
  };
}

/**
 * A scalar that is one interpolation, `${PORT}`, is text at first; where the schema wants a number or a boolean and the
 * text is one, it is validated again as that.
 */
function validateConverting(
  validate: Validate,
  root: TreeNode,
  evaluated: Evaluated,
  surroundings: Surroundings,
): { data: unknown; errors: readonly ErrorObject[] } {
  const overrides = new Map<ScalarNode, unknown>();
  for (let round = 1; ; round += 1) {
    const data = toData(root, evaluated.texts, overrides);
    const errors = validate(data, surroundings);
    const before = overrides.size;
    for (const error of errors) convert(error, root, evaluated.texts, overrides);
    if (overrides.size === before || round === CONVERSION_ROUNDS_MAX) return { data, errors };
  }
}

function convert(
  error: ErrorObject,
  root: TreeNode,
  texts: ReadonlyMap<ScalarNode, string>,
  overrides: Map<ScalarNode, unknown>,
): void {
  if (error.keyword !== 'type') return;
  const node = find(root, segmentsOf(error.instancePath))?.node;
  if (node?.kind !== 'scalar' || node.template?.whole !== true || overrides.has(node)) return;
  const text = (texts.get(node) ?? '').trim();
  const wanted: unknown = error.params['type'];
  const types = Array.isArray(wanted) ? wanted : [wanted];
  const numeric = types.includes('integer') || types.includes('number');
  if (numeric && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text)) overrides.set(node, Number(text));
  if (types.includes('boolean') && /^(?:true|false)$/.test(text)) overrides.set(node, text === 'true');
}
