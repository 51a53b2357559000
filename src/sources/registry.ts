import { cloudquery } from './cloudquery/definition.ts';
import type { SourceDefinition } from './source.ts';

/** Every source type; a new one is a line here. */
export const sources: readonly SourceDefinition[] = [cloudquery];
