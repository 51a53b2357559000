import type { Revision } from '../checkpoint/journal.ts';
import { oneLine } from '../model/errors.ts';
import type { Finding, Json } from '../model/event.ts';
import { lightJson } from '../model/light-json.ts';

const FIELDS_LIMIT = 20;
/** Characters of one path. */
const FIELD_LENGTH_LIMIT = 100;

/**
 * Findings for ids that came again with other bytes. The Platform joins the user into the event when it is read, so a
 * change below `user` alone is expected; any other field should never change.
 */
export function describeRevisions(revisions: readonly Revision[]): Finding[] {
  return revisions.map((revision) => {
    const fields = revision.held === null ? null : changedFields(revision.held, revision.seen);
    const userOnly =
      fields !== null &&
      fields.length > 0 &&
      fields.every((field) => field === 'user' || field.startsWith('user.'));
    const what =
      fields === null
        ? 'which fields is unknown: the held bytes are pruned, or cannot be compared'
        : fields.slice(0, FIELDS_LIMIT).join(', ');
    const id = oneLine(revision.id);
    return {
      kind: userOnly ? 'user_changed' : 'altered_event',
      eventId: revision.id,
      summary: userOnly
        ? `event ${id} came again with another user part (${what}): the Platform joins the user when it is read; the first bytes stay`
        : `event ${id} came again with other bytes (${what}): somebody or something changed it; the first bytes stay`,
      detail: {
        held_sha256: revision.heldHash,
        seen_sha256: revision.seenHash,
        fields: fields?.slice(0, FIELDS_LIMIT) ?? null,
      },
    };
  });
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
  if (depth === 0 || !isRecord(before) || !isRecord(after)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    compare(before[key], after[key], path === '' ? key : `${path}.${key}`, depth - 1),
  );
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
