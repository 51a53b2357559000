import type { Command } from 'commander';

import { editorSchema } from '../config/editor-schema.ts';
import { loadParts } from '../config/parts.ts';

/** `auditferry schema`: the JSON Schema of the configuration, for editors. */
export function registerSchema(program: Command): void {
  program
    .command('schema')
    .summary('print the JSON Schema of the configuration')
    .description('print the JSON Schema of the configuration, for editors')
    .action(async () => {
      process.stdout.write(await schemaText());
    });
}

/** What the command prints and what config/config.schema.json holds. */
export async function schemaText(): Promise<string> {
  return `${JSON.stringify(editorSchema(await loadParts()), null, 2)}\n`;
}
