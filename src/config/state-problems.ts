import { Secret } from '../model/secret.ts';
import { positionOf } from './explain.ts';
import type { Problem } from './problems.ts';
import type { TreeNode } from './tree.ts';
import { find, pathOf } from './values.ts';

const OF_SQLITE = ['dir'];
const OF_POSTGRES = ['url', 'schema', 'lease'];

/** Each type of journal has its own keys: one that belongs to the other is a mistake, and must not be passed over. */
export function stateProblems(data: unknown, root: TreeNode): readonly Problem[] {
  const state = (data as { readonly state?: { readonly type?: unknown; readonly url?: unknown } } | null)
    ?.state;
  if (state?.type !== 'sqlite' && state?.type !== 'postgres') return []; // its keys are judged once it is known
  const at = (key: string | null, text: string): Problem => {
    const keys = key === null ? ['state'] : ['state', key];
    return { at: positionOf(root, keys, 'value'), path: pathOf(root, keys), text };
  };
  const isPostgres = state.type === 'postgres';
  const foreign = (isPostgres ? OF_SQLITE : OF_POSTGRES).filter((key) => find(root, ['state', key]) !== null);
  const problems = foreign.map((key) =>
    at(
      key,
      `belongs to type: ${isPostgres ? 'sqlite' : 'postgres'}; expected type: ${isPostgres ? 'sqlite' : 'postgres'}, or no such key`,
    ),
  );
  if (!isPostgres) return problems;
  if (state.url !== undefined && !(state.url instanceof Secret)) return problems; // told already
  if (state.url === undefined)
    return [
      ...problems,
      at(
        null,
        'the key url is missing; expected the database as postgres://user:password@host:5432/database',
      ),
    ];
  const protocol = URL.parse(state.url.reveal())?.protocol;
  if (protocol === 'postgres:' || protocol === 'postgresql:') return problems;
  return [...problems, at('url', 'no connection URI; expected postgres://user:password@host:5432/database')];
}
