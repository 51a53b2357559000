import type { Json } from '../../src/model/event.ts';

type Mapping = { readonly [key: string]: Json };

/** The fields of an Elasticsearch mapping with their types: `user.name` → keyword, subfields such as `message.text` included. */
export function mappedFields(mapping: Mapping, prefix = ''): Map<string, string> {
  const fields = new Map<string, string>();
  const children = {
    ...(mapping['properties'] as Mapping | undefined),
    ...(mapping['fields'] as Mapping | undefined),
  };
  for (const [name, child] of Object.entries(children)) {
    const tree = child as Mapping;
    if (typeof tree['type'] === 'string' && tree['type'] !== 'object')
      fields.set(prefix + name, tree['type']);
    for (const [inner, type] of mappedFields(tree, `${prefix}${name}.`)) fields.set(inner, type);
  }
  return fields;
}
