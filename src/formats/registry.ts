import { cefFormat } from './cef.ts';
import { cimFormat } from './cim.ts';
import { ecsFormat } from './ecs.ts';
import type { FormatDefinition } from './format.ts';
import { leefFormat } from './leef.ts';
import { ocsfFormat } from './ocsf.ts';
import { rawFormat } from './raw.ts';

/** Every format; a new one is a line here. */
export const formats: readonly FormatDefinition[] = [
  rawFormat,
  ecsFormat,
  cimFormat,
  ocsfFormat,
  cefFormat,
  leefFormat,
];
