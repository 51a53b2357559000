import type { Canonicalize } from '../../src/formats/format.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Json, NewEvent, Window } from '../../src/model/event.ts';
import { asObject, isObject } from '../../src/model/json.ts';
import type { Secret } from '../../src/model/secret.ts';
import { parseTime } from '../../src/model/time.ts';
import type {
  Harvest,
  RangeHarvest,
  Source,
  SourceDefinition,
  SourceOrigin,
} from '../../src/sources/source.ts';

/** An entry of a building's doors: another audit log than the Platform's in every respect. */
interface Entry {
  readonly n: number;
  readonly at: string;
  readonly door: string;
  readonly holder: { readonly mail: string; readonly name: string };
  readonly opened: boolean;
}

export interface DoorOptions {
  readonly building: string;
  readonly key: Secret;
  readonly kept: number;
}

/** The server: numbered entries, read by number. */
export interface DoorLog {
  readonly entries: Entry[];
  add(count: number): void;
  failure: 'refused' | 'silent' | null;
}

export const DOOR_KEY = 'key-of-all-doors';
const PAGE = 50;
const FIRST_MS = Date.parse('2026-01-02T08:00:00Z');

export function createDoorLog(): DoorLog {
  const entries: Entry[] = [];
  return {
    entries,
    failure: null,
    add(count) {
      for (let left = count; left > 0; left -= 1) {
        const n = entries.length + 1;
        const at = new Date(FIRST_MS + n * 1000).toISOString();
        const who = n % 3;
        const holder = { mail: `holder${who}@doors.example`, name: `Holder ${who}` };
        entries.push({ n, at, door: `Door ${n % 7}`, holder, opened: n % 10 !== 0 });
      }
    },
  };
}

/** A source type of this kind, over one log. */
export function doorSource(log: DoorLog): SourceDefinition<DoorOptions> {
  return {
    type: 'doors',
    schema: {
      description: 'The doors of a building.',
      required: ['building', 'key'],
      properties: {
        building: { type: 'string', description: 'Its name.' },
        key: { type: 'string', secret: true, description: 'Its key.' },
        kept: { type: 'string', duration: true, default: '7d', description: 'How long entries stay.' },
      },
    },
    horizonMs: ({ kept }) => kept,
    createCanonicalize,
    create: (options) => createDoors(log, options),
  };
}

function createDoors(log: DoorLog, { building, key }: DoorOptions): Source {
  const origin: SourceOrigin = {
    product: { vendor: 'Acme', name: 'Acme Doors', slug: 'doors', service: 'acme-doors' },
    instance: building,
    apiVersion: '7',
  };
  let after = 0;
  let requests = 0;

  const ask = (wanted: (entry: Entry) => boolean, signal: AbortSignal): readonly Entry[] => {
    signal.throwIfAborted();
    requests += 1;
    if (log.failure === 'silent') throw new ForwardError('transient', `${building} does not answer`);
    if (log.failure === 'refused' || key.reveal() !== DOOR_KEY)
      throw new ForwardError('denied', `${building} refuses the key`, { hint: 'ask the porter for one' });
    return log.entries.filter(wanted);
  };

  return {
    async *poll(_held, progress, signal): AsyncGenerator<Harvest> {
      after = readProgress(progress);
      for (;;) {
        const page = ask(({ n }) => n > after, signal).slice(0, PAGE);
        const last = page.at(-1);
        if (last === undefined) return;
        after = last.n;
        yield { ...harvestOf('live', page), progress: { after } };
      }
    },
    async *read(windows, signal): AsyncGenerator<RangeHarvest> {
      for (const [index, window] of windows.entries()) {
        const found = ask((entry) => isWithin(entry, window), signal);
        yield { ...harvestOf('backfill', found), progress: null, open: windows.slice(index + 1) };
      }
    },
    count: async (window, _expected, signal) => ask((entry) => isWithin(entry, window), signal).length,
    check: async (signal) => ({
      items: [{ name: 'doors', outcome: 'ok', finding: `${ask(() => true, signal).length} entries` }],
    }),
    state: () => ({
      frontierNs: after === 0 ? null : timeOf(log.entries[after - 1]),
      targetNs: null,
      openWindows: 0,
      pendingReconcile: 0,
      clockSkewMs: null,
      requests,
      overlapMs: 0,
      troubles: [],
    }),
    origin: () => origin,
    close: async () => {},
  };
}

function readProgress(progress: Json | null): number {
  if (progress === null) return 0;
  const after = asObject(progress)['after'];
  if (typeof after !== 'number')
    throw new ForwardError('corrupt', 'the progress of the doors cannot be read');
  return after;
}

function harvestOf(purpose: Harvest['purpose'], entries: readonly Entry[]): Omit<Harvest, 'progress'> {
  const coverage =
    entries.length === 0
      ? []
      : [
          {
            startNs: timeOf(entries[0]),
            endNs: timeOf(entries.at(-1)),
            status: 'read' as const,
            serverCount: null,
          },
        ];
  return { purpose, events: entries.map(eventOf), malformed: [], coverage, findings: [] };
}

function eventOf(entry: Entry): NewEvent {
  return {
    id: idOf(entry),
    createdAt: entry.at,
    createdNs: timeOf(entry),
    original: JSON.stringify(entry),
    eventType: entry.opened ? 'opened' : 'refused',
    wanted: true,
  };
}

export function idOf({ n }: Entry): string {
  return `door-${n}`;
}

function isWithin(entry: Entry, { startNs, endNs }: Window): boolean {
  return timeOf(entry) >= startNs && timeOf(entry) <= endNs;
}

function timeOf(entry: Entry | undefined): bigint {
  return parseTime(entry?.at ?? '') ?? 0n;
}

function createCanonicalize(): Canonicalize {
  return (event) => {
    const item: unknown = JSON.parse(event.original);
    const { door, holder, opened } = (isObject(item) ? item : {}) as Partial<Entry>;
    return {
      id: event.id,
      source: event.source,
      seq: event.seq,
      createdNs: parseTime(event.createdAt) ?? 0n,
      createdAt: event.createdAt,
      receivedAt: event.receivedAt,
      classification: {
        eventType: opened === true ? 'door_opened' : 'door_refused',
        slug: opened === true ? 'door_opened' : 'door_refused',
        domain: 'auth',
        object: 'session',
        verb: 'login',
        outcomeHint: null,
        confidence: 'high',
        overridden: false,
      },
      title: opened === true ? 'Door Opened' : 'Door Refused',
      outcome: opened === true ? 'success' : 'failure',
      severity: 'low',
      actor: { type: 'user', email: holder?.mail, name: holder?.name, roles: [] },
      entityName: door,
      addedRoles: [],
      removedRoles: [],
      changedAttributes: [],
      details: null,
      originalText: event.original,
      redactions: 0,
    };
  };
}

/** The times of all entries. */
export function wholeWindow({ entries }: DoorLog): Window {
  return { startNs: timeOf(entries[0]), endNs: timeOf(entries.at(-1)) };
}
