import { ForwardError } from '../model/errors.ts';
import type { Means } from '../model/options.ts';
import type { Secret } from '../model/secret.ts';
import type { Show } from '../net/credentials.ts';

/** Request headers of the operator's own, by name. A plain text is one that may be shown. */
export type OperatorHeaders = Readonly<Record<string, Secret | string>>;

export const headersSchema: Means<OperatorHeaders> & { readonly default: object } = {
  type: 'object',
  default: {},
  propertyNames: { pattern: "^[A-Za-z0-9!#$%&'*+.^_|~-]+$" },
  additionalProperties: { type: 'string', header: true },
  description: 'Further request headers; from ${…}, or under a name such as X-Api-Key, a secret.',
} as const;

/** What is wrong with each header, by the path of its key: readers that throw, for `problemsOf`. `own`: those that the sink decides. */
export function headerReads(
  headers: OperatorHeaders,
  own: ReadonlySet<string>,
): readonly (readonly [path: string, read: () => string])[] {
  return Object.entries(headers).map(([name, value]) => [
    `headers.${name}`,
    () => {
      if (own.has(name.toLowerCase())) {
        throw new ForwardError('config', 'is set by the sink itself', { hint: 'expected another header' });
      }
      return readable(typeof value === 'string' ? value : value.reveal());
    },
  ]);
}

/** The headers as they are sent, with lower-case names. */
export async function showHeaders(
  headers: OperatorHeaders,
  show: Show,
): Promise<Readonly<Record<string, string>>> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    shown[name.toLowerCase()] = readable(typeof value === 'string' ? value : await show(value));
  return shown;
}

function readable(value: string): string {
  const text = value.trim();
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return text;
  throw new ForwardError('config', 'holds a character that no header can carry', {
    hint: 'expected printable text',
  });
}
