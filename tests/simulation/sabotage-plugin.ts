import { replicaSabotages } from './replicas/sabotages.ts';
import { sabotages } from './sabotages.ts';

const QUERY = /[?&]sabotage=([a-z-]+)/;
/** What carries a sabotage on: the product, and the list of what a simulation takes of it. */
const CARRIES = /\/src\/|\/product\.ts$/;
const all = [...sabotages, ...replicaSabotages];

interface Resolver {
  resolve(source: string, importer: string, options: object): Promise<{ readonly id: string } | null>;
}

/**
 * A module imported with `?sabotage=NAME` gets one line of the product changed while it is loaded, and hands the query on to
 * everything of ours that it imports: a whole product with one fault, beside the sound one, without a changed file.
 */
export function sabotagePlugin() {
  return {
    name: 'sabotage',
    enforce: 'pre' as const,
    async resolveId(this: Resolver, source: string, importer: string | undefined, options: object) {
      const name = QUERY.exec(importer ?? '')?.[1];
      if (name === undefined || importer === undefined || !source.startsWith('.')) return null;
      const found = await this.resolve(source, importer.replace(/\?.*$/, ''), { ...options, skipSelf: true });
      return found === null || !CARRIES.test(found.id) ? found : `${found.id}?sabotage=${name}`;
    },
    transform(code: string, id: string) {
      const name = QUERY.exec(id)?.[1];
      const edits = all.find((sabotage) => sabotage.name === name)?.edits ?? [];
      let changed = code;
      for (const { file, find, replace } of edits) {
        if (!id.replace(/\?.*$/, '').endsWith(file)) continue;
        if (changed.split(find).length !== 2) {
          throw new Error(`sabotage ${String(name)}: ${file} does not hold this once any more: ${find}`);
        }
        changed = changed.replace(find, () => replace);
      }
      return changed === code ? null : { code: changed, map: null };
    },
  };
}
