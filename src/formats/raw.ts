import type { Format, FormatDefinition } from './format.ts';
import { markedRaw } from './line-ids.ts';

export interface RawOptions {
  readonly redact?: boolean;
}

/** The event as the Platform sent it, on one line. Its own bytes, but for what redaction took out, and an id where they lead to none. */
export const rawFormat: FormatDefinition<RawOptions> = {
  name: 'raw',
  kind: 'json',
  schema: {
    description: 'The event as the Platform sent it.',
    properties: {
      redact: {
        type: 'boolean',
        default: true,
        description: 'false carries the very bytes, secrets and role SQL included.',
      },
    },
  },
  create: ({ redact = true }): Format => ({
    name: 'raw',
    kind: 'json',
    render: (event) =>
      markedRaw(redact ? event.originalText : (event.verbatim ?? event.originalText), event.id),
  }),
};
