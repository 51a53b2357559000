import type { Command } from 'commander';

import { editorSchema } from '../config/editor-schema.ts';
import { allParts } from '../config/parts.ts';

/** `auditferry schema`: the JSON Schema of the configuration, for editors. */
export function registerSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(() => {
      process.stdout.write(schemaText());
    });
}

/** What the command prints and what config/config.schema.json holds. */
export function schemaText(): string {
  return `${JSON.stringify(editorSchema(allParts), null, 2)}\n`;
}
