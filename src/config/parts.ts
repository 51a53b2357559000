import { normalizeSchema } from '../formats/options.ts';
import { formats } from '../formats/registry.ts';
import { simulatorSchema } from '../simulator/options.ts';
import { sinks } from '../sinks/registry.ts';
import { sources } from '../sources/registry.ts';
import type { Parts } from './schema.ts';

/** Everything that this program can be configured to do. */
export const allParts: Parts = {
  sources,
  sinks,
  formats,
  normalize: normalizeSchema,
  simulator: simulatorSchema,
};
