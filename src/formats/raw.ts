import type { Format, FormatDefinition } from './format.ts';
import { markedRaw } from './line-ids.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';

const schema = {
  description: 'The event as the Platform sent it.',
  properties: {
    redact: {
      type: 'boolean',
      default: true,
      description: 'false carries the very bytes, secrets and role SQL included.',
    },
  },
} as const satisfies PartSchema;

/** The event as the Platform sent it, on one line. Its own bytes, but for what redaction took out, and an id where they lead to none. */
export const rawFormat: FormatDefinition<GivenOf<typeof schema>> = {
  name: 'raw',
  kind: 'json',
  schema,
  create(given): Format {
    const { redact } = withDefaults(schema, given);
    return {
      name: 'raw',
      kind: 'json',
      render: (event) =>
        markedRaw(redact ? event.originalText : (event.verbatim ?? event.originalText), event.id),
    };
  },
};
