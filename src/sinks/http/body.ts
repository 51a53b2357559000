import type { Item } from '../sink.ts';

export type Encoding = 'ndjson' | 'json_array';

/** Bytes that an item adds to a body: the document and one separator. */
export function weighItem(item: Item): number {
  return Buffer.byteLength(item.body) + 1;
}

/** A request body of whole items. Lone surrogates, which UTF-8 cannot carry, become U+FFFD. */
export function encodeBody(items: readonly Item[], encoding: Encoding): string {
  const documents = items.map((item) => {
    const document = item.body.toWellFormed();
    return encoding === 'json_array' && item.kind === 'text' ? JSON.stringify(document) : document;
  });
  return encoding === 'json_array' ? `[${documents.join(',')}]` : `${documents.join('\n')}\n`;
}

export function contentType(items: readonly Item[], encoding: Encoding): string {
  if (encoding === 'json_array') return 'application/json';
  return items.every((item) => item.kind === 'json') ? 'application/x-ndjson' : 'text/plain; charset=utf-8';
}
