import { describe, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';

const parts = await loadParts();
const REST = `
sources: { platform: { type: cloudquery, url: 'https://acme.example', api_key: '\${KEY}' } }
sinks: { out: { type: stdout, format: raw } }
`;
const load = (state: string) =>
  parseConfig(`state: ${state}${REST}`, 'ferry.yaml', { KEY: 'k', URL: 'postgres://u:secret@db/x' }, parts);
const faultOf = (state: string): string => {
  try {
    load(state);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was taken');
};

describe('the place of the journal', () => {
  it('is a folder unless something else is said', () => {
    expect(load('{}').state).toMatchObject({ type: 'sqlite', retention: 604_800_000 });
  });

  it('is a database, whose address no message shows', () => {
    const { state, warnings } = load("{ type: postgres, url: '${URL}', schema: ferry, lease: 20s }");
    expect(state).toMatchObject({ type: 'postgres', schema: 'ferry', lease: 20_000 });
    expect(state.url?.reveal()).toBe('postgres://u:secret@db/x');
    expect(JSON.stringify(state)).not.toContain('secret@');
    expect(warnings).toEqual([]);
  });

  it('may be written plainly where it holds no password', () => {
    expect(load('{ type: postgres, url: postgres://u@db/x }').warnings).toEqual([]);
    expect(load('{ type: postgres, url: postgres://u:p@db/x }').warnings).toEqual([
      expect.stringContaining('the secret itself is in the file'),
    ]);
  });

  it.each([
    ['{ url: postgres://db/x }', 'ferry.yaml:1:15: state.url: belongs to type: postgres'],
    ['{ lease: 5s }', 'state.lease: belongs to type: postgres'],
    ['{ type: postgres, url: postgres://db/x, dir: ./data }', 'state.dir: belongs to type: sqlite'],
    ['{ type: postgres }', 'state: the key url is missing; expected the database as postgres://'],
    ["{ type: postgres, url: 'mysql://db/x' }", 'state.url: no connection URI; expected postgres://'],
    ["{ type: postgres, url: 'host=db' }", 'state.url: no connection URI'],
    ['{ type: postgres, url: postgres://db/x, lease: 1s }', 'state.lease'],
    ['{ type: postgres, url: postgres://db/x, schema: "A b" }', 'state.schema'],
    ['{ type: mysql }', 'state.type'],
  ])('%s is refused', (state, message) => {
    expect(faultOf(state)).toContain(message);
  });

  it.each([
    ["{ type: postgres, url: '${GONE}' }", 'state.url: the environment variable GONE is not set'],
    ['{ type: postgress, url: postgres://db/x }', 'state.type: unknown value "postgress"'],
    ['{ type: postgres, url: 5 }', 'state.url: is a number'],
  ])('%s is one fault, not two', (state, message) => {
    expect(faultOf(state)).toContain(message);
    expect(faultOf(state).split('\n')).toHaveLength(1);
  });
});
