import type { CanonicalEvent, Canonicalize, Outcome } from '../../formats/format.ts';
import type { AuditEvent } from '../../model/event.ts';
import { globsOf } from '../../model/glob.ts';
import { actorNames } from '../event-line.ts';

/** Which events are meant; what is left out does not matter. */
export interface Wanted {
  readonly source?: string;
  readonly type?: readonly string[];
  readonly user?: readonly string[];
  readonly outcome?: Outcome;
}

/** An event as it is understood; null for one that is not meant. */
export type Match = (event: AuditEvent) => CanonicalEvent | null;

export function createMatch(canonicalize: Canonicalize, { source, type, user, outcome }: Wanted): Match {
  const hasType = type === undefined ? () => true : globsOf(type);
  const isUser = user === undefined ? null : globsOf(user);
  return (event) => {
    if (source !== undefined && event.source !== source) return null;
    const canonical = canonicalize(event);
    const meant =
      hasType(canonical.classification.eventType) &&
      (isUser === null || actorNames(canonical).some(isUser)) &&
      (outcome === undefined || canonical.outcome === outcome);
    return meant ? canonical : null;
  };
}
