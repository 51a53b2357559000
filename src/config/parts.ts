import { normalizeSchema } from '../formats/options.ts';
import { formats } from '../formats/registry.ts';
import { simulatorSchema } from '../simulator/options.ts';
import { loadSink, sinkTypes } from '../sinks/registry.ts';
import { sources } from '../sources/registry.ts';
import type { Parts } from './schema.ts';

/** By the types in them: what is compiled from parts is kept with them, and a reload mostly brings the same ones. */
const loaded = new Map<string, Promise<Parts>>();

/** What this program can be configured to do, with the sinks of these types; with every sink when one of them is unknown. */
export function loadParts(types: readonly string[] = [...sinkTypes.keys()]): Promise<Parts> {
  const known = types.length > 0 && types.every((type) => sinkTypes.has(type));
  const wanted = [...sinkTypes.keys()].filter((type) => !known || types.includes(type));
  const name = wanted.join(' ');
  const parts = loaded.get(name) ?? withSinks(wanted);
  loaded.set(name, parts);
  return parts;
}

async function withSinks(types: readonly string[]): Promise<Parts> {
  const sinks = await Promise.all(types.map(loadSink));
  return { sources, sinks, formats, normalize: normalizeSchema, simulator: simulatorSchema };
}
