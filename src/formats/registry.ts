import { cefFormat } from './cef.ts';
import { cimFormat } from './cim.ts';
import { ecsFormat } from './ecs.ts';
import type { Format, FormatDefinition } from './format.ts';
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

/** A format with its defaults, as where no sink says how it is to be. The name must be one of them. */
export function plainFormat(name: string): Format {
  const format = formats.find((one) => one.name === name);
  if (format === undefined) throw new Error(`no format ${name}`);
  return format.create({});
}
