import type { Revision } from '../checkpoint/journal.ts';
import { oneLine } from '../model/errors.ts';
import type { Finding, Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import { lightJson } from '../model/light-json.ts';

const FIELDS_LIMIT = 20;
/** Characters of one path. */
const FIELD_LENGTH_LIMIT = 100;

/** Named in a finding about many events; up to so many altered ones of a harvest are a finding each. */
const NAMED_LIMIT = 10;
/** Kinds of change that are told apart within one harvest: names of fields come from outside. */
const CHANGES_LIMIT = 20;

interface Change {
  readonly revision: Revision;
  /** Null where the two cannot be compared. */
  readonly fields: readonly string[] | null;
}

/**
 * Findings for ids that came again with other bytes. The Platform joins the user into the event when it is read, so a change
 * below `user` alone is expected, and one sign-in brings all events of that user again: it is one finding for each set of
 * fields, with the same words each time, so that it stays acknowledged. Any other field should never change. Without the bytes that were
 * held nobody can tell the two apart.
 */
export function describeRevisions(revisions: readonly Revision[]): Finding[] {
  const ofUsers = new Map<string, Change[]>();
  const altered = new Map<string, Change[]>();
  const unheld: Change[] = [];
  for (const revision of revisions) {
    if (revision.held === null) {
      unheld.push({ revision, fields: null });
      continue;
    }
    const fields = changedFields(revision.held, revision.seen);
    const groups = fields !== null && isUserOnly(fields) ? ofUsers : altered;
    const named = fields === null ? UNKNOWN_FIELDS : fields.slice(0, FIELDS_LIMIT).join(', ');
    const what = groups.has(named) || groups.size < CHANGES_LIMIT ? named : OTHER_FIELDS;
    const changes = groups.get(what) ?? [];
    changes.push({ revision, fields });
    groups.set(what, changes);
  }
  return [
    ...[...ofUsers].map(([what, changes]) => userFinding(what, changes)),
    ...[...altered].flatMap(([what, changes]) =>
      changes.length > NAMED_LIMIT
        ? [manyAltered(what, changes)]
        : changes.map((change) => oneAltered(what, change)),
    ),
    ...(unheld.length === 0 ? [] : [unheldFinding(unheld)]),
  ];
}

const UNKNOWN_FIELDS = 'which fields is unknown: the held bytes cannot be compared';
const OTHER_FIELDS = 'other fields';

function isUserOnly(fields: readonly string[]): boolean {
  return fields.length > 0 && fields.every((field) => field === 'user' || field.startsWith('user.'));
}

function userFinding(what: string, changes: readonly Change[]): Finding {
  return {
    kind: 'user_changed',
    subject: what,
    summary: `events came again with another user part (${what}): the Platform joins the user when it is read; the first bytes stay`,
    detail: summed(changes),
  };
}

/** Only the hash of these is held, and a sign-in of their user changes it as well as a forgery would. */
function unheldFinding(changes: readonly Change[]): Finding {
  return {
    kind: 'changed_after_pruning',
    subject: 'pruned',
    summary:
      'events came again with other bytes after theirs had left the journal: most likely with another user part, which the Platform joins when it is read; state.retention keeps the bytes for longer',
    detail: summed(changes),
  };
}

function oneAltered(what: string, { revision, fields }: Change): Finding {
  const id = oneLine(revision.id);
  return {
    kind: 'altered_event',
    eventId: revision.id,
    summary: `event ${id} came again with other bytes (${what}): somebody or something changed it; the first bytes stay`,
    detail: {
      held_sha256: revision.heldHash,
      seen_sha256: revision.seenHash,
      fields: fields?.slice(0, FIELDS_LIMIT) ?? null,
    },
  };
}

/** So many changes at once have one cause and are one finding, which is reported again when there are more. */
function manyAltered(what: string, changes: readonly Change[]): Finding {
  const times = changes.map(({ revision }) => revision.createdAt).toSorted();
  return {
    kind: 'altered_event',
    subject: what,
    summary: `${changes.length} events created between ${oneLine(times[0] ?? '')} and ${oneLine(times.at(-1) ?? '')} came again with other bytes (${what}): somebody or something changed them; the first bytes stay`,
    detail: summed(changes),
  };
}

function summed(changes: readonly Change[]): Json {
  const named = changes.slice(0, NAMED_LIMIT).map(({ revision }) => ({
    id: oneLine(revision.id),
    held_sha256: revision.heldHash,
    seen_sha256: revision.seenHash,
  }));
  return { events: changes.length, fields: changes[0]?.fields?.slice(0, FIELDS_LIMIT) ?? null, named };
}

/**
 * Paths (`user.email`) at which two JSON texts differ, two levels deep. Empty when only the spelling differs; null when they
 * cannot be compared, such as where one is nested too deeply: what a server sends must not stop the program.
 */
function changedFields(held: string, seen: string): string[] | null {
  try {
    return compare(JSON.parse(lightJson(held)) as Json, JSON.parse(lightJson(seen)) as Json, '', 2).map(
      (path) => oneLine(path, FIELD_LENGTH_LIMIT),
    );
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return null;
    throw error;
  }
}

function compare(before: Json | undefined, after: Json | undefined, path: string, depth: number): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (depth === 0 || !isObject(before) || !isObject(after)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    compare(before[key], after[key], path === '' ? key : `${path}.${key}`, depth - 1),
  );
}
