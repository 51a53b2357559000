import { eventTypes } from '../../src/simulator/catalog.ts';
import { defaultOptions } from '../../src/simulator/options.ts';
import { jsonOf } from '../../src/simulator/body.ts';
import { singleRow } from '../../src/simulator/stream.ts';
import { fixtureText } from '../formats/validators.ts';
import { EXAMPLES } from '../formats/catalogue.ts';
import { HEARTBEATS } from './heartbeats.ts';
import { flattened, itemsOf, rendered } from './rendered.ts';
import type { Document } from './rendered.ts';
import { SCENARIOS } from './scenarios.ts';

/** Enough rows of the simulated Platform to see each of its event types. */
const SIMULATED = eventTypes.length * 25;

/** Events as the simulated Platform lists them. */
export function simulatedItems(count = SIMULATED): object[] {
  return Array.from({ length: count }, (_, index) => {
    const ms = Date.parse('2026-01-02T03:00:00Z') + index * 60_000;
    const row = singleRow(defaultOptions, { ms, sub: 0, visibleMs: ms }, index, null);
    return JSON.parse(jsonOf(row, defaultOptions, ms)) as object;
  });
}

/** Members of events that the simulated Platform does not show, though the API has or may have them. */
const RARE = itemsOf([
  {
    type: 'sync.updated',
    details: { changes: { schedule: 1 }, api_key_id: 'k1', api_key_name: 'ci', sync_id: 's1' },
  },
  {
    type: 'user_role_changed',
    details: {
      target_user: { id: 'u', email: 'b@acme.example', name: 'B' },
      old_roles: ['A'],
      new_roles: ['C'],
    },
  },
  { type: 'team.created', entity: 'blue' },
  { type: 'quantum.flux' },
]).map((item) => ({ ...item, team_name: 'blue' }));

const made = new Map<'ecs' | 'cim', readonly Document[]>();

/** Documents with everything that a format can say; heartbeats are included. Made once: several tests look at them. */
export function emittedDocuments(format: 'ecs' | 'cim'): readonly Document[] {
  const known = made.get(format);
  if (known !== undefined) return known;
  const examples = EXAMPLES.map((name) => JSON.parse(fixtureText(`examples/${name}.json`)) as object);
  const scenarios = Object.values(SCENARIOS).flatMap(({ fires, quiet }) =>
    [...fires, ...quiet].flatMap(itemsOf),
  );
  const items = [...examples, ...RARE, ...scenarios, ...simulatedItems()];
  const documents = [...rendered(items, format), ...HEARTBEATS[format]];
  made.set(format, documents);
  return documents;
}

/** Every field that the `ecs` format emits. */
export function ecsFields(): Set<string> {
  return new Set(emittedDocuments('ecs').flatMap((document) => [...flattened(document).keys()]));
}
